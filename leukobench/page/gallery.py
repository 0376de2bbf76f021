"""The worst mistakes and the label suspects, with their pictures where the images are at hand."""

import base64
from pathlib import Path

import cv2
import numpy as np

from leukobench.imaging.io import ImageError, read_image
from leukobench.inputs import locate
from leukobench.segmentation import segment
from leukobench.text import visible

SIDE = 112  # px of a thumbnail's longer side
QUALITY = 72  # of WebP
PICTURES = 160  # thumbnails in a page at most
SUSPECTS = 24  # shown of each target
SURE = 3  # probabilities given of each answer, the highest


def gallery(report, tests, root=None):
    """Mistakes and suspects of a report, and thumbnails of their cells.

    Parameters
    ----------
    report : Report
    tests : list of str
        Targets, in the order of the page.
    root : path-like, optional
        The data root; without it there are no thumbnails.

    Returns
    -------
    dict
        `mistakes` and `suspects` (lists of dicts, `cell` is a place in `cells`), `suspect_counts` (target -> number of
        all of them), `cells` (path, thumbnail as a data address, outline as an SVG path) and `missing` (why images
        lack).
    """
    suspects = report.suspects.groupby("test", sort=False).head(SUSPECTS)
    # A model's most confident errors first, whichever the model, then its second ones.
    turn = report.mistakes.groupby(["test", "model"]).cumcount()
    mistakes = report.mistakes.assign(turn=turn).sort_values(["turn", "confidence"], ascending=[True, False])
    names = list(report.board["model"])
    wanted = list(dict.fromkeys([*suspects["sha256"], *mistakes["sha256"]]))
    place = {sha: i for i, sha in enumerate(wanted)}
    cells, missing = _cells(report, wanted, root)
    return {
        "cells": cells,
        "missing": missing,
        "suspect_counts": report.suspects["test"].value_counts().to_dict(),
        "suspects": [
            {"cell": place[row.sha256], "test": tests.index(row.test), "true": row.true, "called": row.predicted}
            | {"asked": int(row.asked), "votes": int(row.votes)}
            for row in suspects.itertuples()
        ],
        "mistakes": [
            {"cell": place[row.sha256], "test": tests.index(row.test), "model": names.index(row.model)}
            | {"train": row.train, "true": row.true, "said": _surest(row.probabilities, row.true)}
            for row in mistakes.itertuples()
        ],
    }


def thumbnail(image, mask):
    """A small picture of a cell, and the outlines of cell and nucleus on it.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
    mask : ndarray of uint8, shape (H, W)
        0 background, 1 cytoplasm, 2 nucleus.

    Returns
    -------
    dict
        `src` (a data address), `width`, `height`, `outline` (an SVG path).
    """
    share = min(1, SIDE / max(image.shape[:2]))
    width, height = (max(1, round(side * share)) for side in image.shape[1::-1])
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    outline = "".join(_outline(mask >= level, share) for level in (1, 2))
    return {"src": data_address(small), "width": width, "height": height, "outline": outline}


def data_address(image):
    """An RGB image as an address that holds it."""
    _, data = cv2.imencode(".webp", image[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    return "data:image/webp;base64," + base64.b64encode(data.tobytes()).decode()


def _outline(region, share):
    contours, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    path = ""
    for contour in contours:
        points = (cv2.approxPolyDP(contour, 0.75 / share, True)[:, 0] + 0.5) * share
        if len(points) > 2:
            path += "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in points) + "Z"
    return path


def _surest(probabilities, true):
    """The highest probabilities of an answer, and that of the true class: pairs of class and number."""
    ordered = sorted(probabilities.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = ordered[:SURE] + [pair for pair in ordered[SURE:] if pair[0] == true]
    return [[name, round(value, 3)] for name, value in shown]


def _cells(report, hashes, root):
    """What is known of each image, with its picture where the very image that was scored is found."""
    samples = report.run.store.read_samples() if (Path(report.run.folder) / "samples.parquet").is_file() else None
    paths = {} if samples is None else dict(zip(samples["sha256"], samples["path"], strict=True))
    cells = [{"path": visible(paths.get(sha, "")), "sha256": sha[:12]} for sha in hashes]
    if root is None:
        return cells, "the data root was not at hand when the page was written (leukobench report DIR --data ROOT)"
    found = {}
    for sha in hashes[:PICTURES]:
        if sha in paths:
            try:
                found[sha] = read_image(locate(root, paths[sha]), sha)
            except ImageError:
                continue
    for (sha, image), mask in zip(found.items(), segment(list(found.values())), strict=True):
        cells[hashes.index(sha)] |= thumbnail(image, mask)
    lacking = min(len(hashes), PICTURES) - len(found)
    return cells, f"{lacking} images are not under the data root as they were scored" if lacking else ""

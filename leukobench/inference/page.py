"""The predictions as one HTML file that works alone: every cell, its answer, why not, and what it resembles."""

from functools import cache
from pathlib import Path

import cv2
import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from leukobench.cache import TableCache
from leukobench.datasets.taxonomy import CELL_TYPES
from leukobench.files import keep_result
from leukobench.imaging.io import ImageError, read_image, read_mask
from leukobench.inference.explain import map_of
from leukobench.inference.laboratory import count_errors, differential_count, scores, true_classes, warnings_of
from leukobench.inference.predict import UNSURE, notes
from leukobench.inference.trained import LOOKS
from leukobench.inference.trust import COLUMNS
from leukobench.inputs import locate
from leukobench.page.gallery import data_address, thumbnail
from leukobench.page.write import FOLDER, as_json, as_script, digest
from leukobench.running.representations import load_rows
from leukobench.segmentation import segment
from leukobench.text import visible

HERE = Path(__file__).parent / "templates"
PICTURES = 2_000  # cells that are shown as pictures
NEAR = 3  # references of each cell
REFERENCE_SIDE = 64  # px
UNREAD = "cannot be read"


def write_page(path, trained, images, table, folder, *, root=None, cache=None, weights=None, maps=None, progress):
    """Write the page of some predictions.

    Parameters
    ----------
    path : path-like
    trained : TrainedModel
    images, table : pandas.DataFrame
        Of `read_images` and `predict_images`.
    folder : path-like
        That the images lie in.
    root : path-like, optional
        The data root: cells that the model was trained on are shown where they are found there, else named.
    cache : path-like, optional
        As in `train_model`.
    weights : dict of str to list of (str, float, float), optional
        File to what speaks for its answer, of `leukobench.inference.explain.explain_images`.
    maps : path-like, optional
        Folder of where a network looks, as `explain_images` writes it.
    progress : leukobench.progress.ProgressReport

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    progress.stage("page", int((table["error"] == "").sum()))
    read = (table["error"] == "").to_numpy()
    looks = load_rows(LOOKS, images[read].assign(condition=""), TableCache(cache))
    _, near = trained.trust.nearest(pd.DataFrame(looks, columns=COLUMNS))
    references = _references(near, root)
    places = {sha: i for i, sha in enumerate(references)}
    nearest = iter(near)
    cells = []
    given = zip(table.itertuples(), images.itertuples(), true_classes(images, trained.level), strict=True)
    for row, image, true in given:
        cell = {"file": visible(row.file), "error": visible(row.error)}
        if not row.error:
            cell |= _facts(trained, row, table) | {
                "true": true,
                "near": [places[r.sha256] for r in next(nearest)[:NEAR]],
            }
            cell |= {"weights": weights[row.file]} if weights else {}
            cell |= _picture(folder, image) if len(cells) < PICTURES else {}
            cell |= _map(maps, row.file) if maps and len(cells) < PICTURES else {}
            progress.advance(1, row.file)
        cells.append(cell)
    data = {"head": trained.head, "unsure": UNSURE, "unread": UNREAD, "cells": cells}
    data |= {"references": list(references.values())}
    data |= {"titles": {name: CELL_TYPES[name].name for name in trained.head if name in CELL_TYPES}}
    keep_result(path, _render(_summary(trained, images, table, references), data).encode())


def _facts(trained, row, table):
    """What is said of one cell; numbers that are not known are left out."""
    said = {name: table.at[row.Index, name] for name in ("class", "likeliest", "why", "scale")}
    numbers = {"distance": row.distance, "quality": row.quality, "size": row.diameter_um}
    said |= {name: round(float(value), 3) for name, value in numbers.items() if np.isfinite(value)}
    return said | {"p": [round(float(table.at[row.Index, f"p_{name}"]), 4) for name in trained.head]}


def _picture(folder, asked):
    """Thumbnail and outline of the very file that was predicted; nothing where it has changed since."""
    try:
        image = read_image(locate(folder, asked.path), asked.sha256)
        if asked.mask:
            return thumbnail(image, read_mask(locate(folder, asked.mask), asked.mask_sha256))
    except ImageError:
        return {}
    (mask,), (quality,) = segment([image], return_quality=True)
    return thumbnail(image, mask if quality else np.zeros_like(mask))


def _map(maps, file):
    """Where a network looks, of one file; nothing where no network was asked."""
    place = map_of(maps, file)
    return {"map": data_address(read_image(place))} if place.is_file() else {}


def _references(near, root):
    """sha256 to label, path and, where the data root has the very file, picture, of the cells nearest to any."""
    found = {}
    for reference in (each for some in near for each in some[:NEAR]):
        if reference.sha256 not in found:
            found[reference.sha256] = {"label": reference.label, "path": visible(reference.path)}
            if root is not None and len(found) <= PICTURES:
                found[reference.sha256] |= _small(locate(root, reference.path), reference.sha256)
    return found


def _small(path, sha256):
    try:
        image = read_image(path, sha256)
    except ImageError:
        return {}
    share = min(1, REFERENCE_SIDE / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return thumbnail(small, np.zeros(small.shape[:2], np.uint8))


def _summary(trained, images, table, references):
    """What stands above the cells."""
    counts, errors = differential_count(table, trained.head), count_errors(trained, images, table)
    read, unsure = int((table["error"] == "").sum()), int((table["class"] == UNSURE).sum())
    pictured = any("src" in each for each in references.values())
    return {
        "headline": f"{read:,} cells, {read - unsure:,} sure answers",
        "synthetic": bool(table["synthetic"].any()),
        "model": trained.model,
        "sources": " and ".join(trained.sources),
        "level": trained.level,
        "sure": read - unsure,
        "unsure": unsure,
        "warnings": warnings_of(trained, table),
        "scores": scores(trained, images, table),
        "notes": notes(trained, images, table),
        "labelled": errors is not None,
        "count": [_counted(name, counts, errors) for name in counts.index],
        "nearest": "" if pictured else ", by name, as no data root is at hand that has them",
    }


def _counted(name, counts, errors):
    count = counts.loc[name]
    said = {"name": name, "title": CELL_TYPES[name].name if name in CELL_TYPES else "", "images": int(count["images"])}
    said |= {"percent": "–", "reach": "", "low": 0, "high": 0, "true": "–", "error": "–"}
    if np.isfinite(count["percent"]):
        low, high = (round(float(count[end]), 1) for end in ("low", "high"))
        said |= {"percent": f"{count['percent']:.1f}", "low": low, "high": high, "reach": f"{low:.1f} to {high:.1f}"}
    if errors is not None and name in errors.index:
        error = errors.loc[name]
        said["true"] = f"{error['true']:.1f}"
        said["error"] = f"{error['error']:+.1f} [{error['low']:+.1f}, {error['high']:+.1f}]"
    return said


def _render(content, data):
    script = as_script(["elements", "cell"], _text(HERE / "predictions.js"))
    loader = jinja2.FileSystemLoader(HERE)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.get_template("predictions.html").render(
        content=content,
        data=Markup(as_json(data)),
        style=Markup(_text(FOLDER / "templates" / "style.css") + _text(HERE / "predictions.css")),
        script=Markup(script),
        source=f"sha256-{digest(script)}",
    )


@cache
def _text(path):
    return path.read_text(encoding="utf-8")

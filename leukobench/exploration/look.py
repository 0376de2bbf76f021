"""Reads a sample of a data root: pictures with their masks, the mean cell of each class and origin, features."""

from dataclasses import dataclass, field

import cv2
import numpy as np
import pandas as pd

from leukobench.errors import UsageError
from leukobench.features import extract_features
from leukobench.imaging.io import ImageError, read_image
from leukobench.inputs import locate
from leukobench.segmentation import segment

BATCH = 32  # images in memory at a time
SIDE = 72  # px of a picture in the page
FIELD = 1.5  # side of a picture, in diameters of its cell
EXAMPLES = 3  # pictures of each class and origin
NUCLEUS, CELL = (255, 214, 0), (0, 229, 255)  # outlines: yellow and cyan stand out from any stain


@dataclass
class Look:
    """What was seen.

    Parameters
    ----------
    index : DataFrame
        Of `leukobench.datasets.build_index`: every file.
    level : str
        Cut through the label tree.
    seed : int
        Of the sample.
    sample : DataFrame
        Rows of the index that were looked at, each class and origin up to the same number.
    features : DataFrame
        One row per row of the sample.
    examples : dict of (dataset, class) -> list of ndarray
        Pictures with the outlines of nucleus and cell.
    means : dict of (dataset, class) -> ndarray of uint8, shape (SIDE, SIDE, 3)
        Mean picture, cells in its middle and at one size.
    lost : list of str
        Files that could not be read any more, with the reason.
    """

    index: pd.DataFrame
    level: str
    seed: int
    sample: pd.DataFrame
    features: pd.DataFrame
    examples: dict = field(default_factory=dict)
    means: dict = field(default_factory=dict)
    lost: list = field(default_factory=list)


def look_at(root, index, level="L8", *, per_class=40, seed=0, jobs=1, progress=None):
    """Look at a sample of every class of every dataset.

    Parameters
    ----------
    root : path-like
        The data root.
    index : DataFrame
        Of `leukobench.datasets.build_index`.
    level : str, default "L8"
        Cut through the label tree.
    per_class : int, default 40
        Images of each class and origin at most.
    seed : int, default 0
        Of the draw.
    jobs : int, default 1
        Threads that segment.
    progress : callable, optional
        Called as progress(done, total) in images.

    Returns
    -------
    Look

    Raises
    ------
    UsageError
        No usable image has a class at that level.
    """
    usable = index[(index["status"] == "ok") & index[level].notna()]
    if usable.empty:
        raise UsageError(f"no usable image has a class at {level}", "see `leukobench data index` for what was found")
    drawn = usable.sample(frac=1, random_state=seed).groupby(["dataset", level]).head(per_class).sort_index()
    look = Look(index, level, seed, drawn, pd.DataFrame())
    kept, tables, sums = [], [], {}
    for start in range(0, len(drawn), BATCH):
        rows, images = _read(root, drawn.iloc[start : start + BATCH], look.lost)
        masks = segment(images, n_jobs=jobs)
        if images:
            kept.append(rows)
            tables.append(extract_features(images, masks, um_per_px=rows["um_per_px"].to_numpy(float), device="cpu"))
        for (dataset, name), image, mask in zip(rows[["dataset", level]].to_numpy(), images, masks, strict=True):
            _see(look, sums, (dataset, name), image, mask)
        if progress:
            progress(min(start + BATCH, len(drawn)), len(drawn))
    if not kept:
        raise UsageError("none of the images can be read any more", "index the data root again")
    look.sample, look.features = pd.concat(kept), pd.concat(tables, ignore_index=True)
    look.means = {place: (total / count).round().astype(np.uint8) for place, (total, count) in sums.items()}
    return look


def _read(root, rows, lost):
    images, there = [], []
    for path, sha256 in zip(rows["path"], rows["sha256"], strict=True):
        try:
            images.append(read_image(locate(root, path), sha256))
        except ImageError as error:
            lost.append(f"{path}: {error.reason}")
        there.append(len(images) == sum(there) + 1)
    return rows[there], images


def _see(look, sums, place, image, mask):
    plain = cut(image, mask)
    total, count = sums.get(place, (np.zeros(plain.shape), 0))
    sums[place] = total + plain, count + 1
    shown = look.examples.setdefault(place, [])
    if len(shown) < EXAMPLES:
        shown.append(cut(image, mask, outlined=True))


def cut(image, mask, outlined=False):
    """The cell of a picture, in the middle of a square of `FIELD` of its diameters.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
    mask : ndarray of uint8, shape (H, W)
        0 background, 1 cytoplasm, 2 nucleus.
    outlined : bool, default False
        Draw the outlines of nucleus and cell.

    Returns
    -------
    ndarray of uint8, shape (SIDE, SIDE, 3)
        What lies beyond the picture is its mirror image.
    """
    x, y, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
    if not width:
        x, y, height, width = 0, 0, *mask.shape
    scale = SIDE / (FIELD * max(width, height))
    middle = x + (width - 1) / 2, y + (height - 1) / 2
    onto = np.array([[scale, 0, (SIDE - 1) / 2 - scale * middle[0]], [0, scale, (SIDE - 1) / 2 - scale * middle[1]]])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.warpAffine(image, onto, (SIDE, SIDE), flags=how, borderMode=cv2.BORDER_REFLECT_101)
    if not outlined:
        return small
    labels = cv2.warpAffine(mask, onto, (SIDE, SIDE), flags=cv2.INTER_NEAREST)
    for inside, colour in ((labels > 0, CELL), (labels == 2, NUCLEUS)):
        outlines, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(small, outlines, -1, colour, 1, cv2.LINE_AA)
    return small

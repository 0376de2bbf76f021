"""Reference backend: plain NumPy, SciPy and scikit-image, one cell at a time; the oracle of the others."""

import numpy as np

from leukobench.features.backends.reference.colour import colour_part, hull_part, percentile_part
from leukobench.features.backends.reference.extended import grid_part, zernike_part
from leukobench.features.backends.reference.shape import distance_part, shape_part
from leukobench.features.backends.reference.texture import texture_part
from leukobench.features.batch import BATCH_BYTES, stream
from leukobench.features.catalogue import PART_NAMES


def compute(images, masks, parts, batch_bytes=None):
    """Values of the catalogue's parts, batch by batch; lengths in pixels.

    Parameters
    ----------
    images, masks : iterable of ndarray
    parts : sequence of str
    batch_bytes : int or None, default None

    Yields
    ------
    ndarray of float64, shape (n, columns of the parts)
    """
    names = [name for part in parts for name in PART_NAMES[part]]
    for batch in stream(images, masks, batch_bytes or BATCH_BYTES):
        rows = [_one_cell(image, mask, parts) for image, mask in batch.cells()]
        yield np.array([[row.get(name, np.nan) for name in names] for row in rows], dtype=float)


def _one_cell(image, mask, parts):
    """Name -> value; a column that is absent cannot be computed."""
    row = colour_part(image, {"background": mask == 0}) if "background" in parts else {}
    if not mask.any():
        return row | shape_part(mask) if "shape" in parts else row
    image, mask = _crop(image, mask)
    regions = {"nucleus": mask == 2, "cytoplasm": mask == 1}
    compute_part = {
        "shape": lambda: shape_part(mask),
        "colour": lambda: colour_part(image, regions),
        "texture": lambda: texture_part(image, regions),
        "percentiles": lambda: percentile_part(image, regions),
        "distance": lambda: distance_part(mask),
        "hull": lambda: hull_part(image, regions["nucleus"]),
        "zernike": lambda: zernike_part(mask),
        "grid": lambda: grid_part(image, regions),
    }
    for part in parts:
        if part in compute_part:
            row |= compute_part[part]()
    return row


def _crop(image, mask):
    """Bounding box of the cell with one pixel around it; outside the image the edge is repeated, without a label."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = slice(rows[0], rows[-1] + 3), slice(columns[0], columns[-1] + 3)
    return np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")[box], np.pad(mask, 1)[box]

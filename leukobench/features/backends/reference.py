"""Reference backend: the parts' own functions, one cell at a time; the oracle of the others, and what they lack."""

import numpy as np

from leukobench.errors import UsageError
from leukobench.features.batch import BATCH_BYTES, stream


def compute(images, masks, parts, batch_bytes=None):
    """Values of parts, batch by batch, as `leukobench.features.backends` has it."""
    for batch in stream(images, masks, batch_bytes or BATCH_BYTES):
        yield measure(batch.cells(), parts)


def measure(cells, parts):
    """Values of parts of some cells.

    Parameters
    ----------
    cells : iterable of (image, mask)
    parts : sequence of FeaturePart

    Returns
    -------
    ndarray of float64, shape (n, columns of the parts)

    Raises
    ------
    UsageError
        Where a part answers with a column that it has not named.
    """
    return np.array([_row(image, mask, parts) for image, mask in cells], dtype=float)


def _row(image, mask, parts):
    row, cropped = [], crop(image, mask)
    for part in parts:
        values = part.reference(*((image, mask) if part.whole else cropped))
        unknown = sorted(set(values) - {*part.columns})
        if unknown:
            hint = f"the features of the part are {', '.join(part.columns[:5])}, ..."
            raise UsageError(f"part '{part.name}' measures what it does not name: {', '.join(unknown)}", hint)
        row += [values.get(name, np.nan) for name in part.columns]
    return row


def crop(image, mask):
    """Bounding box of the cell with one pixel around it; outside the image the edge is repeated, without a label."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        rows = columns = [0]
    box = slice(rows[0], rows[-1] + 3), slice(columns[0], columns[-1] + 3)
    return np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")[box], np.pad(mask, 1)[box]

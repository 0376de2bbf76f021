"""What every part is handed of one cell."""

from collections import namedtuple

from numba import njit

from leukobench.features.backends.cpu.hull import convex_hull
from leukobench.features.backends.cpu.runs import NUCLEUS

Cell = namedtuple(
    "Cell",
    "pixels labels first stride height width box "
    "runs counts pairs pair_counts known corners hull room colour grey codes bins",
)
Cell.__doc__ = """Of one cell.

`pixels` (RGB) and `labels` are the whole image, flat, `stride` pixels a row. Rows and columns are counted in a window
of `height` x `width` pixels: the cell and one pixel around it, where there is one. It begins at the pixel `first`.
`runs`, `counts`, `pairs` and `pair_counts` are those of `runs.py` for cell, cytoplasm and nucleus; `box` is the
bounding box of the cell, all zero where there is none; `known` and `corners` are for `nucleus_hull`. The rest is room
to work in: a hull and its rows, pixels and a block of channels (`colour.py`), the box's greys and pattern codes,
histograms. Short functions that take all of this are inlined by force: to hand it on costs as much as they do.
"""


@njit(nogil=True)
def nucleus_hull(cell):
    """Corners of the hull of the nucleus, found once for all parts that ask."""
    if cell.known[0] < 0:
        runs, n = cell.runs[NUCLEUS], cell.counts[NUCLEUS]
        cell.known[0] = convex_hull(runs, n, cell.corners, cell.room) if n else 0
    return cell.corners[: cell.known[0]]

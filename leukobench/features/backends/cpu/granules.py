"""Granulometry on the grid: openings by growing squares, each erosion made from the last one."""

import numpy as np
from numba import njit

from leukobench.features.backends.cpu.spaces import VECTOR
from leukobench.features.tables import GRANULE_SIDES, GRID

PADDED = GRID + 2
"""Side of the grid with one cell around."""
_STEPS = len(GRANULE_SIDES)
_NOTHING = np.float32(np.inf)


@njit(nogil=True)
def granules(values, inside, out):
    """Mean loss inside the region from one opening to the next.

    What lies outside is left out of every window: it is infinite for an erosion, and for a dilation, which is the
    erosion of the negative.
    """
    eroded, opened, room = np.empty((PADDED, PADDED), np.float32), np.empty((PADDED, PADDED), np.float32), _room()
    cells, left = 0, 0.0
    for y in range(PADDED):
        for x in range(PADDED):
            eroded[y, x] = values[y, x] if inside[y, x] else _NOTHING
            if inside[y, x]:
                left += values[y, x]
                cells += 1
    for k in range(_STEPS):
        _erode(eroded, room)
        for y in range(PADDED):
            for x in range(PADDED):
                opened[y, x] = -eroded[y, x] if inside[y, x] else _NOTHING
        for _ in range(k + 1):
            _erode(opened, room)
        total = 0.0
        for y in range(1, GRID + 1):
            for x in range(1, GRID + 1):
                total -= opened[y, x] if inside[y, x] else np.float32(0)
        out[k] = (left - total) / cells
        left = total


@njit(nogil=True)
def _room():
    return np.full((PADDED, PADDED), _NOTHING)


@njit(**VECTOR)
def _erode(values, room):
    """Smallest of 3 x 3, in place; the cells around the grid stay infinite."""
    for y in range(1, GRID + 1):
        a, b, c, to = values[y, :GRID], values[y, 1 : GRID + 1], values[y, 2:], room[y, 1 : GRID + 1]
        for x in range(GRID):
            to[x] = min(a[x], min(b[x], c[x]))
    for y in range(1, GRID + 1):
        a, b, c, to = room[y - 1], room[y], room[y + 1], values[y]
        for x in range(PADDED):
            to[x] = min(a[x], min(b[x], c[x]))

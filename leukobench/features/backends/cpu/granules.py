"""Granulometry on the grid: openings by growing squares, each erosion made from the last one."""

import numpy as np
from numba import njit

from leukobench.features.backends.cpu.spaces import VECTOR
from leukobench.features.tables import GRANULE_SIDES, GRID

_STEPS = len(GRANULE_SIDES)
MARGIN = _STEPS
"""Empty rows above and below the grid, and empty cells behind each row: no square reaches over these."""
STRIDE = GRID + MARGIN
PADDED = GRID + 2 * MARGIN, STRIDE
"""Shape of the grid with these."""
_NOTHING = np.float32(np.inf)


@njit(nogil=True)
def granules(values, inside, sign, out):
    """Mean loss inside the region, of values or (sign -1) of their negative, from one opening to the next.

    What lies outside is left out of every window: it is infinite for an erosion, and for a dilation, which is the
    erosion of the negative.
    """
    values, inside = values.ravel(), inside.ravel()
    eroded, opened = np.empty_like(values), np.empty_like(values)
    room = np.full(len(values), _NOTHING)
    cells = inside.sum()
    left = _keep(values, inside, sign, eroded)
    for k in range(_STEPS):
        _erode(eroded, room)
        _keep(eroded, inside, np.float32(-1), opened)
        for _ in range(k + 1):
            _erode(opened, room)
        total = _keep(opened, inside, np.float32(-1), room)
        out[k] = (left - total) / cells
        left = total


@njit(**VECTOR)
def _keep(values, inside, sign, kept):
    """Sign times the values inside, infinity outside; return the sum inside."""
    total = 0.0
    for i in range(len(values)):
        value = sign * values[i]
        kept[i] = value if inside[i] else _NOTHING
        total += value if inside[i] else np.float32(0)
    return total


@njit(**VECTOR)
def _erode(values, room):
    """Smallest of 3 x 3, in place, from the second row to the last but one."""
    n = len(values) - 2
    before, here, after, to = values[:n], values[1 : n + 1], values[2:], room[1 : n + 1]
    for i in range(n):
        to[i] = min(before[i], min(here[i], after[i]))
    n = len(values) - 2 * STRIDE
    before, here, after = room[:n], room[STRIDE : STRIDE + n], room[2 * STRIDE :]
    to = values[STRIDE : STRIDE + n]
    for i in range(n):
        to[i] = min(before[i], min(here[i], after[i]))

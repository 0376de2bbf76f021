"""The cell on a grid of fixed size, so that texture is seen at the same scale whatever the pixel size."""

import numpy as np
from numba import njit

from leukobench.features.backends.cpu.granules import PADDED, granules
from leukobench.features.backends.cpu.runs import CYTOPLASM, NUCLEUS
from leukobench.features.backends.cpu.spectrum import gabor_energies
from leukobench.features.tables import GRANULE_SIDES, GREY_WEIGHTS, GRID, NO_SPREAD

_RED, _GREEN, _BLUE = GREY_WEIGHTS
_SIDES = len(GRANULE_SIDES)
_UNIT = 2 * GRID
"""Steps of a pixel: in these all lengths are whole."""


@njit(nogil=True)
def grid_part(cell, out):
    """The part `grid`: nucleus, then cytoplasm; NaN where the region has no cell of the grid, or one grey value."""
    values, inside = np.empty((PADDED, PADDED), np.float32), np.empty((PADDED, PADDED), np.bool_)
    half = len(out) // 2
    for k, region in enumerate((NUCLEUS, CYTOPLASM)):
        columns = out[k * half : (k + 1) * half]
        if cell.counts[region] == 0:
            continue
        cells, std = _standardised(cell, region, values, inside)
        if cells == 0 or std < 255 * NO_SPREAD:
            continue
        granules(values, inside, columns[:_SIDES])
        gabor_energies(values, inside, cells, columns[2 * _SIDES :])
        for row in values:
            row[:] = -row
        granules(values, inside, columns[_SIDES : 2 * _SIDES])


@njit(nogil=True)
def _standardised(cell, region, values, inside):
    """Fill `inside`, and `values` with mean 0 and deviation 1 there; return how many cells, and the deviation."""
    total, covered = np.zeros((GRID, GRID), np.int64), np.zeros((GRID, GRID), np.int64)
    side = _overlay(cell, region, total, covered)
    grey = np.zeros((GRID, GRID))
    cells, mean, square = 0, 0.0, 0.0
    inside[:] = False
    for y in range(GRID):
        for x in range(GRID):
            if 2 * covered[y, x] > 4 * side * side:
                inside[y + 1, x + 1] = True
                grey[y, x] = total[y, x] / covered[y, x]
                mean += grey[y, x]
                cells += 1
    if cells == 0:
        return 0, 0.0
    mean /= cells
    for y in range(GRID):
        for x in range(GRID):
            if inside[y + 1, x + 1]:
                square += (grey[y, x] - mean) ** 2
    std = np.sqrt(square / cells)
    values[:] = np.float32(0)
    if std > 0:
        for y in range(GRID):
            for x in range(GRID):
                if inside[y + 1, x + 1]:
                    values[y + 1, x + 1] = (grey[y, x] - mean) / std
    return cells, std


@njit(nogil=True)
def _overlay(cell, region, total, covered):
    """Add the runs' grey values and areas to the cells of the grid that they touch; return the square's side."""
    runs, pixels, first, width = cell.runs[region], cell.pixels, cell.first, cell.width
    top, left, bottom, right = cell.box
    side = max(bottom - top, right - left)
    step = 2 * side
    y0, x0 = GRID * (top + bottom - side), GRID * (left + right - side)
    grey, below = np.empty(side + 1, np.int64), np.empty(side + 1, np.int64)
    for k in range(cell.counts[region]):
        y, a, b = runs[k, 0], runs[k, 1], runs[k, 2]
        length = b - a
        row = pixels[3 * (first + y * width + a) : 3 * (first + y * width + b)]
        below[0] = grey[length] = 0
        for x in range(length):
            grey[x] = (_RED * row[3 * x] + _GREEN * row[3 * x + 1] + _BLUE * row[3 * x + 2] + 32768) >> 16
            below[x + 1] = below[x] + grey[x]
        low, high = _UNIT * a - x0, _UNIT * b - x0
        up, down = _UNIT * y - y0, _UNIT * (y + 1) - y0
        before = 0
        for j in range(low // step, (high - 1) // step + 1):
            start, end = max(low, j * step), min(high, (j + 1) * step)
            pixel, part = (end - low) // _UNIT, (end - low) % _UNIT
            upto = _UNIT * below[pixel] + part * grey[pixel]
            for i in range(up // step, (down - 1) // step + 1):
                share = min(down, (i + 1) * step) - max(up, i * step)
                total[i, j] += share * (upto - before)
                covered[i, j] += share * (end - start)
            before = upto
    return side

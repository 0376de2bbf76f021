"""The cell on a grid of fixed size, so that texture is seen at the same scale whatever the pixel size."""

import numpy as np
from numba import njit

from leukobench.features.backends.cpu.granules import MARGIN, PADDED, granules
from leukobench.features.backends.cpu.runs import CYTOPLASM, NUCLEUS
from leukobench.features.backends.cpu.spectrum import gabor_energies
from leukobench.features.backends.cpu.texture import luma
from leukobench.features.tables import GRANULE_SIDES, GRID, NO_SPREAD

_SIDES = len(GRANULE_SIDES)
_UNIT = 2 * GRID
"""Steps of a pixel: in these all lengths are whole."""


@njit(nogil=True)
def grid_part(cell, out):
    """The part `grid`: nucleus, then cytoplasm; NaN where the region has no cell of the grid, or one grey value."""
    values, inside = np.empty(PADDED, np.float32), np.empty(PADDED, np.bool_)
    half = len(out) // 2
    for k, region in enumerate((NUCLEUS, CYTOPLASM)):
        columns = out[k * half : (k + 1) * half]
        if cell.counts[region] == 0:
            continue
        cells, std = _standardised(cell, region, values, inside)
        if cells == 0 or std < 255 * NO_SPREAD:
            continue
        granules(values, inside, np.float32(1), columns[:_SIDES])
        granules(values, inside, np.float32(-1), columns[_SIDES : 2 * _SIDES])
        gabor_energies(values[MARGIN : MARGIN + GRID, :GRID], cells, columns[2 * _SIDES :])


@njit(nogil=True)
def _standardised(cell, region, values, inside):
    """Fill `inside`, and `values` with mean 0 and deviation 1 there; return how many cells, and the deviation."""
    total, covered = np.empty((GRID, GRID), np.int64), np.empty((GRID, GRID), np.int64)
    side = _overlay(cell, region, total, covered)
    cells, mean, square = 0, 0.0, 0.0
    values[:], inside[:] = np.float32(0), False
    grey = np.empty((GRID, GRID))
    for y in range(GRID):
        for x in range(GRID):
            if 2 * covered[y, x] > 4 * side * side:
                inside[y + MARGIN, x] = True
                grey[y, x] = total[y, x] / covered[y, x]
                mean += grey[y, x]
                cells += 1
    if cells == 0:
        return 0, 0.0
    mean /= cells
    for y in range(GRID):
        for x in range(GRID):
            if inside[y + MARGIN, x]:
                square += (grey[y, x] - mean) ** 2
    std = np.sqrt(square / cells)
    if std > 0:
        for y in range(GRID):
            for x in range(GRID):
                if inside[y + MARGIN, x]:
                    values[y + MARGIN, x] = (grey[y, x] - mean) / std
    return cells, std


@njit(nogil=True)
def _overlay(cell, region, total, covered):
    """Grey values and areas of the region in the cells of the grid; return the square's side.

    The square over the grid may begin in the middle of a pixel. Rows of pixels are added up to rows of the grid first.
    """
    runs, pixels, first, stride = cell.runs[region], cell.pixels, cell.first, cell.stride
    top, left, bottom, right = cell.box
    side = max(bottom - top, right - left)
    step = 2 * side
    y0, x0 = top + bottom - side, (left + right - side) // 2
    greys, areas = np.zeros((GRID, side + 1), np.int32), np.zeros((GRID, side + 1), np.int32)
    grey = np.empty(side, np.int32)
    for k in range(cell.counts[region]):
        y, a, b = runs[k, 0], runs[k, 1], runs[k, 2]
        row, length = pixels[3 * (first + y * stride + a) : 3 * (first + y * stride + b)], np.uint64(b - a)
        luma(row, grey[: b - a])
        up = _UNIT * y - GRID * y0
        for i in range(up // step, (up + _UNIT - 1) // step + 1):
            share = np.int32(min(up + _UNIT, (i + 1) * step) - max(up, i * step))
            to, area = greys[i, a - x0 : b - x0], areas[i, a - x0 : b - x0]
            for x in range(length):
                to[x] += share * grey[x]
                area[x] += share
    begin = GRID * ((left + right - side) % 2)
    _across(greys, begin, step, total)
    _across(areas, begin, step, covered)
    return side


@njit(nogil=True)
def _across(rows, begin, step, out):
    """Add up pixels to cells of the grid: what lies before the end of a cell, less what lies before the cell."""
    below = np.zeros(rows.shape[1] + 1, np.int64)
    for i in range(GRID):
        row = rows[i]
        for x in range(len(row)):
            below[x + 1] = below[x] + row[x]
        before = begin * row[0]
        for j in range(GRID):
            end = begin + (j + 1) * step
            pixel = end // _UNIT
            upto = _UNIT * below[pixel] + (end - pixel * _UNIT) * row[pixel]
            out[i, j] = upto - before
            before = upto

"""Exact distance transforms, components and lobes."""

import numpy as np
from numba import njit

from leukobench.features.backends.cpu.runs import CELL, NUCLEUS, adjacent_pairs, area, bounds, centroid

_LANES = 32
"""Pixels of which whole boxes are made, so that they are summed by whole vectors."""
_STEPS = 4
"""Rows on either side that are asked at once; as many empty ones lie above and below."""
_DEEPEST = 178
"""The squares of this and of `_STEPS` more fit 16 bits together: those hold all sums of what is no deeper."""


@njit(nogil=True, forceinline=True)
def distance_part(cell, out):
    """The part `distance`: nucleus (three distances, components, lobes), cell (three distances), centroid offset."""
    runs, counts = cell.runs, cell.counts
    if counts[NUCLEUS]:
        _depths(runs[NUCLEUS], counts[NUCLEUS], out[0:3], out[4:5])
        out[3] = components(cell.pairs[NUCLEUS], cell.pair_counts[NUCLEUS], counts[NUCLEUS])
    if counts[CELL]:
        _depths(runs[CELL], counts[CELL], out[5:8], out[:0])
    if counts[NUCLEUS]:
        y, x, _ = centroid(runs[NUCLEUS], counts[NUCLEUS])
        v, u, size = centroid(runs[CELL], counts[CELL])
        out[8] = np.sqrt((y - v) ** 2 + (x - u) ** 2)
        out[9] = out[8] / np.sqrt(4 * size / np.pi)


@njit(nogil=True)
def _depths(runs, n, out, lobes):
    """Fill the three distances of a region, and its lobes where there is room for them; in 16 bits if those do."""
    top, left, bottom, right = bounds(runs, n)
    height, width = bottom - top, right - left
    deepest = (min(height, width) + 1) // 2
    size = ((height + 2 * _STEPS) * width + _LANES - 1) // _LANES * _LANES
    box = top, left, height, width, deepest
    if deepest <= _DEEPEST:
        squared = _squared_distance(np.zeros(size, np.uint16), runs, n, box).astype(np.uint32)
    else:
        squared = _squared_distance(np.zeros(size, np.uint32), runs, n, box)
    _summary(squared, area(runs, n), out)
    if len(lobes):
        lobes[0] = _lobes(squared, runs, n, box, out[0])


@njit(nogil=True)
def _squared_distance(along, runs, n, box):
    """Squared distance to the nearest pixel outside, over the bounding box; zero outside the region."""
    _squares_along(along, runs, n, box)
    squared = along.copy()
    _lowest(squared, along, box)
    return squared


@njit(nogil=True)
def _squares_along(along, runs, n, box):
    """Squared distance to the nearest pixel outside along the row, no more than any can be deep."""
    top, left, _, width, deepest = box
    rising, falling = np.empty(width, along.dtype), np.empty(width, along.dtype)
    for x in range(width):
        rising[x] = falling[width - 1 - x] = min(x + 1, deepest) ** 2
    for k in range(n):
        length = np.uint64(runs[k, 2] - runs[k, 1])
        half = (length + np.uint64(1)) // np.uint64(2)
        start = np.uint64((runs[k, 0] - top + _STEPS) * width + runs[k, 1] - left)
        for x in range(half):
            along[start + x] = rising[x]
        start, skip = start + length - half, np.uint64(width) - half
        for x in range(half):
            along[start + x] = falling[skip + x]


@njit(nogil=True)
def _lowest(squared, along, box):
    """Smallest d^2 + square along the row d rows away, in place of each square.

    Four distances at a time, over all rows that can be as deep as that in one go, until none is.
    """
    _, _, height, width, deepest = box
    largest, d = deepest * deepest, 1
    while 2 * (d - 1) < height and d * d < largest:
        first, last = _STEPS + d - 1, _STEPS + height - d + 1
        largest = _lower(squared[first * width : last * width], along, d, width)
        d += _STEPS


@njit(nogil=True)
def _lower(squared, along, d, width):
    """Let rows be no deeper than those d to d + 3 away allow; return the largest square.

    `along` begins d + 3 rows above them, at the same row for all d: as many rows are left out as d has grown.
    """
    kind, step = squared.dtype.type, np.uint64(width)
    up, down = np.uint64(3) * step, np.uint64(2 * d + 3) * step
    a, b, c, e = d * d, (d + 1) ** 2, (d + 2) ** 2, (d + 3) ** 2
    largest = kind(0)
    for i in range(np.uint64(len(squared))):
        p = kind(min(along[up + i], along[down + i]) + a)
        q = kind(min(along[up - step + i], along[down + step + i]) + b)
        r = kind(min(along[up - step - step + i], along[down + step + step + i]) + c)
        s = kind(min(along[i], along[down + up + i]) + e)
        lowest = min(min(squared[i], min(p, q)), min(r, s))
        squared[i] = lowest
        largest = max(largest, lowest)
    return np.int64(largest)


@njit(nogil=True)
def _summary(squared, n, out):
    """Largest, mean and standard deviation of the distance inside a region of n pixels."""
    sums, square, largest = np.zeros(_LANES), 0, squared[0]
    for v in range(np.uint64(0), np.uint64(len(squared)), np.uint64(_LANES)):
        for x in range(np.uint64(_LANES)):
            value = squared[v + x]
            square += value
            largest = max(largest, value)
            sums[x] += np.sqrt(np.float64(value))
    total = sums.sum()
    out[0], out[1] = np.sqrt(np.float64(largest)), total / n
    out[2] = np.sqrt(max(square / n - out[1] ** 2, 0.0))


@njit(nogil=True)
def components(pairs, n_pairs, n):
    """Number of 8-connected components of n runs: union of the pairs that touch."""
    parent = np.arange(n)
    left = n
    for p in range(n_pairs):
        a, b = pairs[p, 0], pairs[p, 1]
        while parent[a] != a:
            a = parent[a]
        while parent[b] != b:
            b = parent[b]
        if a != b:
            parent[max(a, b)] = min(a, b)
            left -= 1
    return left


@njit(nogil=True)
def _lobes(squared, runs, n, box, deepest):
    """Components of what is deeper than half of the deepest point, and so further than that from its run's ends."""
    top, left, _, width, _ = box
    deep, margin = np.int64(deepest * deepest + 0.5), np.int64(deepest / 2)
    inner, count = np.empty((area(runs, n) // 2 + n, 3), np.int32), 0
    for k in range(n):
        y, inside = runs[k, 0], False
        row = squared[(y - top + _STEPS) * width : (y - top + _STEPS + 1) * width]
        for x in range(runs[k, 1] - left + margin, runs[k, 2] - left - margin):
            if 4 * np.int64(row[x]) > deep:
                if not inside:
                    inner[count, 0], inner[count, 1] = y, x
                    count += 1
                inner[count - 1, 2] = x + 1
                inside = True
            else:
                inside = False
    pairs = np.empty((2 * count, 2), np.int32)
    return components(pairs, adjacent_pairs(inner, count, pairs), count)

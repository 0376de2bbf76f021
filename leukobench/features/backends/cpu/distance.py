"""Exact distance transforms, components and lobes."""

import numpy as np
from numba import njit

from leukobench.features.backends.cpu.runs import CELL, NUCLEUS, adjacent_pairs, bounds, centroid


@njit(nogil=True, forceinline=True)
def distance_part(cell, out):
    """The part `distance`: nucleus (three distances, components, lobes), cell (three distances), centroid offset."""
    runs, counts = cell.runs, cell.counts
    if counts[NUCLEUS]:
        squared = squared_distance(runs[NUCLEUS], counts[NUCLEUS])
        _summary(squared, out[0:3])
        out[3] = components(cell.pairs[NUCLEUS], cell.pair_counts[NUCLEUS], counts[NUCLEUS])
        out[4] = _lobes(squared)
    if counts[CELL]:
        _summary(squared_distance(runs[CELL], counts[CELL]), out[5:8])
    if counts[NUCLEUS]:
        y, x, _ = centroid(runs[NUCLEUS], counts[NUCLEUS])
        v, u, area = centroid(runs[CELL], counts[CELL])
        out[8] = np.sqrt((y - v) ** 2 + (x - u) ** 2)
        out[9] = out[8] / np.sqrt(4 * area / np.pi)


@njit(nogil=True)
def squared_distance(runs, n):
    """Squared distance to the nearest pixel outside, over the bounding box; zero outside the region.

    Two passes (Meijster 2000): distances along columns, then the lowest parabola along each row.
    """
    top, left, bottom, right = bounds(runs, n)
    height, width = bottom - top, right - left
    column = np.zeros((height, width), np.int64)
    for k in range(n):
        column[runs[k, 0] - top, runs[k, 1] - left : runs[k, 2] - left] = 1
    for x in range(width):
        for y in range(1, height):
            if column[y, x]:
                column[y, x] = column[y - 1, x] + 1
        column[height - 1, x] = min(column[height - 1, x], 1)
        for y in range(height - 2, -1, -1):
            column[y, x] = min(column[y, x], column[y + 1, x] + 1)
    squared = np.zeros((height, width), np.int64)
    apex, start = np.empty(width + 2, np.int64), np.empty(width + 2, np.int64)
    for y in range(height):
        _lower_envelope(column[y], apex, start, squared[y])
    return squared


@njit(nogil=True)
def _lower_envelope(column, apex, start, out):
    """Smallest (x - a)^2 + column[a]^2 over a, where columns -1 and `width` lie outside the region."""
    width = len(column)
    k = 0
    apex[0], start[0] = -1, -1
    for a in range(width + 1):
        f = column[a] if a < width else 0
        while k >= 0:
            b = apex[k]
            g = column[b] if b >= 0 else 0
            if (start[k] - b) ** 2 + g * g <= (start[k] - a) ** 2 + f * f:
                break
            k -= 1
        if k < 0:
            k, apex[0], start[0] = 0, a, -1
        else:
            b = apex[k]
            g = column[b] if b >= 0 else 0
            from_here = (a * a - b * b + f * f - g * g) // (2 * (a - b)) + 1
            if from_here <= width:
                k += 1
                apex[k], start[k] = a, from_here
    for x in range(width - 1, -1, -1):
        while start[k] > x:
            k -= 1
        g = column[apex[k]] if 0 <= apex[k] < width else 0
        out[x] = (x - apex[k]) ** 2 + g * g


@njit(nogil=True)
def _summary(squared, out):
    """Largest, mean and standard deviation of the distance inside the region."""
    n, total, square, largest = 0, 0.0, 0.0, 0.0
    for d in squared.flat:
        if d:
            n += 1
            total += np.sqrt(float(d))
            square += d
            largest = max(largest, float(d))
    out[0], out[1] = np.sqrt(largest), total / n
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
def _lobes(squared):
    """Components of what is deeper than half of the deepest point."""
    height, width = squared.shape
    deep = squared.max()
    runs = np.empty((height * (width // 2 + 1), 3), np.int32)
    n = 0
    for y in range(height):
        inside = False
        for x in range(width):
            if 4 * squared[y, x] > deep:
                if not inside:
                    runs[n, 0], runs[n, 1] = y, x
                    n += 1
                runs[n - 1, 2] = x + 1
                inside = True
            else:
                inside = False
    pairs = np.empty((2 * n, 2), np.int32)
    return components(pairs, adjacent_pairs(runs, n, pairs), n)

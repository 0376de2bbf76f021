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

    Two passes: distances along columns, then the lowest parabola along each row. Both go over whole rows at a time, so
    that the compiler takes sixteen pixels at once.
    """
    top, left, bottom, right = bounds(runs, n)
    height, width = bottom - top, right - left
    column = np.zeros((height, width), np.int32)
    for k in range(n):
        column[runs[k, 0] - top, runs[k, 1] - left : runs[k, 2] - left] = 1
    for y in range(1, height):
        here, above = column[y], column[y - 1]
        for x in range(width):
            here[x] *= np.int32(above[x] + 1)
    here = column[height - 1]
    for x in range(width):
        here[x] = min(here[x], np.int32(1))
    for y in range(height - 2, -1, -1):
        here, below = column[y], column[y + 1]
        for x in range(width):
            here[x] = min(here[x], np.int32(below[x] + 1))
    padded = np.zeros(2 * width + 2, np.int32)
    for y in range(height):
        _along_row(column[y], padded)
    return column


@njit(nogil=True)
def _along_row(row, padded):
    """Smallest d^2 + row[x + d]^2 in place of each row[x], where all columns beyond its ends lie outside the region.

    `padded` has half the row's width, and a half, on either side, which stays zero. No pixel is deeper than that, and
    none is asked further off than the deepest can be by what is known of it.
    """
    width = len(row)
    reach = (width + 1) // 2
    squares = padded[reach : reach + width]
    deepest = np.int32(0)
    for x in range(width):
        row[x] = squares[x] = row[x] * row[x]
        deepest = max(deepest, row[x])
    d = 1
    while d <= reach and d * d < deepest:
        square, deepest = np.int32(d * d), np.int32(0)
        behind, ahead = padded[reach - d : reach - d + width], padded[reach + d : reach + d + width]
        for x in range(width):
            row[x] = min(row[x], np.int32(min(behind[x], ahead[x]) + square))
            deepest = max(deepest, row[x])
        d += 1


@njit(nogil=True)
def _summary(squared, out):
    """Largest, mean and standard deviation of the distance inside the region."""
    height, width = squared.shape
    depth = np.empty(width)
    n, total, square, largest = 0, 0.0, 0, np.int32(0)
    for y in range(height):
        row = squared[y]
        for x in range(width):
            n += row[x] > 0
            square += row[x]
            largest = max(largest, row[x])
            depth[x] = np.sqrt(np.float64(row[x]))
        for x in range(width):  # one after the other, for the last digits depend on the order
            total += depth[x]
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

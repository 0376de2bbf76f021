"""Runs: a region as row segments, the form in which the CPU kernels see every shape.

A run is (row, first column, column past the last). Areas, moments, perimeters, hulls and neighbour pairs all follow
from runs, at the cost of the outline's length instead of the area.
"""

import numpy as np
from numba import njit
from numba.core import cgutils
from numba.extending import intrinsic

CELL, CYTOPLASM, NUCLEUS = 0, 1, 2
"""First index of the run arrays; the last two are the labels themselves."""

_SAME_BYTES = np.uint64(0x0101010101010101)
_ONE, _EIGHT, _ALL = np.uint64(1), np.uint64(8), np.uint64(2**64 - 1)


@intrinsic
def _trailing_zeros(context, bits):
    """How many bits of a number that is not zero are zero from the lowest on."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], cgutils.true_bit)

    return bits(bits), generate


@njit(nogil=True)
def next_change(words, labels, p, n):
    """First position after p, of n, whose label differs; eight labels at a time."""
    pattern = np.uint64(labels[p]) * _SAME_BYTES
    # Of indices without a sign Numba need not ask whether they count from the end.
    at, last = np.uint64(p >> 3), np.uint64((n - 1) >> 3)
    differs = (words[at] ^ pattern) & (_ALL << (_EIGHT * np.uint64(p & 7)))
    while differs == 0:
        if at == last:
            return n
        at += _ONE
        differs = words[at] ^ pattern
    return min(np.int64(_EIGHT * at + (_trailing_zeros(differs) >> np.uint64(3))), n)


@njit(nogil=True)
def label_runs(words, labels, height, width, runs, counts):
    """Fill `runs` (3, capacity, 3) and `counts` (3,) with the runs of cell, cytoplasm and nucleus, row by row.

    Returns whether there are no labels but these.
    """
    counts[:] = 0
    n = height * width
    p = 0
    while p < n:
        label = labels[p]
        if label > NUCLEUS:
            return False
        end = next_change(words, labels, p, n)
        while label and p < end:  # a foreground stretch may wrap around the right border
            y = p // width
            a, b = p - y * width, min(end - y * width, width)
            _append(runs, counts, label, y, a, b)
            last = counts[CELL] - 1
            if last >= 0 and runs[CELL, last, 0] == y and runs[CELL, last, 2] == a:
                runs[CELL, last, 2] = b
            else:
                _append(runs, counts, CELL, y, a, b)
            p = y * width + b
        p = end
    return True


@njit(nogil=True)
def _append(runs, counts, region, y, a, b):
    k = counts[region]
    runs[region, k, 0] = y
    runs[region, k, 1] = a
    runs[region, k, 2] = b
    counts[region] = k + 1


@njit(nogil=True)
def adjacent_pairs(runs, n, pairs):
    """Fill `pairs` with (run, run of the row above) that touch, corners included; return how many there are."""
    count = 0
    j = 0
    for i in range(n):
        above, a, b = runs[i, 0] - 1, runs[i, 1], runs[i, 2]
        while runs[j, 0] < above or (runs[j, 0] == above and runs[j, 2] < a):
            j += 1
        k = j
        while runs[k, 0] == above and runs[k, 1] <= b:
            pairs[count, 0] = i
            pairs[count, 1] = k
            count += 1
            k += 1
    return count


@njit(nogil=True)
def bounds(runs, n):
    """Bounding box (top, left, bottom, right) of n > 0 runs, the last two past the end."""
    left, right = runs[0, 1], runs[0, 2]
    for k in range(n):
        left, right = min(left, runs[k, 1]), max(right, runs[k, 2])
    return runs[0, 0], left, runs[n - 1, 0] + 1, right


@njit(nogil=True)
def move_runs(runs, counts, top, left):
    """Count the rows and columns of all runs from another corner."""
    for region in range(len(counts)):
        for k in range(counts[region]):
            runs[region, k, 0] -= top
            runs[region, k, 1] -= left
            runs[region, k, 2] -= left


@njit(nogil=True)
def area(runs, n):
    """Number of pixels of n runs."""
    total = 0
    for k in range(n):
        total += runs[k, 2] - runs[k, 1]
    return total


@njit(nogil=True)
def centroid(runs, n):
    """Mean row and column of the pixels of n runs, and how many they are."""
    y, x, area = 0.0, 0.0, 0.0
    for k in range(n):
        length = float(runs[k, 2] - runs[k, 1])
        y += length * runs[k, 0]
        x += length * (runs[k, 1] + runs[k, 2] - 1) / 2
        area += length
    return y / area, x / area, area

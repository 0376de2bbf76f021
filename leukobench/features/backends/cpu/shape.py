"""Morphology from runs."""

import numpy as np
from numba import njit

from leukobench.features.backends.cpu.cell import nucleus_hull
from leukobench.features.backends.cpu.hull import convex_hull, hull_measures
from leukobench.features.backends.cpu.runs import CELL, CYTOPLASM, NUCLEUS, area, bounds

GEOMETRY = 27
"""Columns of one region; the nucleus comes first, then the cell, then six ratios."""


@njit(nogil=True, forceinline=True)
def shape_part(cell, out):
    """The part `shape`: nucleus, cell, ratios."""
    nucleus, whole, ratios = out[:GEOMETRY], out[GEOMETRY : 2 * GEOMETRY], out[2 * GEOMETRY :]
    n = convex_hull(cell.runs[CELL], cell.counts[CELL], cell.hull, cell.room) if cell.counts[CELL] else 0
    _geometry(cell, CELL, cell.hull[:n], whole)
    _geometry(cell, NUCLEUS, nucleus_hull(cell), nucleus)
    ratios[0] = area(cell.runs[CYTOPLASM], cell.counts[CYTOPLASM])
    ratios[1] = ratio(nucleus[0], whole[0])
    ratios[2] = ratio(nucleus[0], ratios[0])
    ratios[3] = nucleus[2] / whole[2]
    ratios[4] = nucleus[15] / whole[15]
    ratios[5] = nucleus[10] / whole[10]


@njit(nogil=True)
def ratio(a, b):
    """Quotient a / b, NaN where b is zero."""
    return a / b if b != 0 else np.nan


@njit(nogil=True, error_model="numpy")
def _geometry(cell, region, hull, out):
    """Table SHAPE of one region, in its order."""
    runs, n = cell.runs[region], cell.counts[region]
    if n == 0:
        out[0] = 0.0
        return
    top, left, bottom, right = bounds(runs, n)
    a, u20, u11, u02, u30, u21, u12, u03 = _central_moments(runs, n, (top + bottom) // 2, (left + right) // 2)
    small, large = _eigenvalues(u20 / a, u11 / a, u02 / a)
    perimeter, euler = _outline(runs, n, cell.pairs[region], cell.pair_counts[region], a)
    hull_area, hull_perimeter, feret_max, feret_min, rectangle = hull_measures(hull, len(hull))
    bbox = (bottom - top) * (right - left)
    out[0], out[1], out[2] = a, bbox, hull_area
    out[3], out[4], out[5] = 4 * np.sqrt(large), 4 * np.sqrt(small), np.sqrt(ratio(small, large))
    out[6], out[7], out[8] = np.sqrt(1 - ratio(small, large)), np.sqrt(4 * a / np.pi), euler
    out[9], out[10], out[11], out[12] = a / bbox, feret_max, feret_min, feret_min / feret_max
    out[13], out[14] = rectangle, a / rectangle
    out[15], out[16], out[17] = perimeter, hull_perimeter, hull_perimeter / perimeter
    out[18], out[19] = a / hull_area, 4 * np.pi * a / perimeter**2
    s2, s3 = a * a, a**2.5
    _hu(u20 / s2, u11 / s2, u02 / s2, u30 / s3, u21 / s3, u12 / s3, u03 / s3, out[20:27])


@njit(nogil=True)
def _power_sums(n):
    """Sums of x, x^2 and x^3 over x < n: the difference of two of them is the sum over a run."""
    first = n * (n - 1.0) / 2
    return first, first * (2 * n - 1) / 3, first * first


@njit(nogil=True)
def _central_moments(runs, n, y0, x0):
    """Area and central moments mu_pq (p of rows, q of columns) of order two and three.

    Summed about the middle of the bounding box in integers below 2^53, that is without rounding.
    """
    a, s01, s10, s02, s11, s20, s03, s12, s21, s30 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(n):
        y = float(runs[k, 0] - y0)
        p1, p2, p3 = _power_sums(float(runs[k, 1] - x0))
        q1, q2, q3 = _power_sums(float(runs[k, 2] - x0))
        length, x1, x2, x3 = float(runs[k, 2] - runs[k, 1]), q1 - p1, q2 - p2, q3 - p3
        a += length
        s01 += x1
        s10 += y * length
        s02 += x2
        s11 += y * x1
        s20 += y * y * length
        s03 += x3
        s12 += y * x2
        s21 += y * y * x1
        s30 += y * y * y * length
    y, x = s10 / a, s01 / a
    u20, u11, u02 = s20 - y * s10, s11 - y * s01, s02 - x * s01
    u30 = s30 - 3 * y * s20 + 2 * y * y * s10
    u03 = s03 - 3 * x * s02 + 2 * x * x * s01
    u21 = s21 - 2 * y * s11 - x * s20 + 2 * y * y * s01
    u12 = s12 - 2 * x * s11 - y * s02 + 2 * x * x * s10
    return a, u20, u11, u02, u30, u21, u12, u03


@njit(nogil=True)
def _eigenvalues(a, b, c):
    """Eigenvalues of [[a, b], [b, c]], the smaller first, not below zero."""
    spread = np.sqrt(4 * b * b + (a - c) ** 2)
    return max((a + c - spread) / 2, 0.0), max((a + c + spread) / 2, 0.0)


@njit(nogil=True)
def _outline(runs, n, pairs, n_pairs, a):
    """Crofton perimeter from crossings along four directions, and Euler number.

    A line enters and leaves the region once for every pixel whose neighbour along the line is not in it, so that
    crossings are 2 (area - pairs of neighbours); holes and components follow from runs that touch.
    """
    straight, rising, falling = 0.0, 0.0, 0.0
    for p in range(n_pairs):
        i, k = pairs[p, 0], pairs[p, 1]
        start, end, above_start, above_end = runs[i, 1], runs[i, 2], runs[k, 1], runs[k, 2]
        straight += max(min(end, above_end) - max(start, above_start), 0)
        rising += max(min(end + 1, above_end) - max(start + 1, above_start), 0)
        falling += max(min(end - 1, above_end) - max(start - 1, above_start), 0)
    perimeter = np.pi / 4 * (n + a - straight + (2 * a - rising - falling) / np.sqrt(2.0))
    return perimeter, float(n - n_pairs)


@njit(nogil=True)
def _hu(n20, n11, n02, n30, n21, n12, n03, out):
    """Hu's seven invariants of normalised moments."""
    p, q = n30 + n12, n21 + n03
    u, v = n30 - 3 * n12, 3 * n21 - n03
    out[0] = n20 + n02
    out[1] = (n20 - n02) ** 2 + 4 * n11 * n11
    out[2] = u * u + v * v
    out[3] = p * p + q * q
    out[4] = u * p * (p * p - 3 * q * q) + v * q * (3 * p * p - q * q)
    out[5] = (n20 - n02) * (p * p - q * q) + 4 * n11 * p * q
    out[6] = v * p * (p * p - 3 * q * q) - u * q * (3 * p * p - q * q)

"""Convex hull of pixel corners from runs, and what is measured on it."""

import numpy as np
from numba import njit


@njit(nogil=True)
def convex_hull(runs, n, hull, extremes):
    """Corners (x, y) of the hull of n > 0 runs into `hull` (capacity, 2); return how many.

    Of each line between two rows only the outermost corners can be on it. Down the left ones and up the right ones
    the lines are in order already, so one monotone chain per side does without sorting. `extremes` (capacity, 2) is
    room for those corners.
    """
    top, bottom = runs[0, 0], runs[n - 1, 0] + 1
    for y in range(bottom - top + 1):
        extremes[y, 0] = np.iinfo(np.int32).max
        extremes[y, 1] = -1
    for i in range(n):
        for y in (runs[i, 0] - top, runs[i, 0] - top + 1):
            extremes[y, 0] = min(extremes[y, 0], runs[i, 1])
            extremes[y, 1] = max(extremes[y, 1], runs[i, 2])
    k = 0
    for y in range(bottom - top + 1):
        if extremes[y, 1] >= 0:
            k = _push(hull, 0, k, extremes[y, 0], top + y)
    base = k
    for y in range(bottom - top, -1, -1):
        if extremes[y, 1] >= 0:
            k = _push(hull, base, k, extremes[y, 1], top + y)
    return k


@njit(nogil=True)
def _push(hull, base, k, x, y):
    """Append a corner to the chain that starts at `base`, dropping those that it leaves inside."""
    while k - base >= 2:
        ax, ay, bx, by = hull[k - 2, 0], hull[k - 2, 1], hull[k - 1, 0], hull[k - 1, 1]
        if (bx - ax) * (y - ay) - (by - ay) * (x - ax) < 0:
            break
        k -= 1
    hull[k, 0] = x
    hull[k, 1] = y
    return k + 1


@njit(nogil=True)
def hull_measures(hull, k):
    """Area, perimeter, largest and smallest Feret diameter and smallest enclosing rectangle's area of k corners."""
    area, perimeter, feret_max = 0.0, 0.0, 0.0
    feret_min, rectangle = np.inf, np.inf
    for i in range(k):
        x, y = hull[i, 0], hull[i, 1]
        j = i + 1 if i + 1 < k else 0
        dx, dy = hull[j, 0] - x, hull[j, 1] - y
        area += x * hull[j, 1] - y * hull[j, 0]
        length = np.sqrt(dx * dx + dy * dy)
        perimeter += length
        farthest, along_min, along_max, across_min, across_max = _extent(hull, k, x, y, dx, dy)
        feret_max = max(feret_max, farthest)
        across = (across_max - across_min) / length
        feret_min = min(feret_min, across)
        rectangle = min(rectangle, across * (along_max - along_min) / length)
    return abs(area) / 2, perimeter, np.sqrt(feret_max), feret_min, rectangle


@njit(nogil=True, fastmath={"nnan", "nsz", "reassoc", "contract"})
def _extent(hull, k, x, y, dx, dy):
    """Largest squared distance from (x, y), and the extremes of all corners along and across (dx, dy)."""
    farthest, along_min, along_max, across_min, across_max = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(k):
        u, v = hull[i, 0] - x, hull[i, 1] - y
        farthest = max(farthest, u * u + v * v)
        along, across = u * dx + v * dy, v * dx - u * dy
        along_min, along_max = min(along_min, along), max(along_max, along)
        across_min, across_max = min(across_min, across), max(across_max, across)
    return farthest, along_min, along_max, across_min, across_max


@njit(nogil=True)
def hull_rows(hull, k, top, height, spans):
    """Columns [start, end) of the pixels whose centre is inside the hull, for rows top..top+height, into `spans`.

    In integers (of half pixels), so that a centre on an edge is inside on every backend.
    """
    for y in range(height):
        spans[y, 0], spans[y, 1] = 0, np.iinfo(np.int32).max
    for i in range(k):
        j = i + 1 if i + 1 < k else 0
        ax, ay, bx, by = np.int64(hull[i, 0]), np.int64(hull[i, 1]), np.int64(hull[j, 0]), np.int64(hull[j, 1])
        rise = abs(by - ay)
        for row in range(min(ay, by), max(ay, by)):
            # the edge crosses the row's centre line at column c / (2 rise) - 1/2 in units of pixel centres
            c = (2 * row + 1 - 2 * ay) * (bx - ax) * (1 if by > ay else -1) + (2 * ax - 1) * rise
            if by > ay:  # left side: first centre at or right of the edge
                spans[row - top, 0] = -((-c) // (2 * rise))
            else:
                spans[row - top, 1] = c // (2 * rise) + 1

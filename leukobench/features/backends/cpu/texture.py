"""Co-occurrence matrices and local binary patterns, by runs."""

import numpy as np
from numba import njit

from leukobench.features.backends.cpu.runs import CYTOPLASM, NUCLEUS, area
from leukobench.features.tables import (
    GLCM_LEVELS,
    GLCM_SHIFT,
    GREY_WEIGHTS,
    LBP_DIAGONAL,
    LBP_RIU2,
    LBP_SIDE,
)

PROPERTIES = 10
BINS = 10
_RED, _GREEN, _BLUE = GREY_WEIGHTS
_SIDE, _DIAGONAL = LBP_SIDE, LBP_DIAGONAL
_SHIFT = np.int16(GLCM_SHIFT)
_LEVELS = np.uint64(GLCM_LEVELS)
_CENTRE = 2 * LBP_SIDE + LBP_DIAGONAL
_LOG_N = np.concatenate([[0.0], np.arange(1, 4096) * np.log(np.arange(1, 4096))])


@njit(nogil=True, forceinline=True)
def texture_part(cell, out):
    """The part `texture`: nucleus first; GLCM, then LBP of each."""
    runs, counts, pairs, pair_counts, grey, codes = (
        cell.runs, cell.counts, cell.pairs, cell.pair_counts, cell.grey, cell.codes,
    )  # fmt: skip
    top, left, bottom, right = cell.box
    stride = right - left + 2
    grey_box(cell.pixels, cell.first, cell.stride, cell.height, cell.width, cell.box, grey)
    binary_patterns(grey, bottom - top, right - left, codes)
    levels = np.empty((bottom - top + 2) * stride, np.uint8)
    for x in range(len(levels)):
        levels[x] = grey[x] >> _SHIFT
    matrices = np.empty((4, GLCM_LEVELS, GLCM_LEVELS), np.int32)
    histogram = np.empty(256, np.int32)
    at = 0
    for region in (NUCLEUS, CYTOPLASM):
        part = out[at : at + 2 * PROPERTIES + BINS]
        at += 2 * PROPERTIES + BINS
        if counts[region] == 0:
            continue
        n, n_pairs = counts[region], pair_counts[region]
        matrices[:], histogram[:] = 0, 0
        count_runs(levels, codes, stride, top, left, runs[region], n, matrices[0], histogram)
        count_pairs(levels, stride, top, left, runs[region], pairs[region], n_pairs, matrices)
        glcm_properties(matrices, part)
        part[2 * PROPERTIES :] = 0.0
        for code in range(256):
            part[2 * PROPERTIES + LBP_RIU2[code]] += histogram[code]
        part[2 * PROPERTIES :] /= area(runs[region], n)


@njit(nogil=True)
def grey_box(pixels, first, stride, height, width, box, grey):
    """Grey values of the bounding box and one pixel around it; outside the image the edge is repeated."""
    top, left, bottom, right = box
    across = right - left + 2
    start, end = max(left - 1, 0), min(right + 1, width)
    for y in range(top - 1, bottom + 1):
        row = first + min(max(y, 0), height - 1) * stride
        target = grey[(y - top + 1) * across : (y - top + 2) * across]
        luma(pixels[3 * (row + start) : 3 * (row + end)], target[start - left + 1 : end - left + 1])
        if left == 0:
            target[0] = target[1]
        if right == width:
            target[across - 1] = target[across - 2]


@njit(nogil=True)
def luma(pixels, grey):
    """Grey values of pixels, as many as there is room for."""
    for x in range(len(grey)):
        weighted = _RED * pixels[3 * x] + _GREEN * pixels[3 * x + 1] + _BLUE * pixels[3 * x + 2]
        grey[x] = np.uint32(weighted + 32768) >> np.uint32(16)


@njit(nogil=True)
def binary_patterns(grey, height, width, codes):
    """Byte of eight comparisons of each pixel with its circle of radius 1, from the right anticlockwise.

    `codes` has the rows of `grey` (with one pixel around) but the first and last, each beginning at its first pixel.
    All differences fit 16 bits, and their signs are the comparisons: so the compiler takes sixteen pixels at a time.
    """
    stride = width + 2
    n = height * stride - 2
    up, here, down = grey[: n + 2], grey[stride : stride + n + 2], grey[2 * stride : 2 * stride + n + 2]
    for x in range(n):  # in one go over row ends, where it computes two codes that nobody reads
        c = here[x + 1]
        west, east, north, south = here[x], here[x + 2], up[x + 1], down[x + 1]
        centre = np.int16(_CENTRE * c)
        ne = np.int16(_SIDE * (east + north) + _DIAGONAL * up[x + 2] - centre)
        nw = np.int16(_SIDE * (north + west) + _DIAGONAL * up[x] - centre)
        sw = np.int16(_SIDE * (south + west) + _DIAGONAL * down[x] - centre)
        se = np.int16(_SIDE * (south + east) + _DIAGONAL * down[x + 2] - centre)
        codes[x] = np.uint8(255) ^ (
            _below(np.int16(east - c), 15, 1)
            | _below(ne, 14, 2)
            | _below(np.int16(north - c), 13, 4)
            | _below(nw, 12, 8)
            | _below(np.int16(west - c), 11, 16)
            | _below(sw, 10, 32)
            | _below(np.int16(south - c), 9, 64)
            | _below(se, 8, 128)
        )


@njit(nogil=True)
def _below(difference, shift, bit):
    """The bit 1 << 15 - shift where the difference is negative: its sign, shifted there."""
    return (np.int16(difference) >> np.int16(shift)) & bit


@njit(nogil=True)
def count_runs(levels, codes, stride, top, left, runs, n, matrix, histogram):
    """Add the level pairs (pixel, next in its run) to a matrix, and the codes of all pixels to a histogram.

    The two take turns: a processor waits for a count that it wrote just before, as neighbouring pixels would have it.
    """
    for k in range(n):
        row = (runs[k, 0] - top) * stride - left
        inside = codes[row + runs[k, 1] : row + runs[k, 2]]
        here = levels[row + stride + 1 + runs[k, 1] : row + stride + 1 + runs[k, 2]]
        last = len(inside) - 1
        for x in range(last):
            matrix[here[x], here[x + 1]] += 1
            histogram[inside[x]] += 1
        histogram[inside[last]] += 1


@njit(nogil=True)
def count_pairs(levels, stride, top, left, runs, pairs, n_pairs, matrices):
    """Add the level pairs (pixel, neighbour at 45, 90, 135 degrees), both inside the region, to matrices 1 to 3."""
    rising, straight, falling = matrices[1].ravel(), matrices[2].ravel(), matrices[3].ravel()
    for p in range(n_pairs):
        i, k = pairs[p, 0], pairs[p, 1]
        start, end, above_start, above_end = runs[i, 1], runs[i, 2], runs[k, 1], runs[k, 2]
        row = (runs[i, 0] - top + 1) * stride - left + 1
        a, b = max(start, above_start + 1), min(end, above_end - 1)
        if a < b:
            here, above = levels[row + a : row + b], levels[row + a - 1 - stride : row + b + 1 - stride]
            before, beside = np.uint64(above[0]), np.uint64(above[1])
            for x in range(np.uint64(len(here))):
                level, behind = np.uint64(here[x]) * _LEVELS, np.uint64(above[x + np.uint64(2)])
                falling[level + before] += 1
                straight[level + beside] += 1
                rising[level + behind] += 1
                before, beside = beside, behind
        for shift in range(-1, 2):
            first, last = max(start, above_start - shift), min(end, above_end - shift)
            for x in range(first, min(a, last)):
                matrices[2 - shift][levels[row + x], levels[row + x + shift - stride]] += 1
            for x in range(max(b, max(a, first)), last):
                matrices[2 - shift][levels[row + x], levels[row + x + shift - stride]] += 1


@njit(nogil=True)
def _n_log_n(n):
    return _LOG_N[n] if n < len(_LOG_N) else n * np.log(float(n))


@njit(nogil=True)
def glcm_properties(matrices, out):
    """Mean and range of ten properties over the directions that have a pair; symmetric counts are made on the way."""
    values = np.empty((4, PROPERTIES))
    for d in range(4):
        _haralick(matrices[d], values[d])
    for k in range(PROPERTIES):
        total, used, low, high = 0.0, 0, np.inf, -np.inf
        for d in range(4):
            v = values[d, k]
            if not np.isnan(v):
                total, used = total + v, used + 1
                low, high = min(low, v), max(high, v)
        if used:
            out[2 * k], out[2 * k + 1] = total / used, high - low


@njit(nogil=True)
def _haralick(counts, out):
    """Properties of one direction, in the catalogue's order, from integer sums over the upper triangle."""
    n, contrast, dissimilarity, squares, s1, s2, s11 = 0, 0, 0, 0, 0, 0, 0
    homogeneity, n_log_n = 0.0, 0.0
    for i in range(GLCM_LEVELS):
        for j in range(i, GLCM_LEVELS):
            c = np.int64(counts[i, j]) + counts[j, i]  # at (i, j) and at (j, i); on the diagonal both are one
            if c == 0:
                continue
            both = c if i == j else 2 * c
            d = j - i
            n += both
            contrast += both * d * d
            dissimilarity += both * d
            squares += both * c
            s1 += c * (i + j) if d else c * i
            s2 += c * (i * i + j * j) if d else c * i * i
            s11 += both * i * j
            homogeneity += both / (1.0 + d * d)
            n_log_n += (2 if d else 1) * _n_log_n(c)
    if n == 0:
        out[:] = np.nan
        return
    size = float(n)
    spread = n * s2 - s1 * s1
    out[0], out[1], out[2] = contrast / size, dissimilarity / size, homogeneity / size
    out[3] = squares / size / size
    out[4] = np.sqrt(out[3])
    out[5] = (n * s11 - s1 * s1) / float(spread) if spread else np.nan
    out[6], out[7] = s1 / size, spread / size / size
    out[8] = np.sqrt(out[7])
    out[9] = np.log(size) - n_log_n / size if spread else 0.0

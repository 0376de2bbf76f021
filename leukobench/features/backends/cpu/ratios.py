"""Tavakoli's colour ratios: nucleus, and hull without nucleus, over the hull of the nucleus."""

import numpy as np
from numba import njit

from leukobench.features.backends.cpu.cell import nucleus_hull
from leukobench.features.backends.cpu.colour import pack_runs
from leukobench.features.backends.cpu.hull import hull_rows
from leukobench.features.backends.cpu.runs import NUCLEUS, bounds
from leukobench.features.backends.cpu.shape import ratio
from leukobench.features.backends.cpu.spaces import (
    A_STAR,
    B_STAR,
    BLOCK,
    HUE,
    LIGHT,
    SAT,
    STAIN_D,
    STAIN_E,
    STAIN_H,
    VAL,
    VECTOR,
    B,
    G,
    R,
    convert,
)
from leukobench.features.tables import NO_CHROMA, NO_SPREAD

COLUMNS = 12
_ROW = np.array([R, G, B, HUE, SAT, VAL, LIGHT, A_STAR, B_STAR, STAIN_H, STAIN_E, STAIN_D])
_SCALE = np.array([255.0, 255, 255, 180, 255, 255, 255, 100, 100, 255, 255 * 0.713, 255 * 0.564])
_OFFSET = np.array([0.0, 0, 0, 0, 0, 0, 0, 128, 128, 0, 128, 128])
_LEAST = np.where((_ROW == A_STAR) | (_ROW == B_STAR), 100 * NO_CHROMA, 255 * NO_SPREAD)
"""Below this, in channels coded as bytes, a mean or a standard deviation counts as zero."""

_F = np.float32


@njit(nogil=True)
def hull_part(cell, out):
    """The part `hull`."""
    pixels, first, stride, spans, scratch = cell.pixels, cell.first, cell.stride, cell.room, cell.colour
    runs, n_runs, hull = cell.runs[NUCLEUS], cell.counts[NUCLEUS], nucleus_hull(cell)
    packed, capacity, _, _ = scratch
    if n_runs == 0:
        return
    n_nucleus = pack_runs(pixels, first, stride, runs, n_runs, packed, capacity)
    top, _, bottom, _ = bounds(runs, n_runs)
    hull_rows(hull, len(hull), top, bottom - top, spans)
    shift = np.zeros(COLUMNS)
    _sums(scratch, 1, shift, True)
    inside = _sums(scratch, n_nucleus, shift, False)
    n_around = _pack_around(pixels, first, stride, runs, n_runs, top, bottom, spans, packed, capacity)
    around = _sums(scratch, n_around, shift, False)
    whole_mean, whole_std = np.empty(COLUMNS), np.empty(COLUMNS)
    mean, std = np.empty(COLUMNS), np.empty(COLUMNS)
    _mean_and_std(inside + around, n_nucleus + n_around, shift, whole_mean, whole_std)
    for part in range(2):
        if part == 0:
            _mean_and_std(inside, n_nucleus, shift, mean, std)
        else:
            _mean_and_std(around, n_around, shift, mean, std)
        for k in range(COLUMNS):
            out[2 * COLUMNS * part + 2 * k] = ratio(mean[k], whole_mean[k])
            out[2 * COLUMNS * part + 2 * k + 1] = ratio(std[k], whole_std[k])


@njit(nogil=True)
def _pack_around(pixels, first, stride, runs, n, top, bottom, spans, packed, capacity):
    """Pixels inside the hull's spans that are in no run of the nucleus."""
    count, k = 0, 0
    for y in range(top, bottom):
        x, end = spans[y - top, 0], spans[y - top, 1]
        while x < end:
            if k < n and runs[k, 0] == y and runs[k, 1] <= x:
                x = max(x, runs[k, 2])
                k += 1
                continue
            p = 3 * (first + y * stride + x)
            packed[count], packed[capacity + count] = pixels[p], pixels[p + 1]
            packed[2 * capacity + count] = pixels[p + 2]
            count += 1
            x += 1
        while k < n and runs[k, 0] == y:
            k += 1
    return count


@njit(nogil=True, error_model="numpy")
def _sums(scratch, n, shift, set_shift):
    """Sums and sums of squares about the shift of the twelve channels; or set the shift to the first pixel's values."""
    packed, capacity, block, bits = scratch
    sums = np.zeros((COLUMNS, 2))
    p = 0
    while p < n:
        m = min(BLOCK, n - p)
        convert(packed, capacity, p, _F(0.5), block, bits)  # hue then runs from 0 to 1 as skimage's does
        _recode(block)
        for k in range(COLUMNS):
            _add_powers(block[_ROW[k] : _ROW[k] + m], shift[k], sums[k])
        p += m
    if set_shift:
        shift[:] = sums[:, 0]
    return sums


@njit(**VECTOR)
def _recode(block):
    """Hue from 0, which grey has, to 1; luma and what red and blue lack of it in place of the stains."""
    for i in range(BLOCK):
        block[HUE + i] = block[HUE + i] + _F(0.5) if block[SAT + i] > _F(0) else _F(0)
        luma = _F(0.299) * block[R + i] + _F(0.587) * block[G + i] + _F(0.114) * block[B + i]
        block[STAIN_H + i], block[STAIN_E + i], block[STAIN_D + i] = luma, block[R + i] - luma, block[B + i] - luma


@njit(**VECTOR)
def _add_powers(values, shift, sums):
    """Add values about the shift, and their squares."""
    total, squares = 0.0, 0.0
    for i in range(len(values)):
        d = values[i] - shift
        total += d
        squares += d * d
    sums[0] += total
    sums[1] += squares


@njit(nogil=True, error_model="numpy")
def _mean_and_std(sums, n, shift, mean, std):
    for k in range(COLUMNS):
        a1 = sums[k, 0] / n
        variance = max(sums[k, 1] / n - a1 * a1, 0.0)
        mean[k] = _SCALE[k] * (shift[k] + a1) + _OFFSET[k]
        std[k] = _SCALE[k] * np.sqrt(variance)
        if n == 0:
            std[k] = np.nan
        if abs(mean[k]) < _LEAST[k]:
            mean[k] = 0.0
        if std[k] < _LEAST[k]:
            std[k] = 0.0

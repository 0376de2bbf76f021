"""Colour moments of packed pixels: shifted power sums, float32 inside a block, float64 between blocks."""

import math

import numpy as np
from numba import njit

from leukobench.features.backends.cpu.runs import CYTOPLASM, NUCLEUS
from leukobench.features.backends.cpu.spaces import (
    A_STAR,
    B_STAR,
    BLOCK,
    CHANNELS,
    HUE,
    LIGHT,
    STAIN_H,
    VECTOR,
    X,
    convert,
)
from leukobench.features.tables import (
    NO_CHROMA,
    NO_SPREAD,
    PERCENTILE_BINS,
    PERCENTILE_PART,
    PERCENTILE_RANGES,
    PERCENTS,
)

MOMENTS = 4 * CHANNELS
HUE_CHANNEL = HUE // BLOCK
LAB_CHANNELS = range(LIGHT // BLOCK, STAIN_H // BLOCK)
SCALES = np.array([100.0 if k in LAB_CHANNELS else 1.0 for k in range(CHANNELS)])
LEAST_SPREAD = np.array([NO_CHROMA if k * BLOCK in (A_STAR, B_STAR) else NO_SPREAD for k in range(CHANNELS)])

_F = np.float32
_PERCENTS = np.array(PERCENTS) / 100
_LOW = np.array([low for low, _ in PERCENTILE_RANGES])
_STEPS = PERCENTILE_BINS * PERCENTILE_PART
_STEPS_PER_UNIT = np.array([_STEPS / (high - low) for low, high in PERCENTILE_RANGES])
_PART, _PIXEL = np.uint32(PERCENTILE_PART), np.int64(2**36)
"""A pixel and its part of a step are counted in one number: of 2**25 pixels all parts together are below that."""
_ROW = np.array([LIGHT, LIGHT + BLOCK, LIGHT + 2 * BLOCK])
_FREE = (X, X + BLOCK, X + 2 * BLOCK, X + 3 * BLOCK)
"""Rows of a block that nobody reads any more once it is converted."""
_SIN = np.array([(-1) ** k * math.pi ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(6)], np.float32)
_COS = np.array([(-1) ** k * math.pi ** (2 * k) / math.factorial(2 * k) for k in range(7)], np.float32)
_S0, _S1, _S2, _S3, _S4, _S5 = _SIN
_C0, _C1, _C2, _C3, _C4, _C5, _C6 = _COS


@njit(nogil=True)
def colour_part(cell, moments, percentiles):
    """The parts `colour` and `percentiles`: nucleus, then cytoplasm; the channels are converted once for both."""
    packed, capacity, _, _ = cell.colour
    if len(moments) == 0:
        moments = np.empty(2 * MOMENTS)
    for half, region in enumerate((NUCLEUS, CYTOPLASM)):
        n = pack_runs(cell.pixels, cell.first, cell.stride, cell.runs[region], cell.counts[region], packed, capacity)
        size = len(percentiles) // 2
        quantiles = percentiles[half * size : (half + 1) * size]
        colour_moments(cell.colour, n, moments[half * MOMENTS : (half + 1) * MOMENTS], cell.bins, quantiles)


@njit(nogil=True)
def background_part(cell, out):
    """The part `background`."""
    packed, capacity, _, _ = cell.colour
    pixels, count = cell.pixels, 0
    for i in range(len(cell.labels)):
        if cell.labels[i] == 0:
            packed[count], packed[capacity + count] = pixels[3 * i], pixels[3 * i + 1]
            packed[2 * capacity + count] = pixels[3 * i + 2]
            count += 1
    colour_moments(cell.colour, count, out, cell.bins, out[:0])


@njit(nogil=True)
def pack_runs(pixels, first, stride, runs, n, packed, capacity):
    """Copy the pixels of runs into three planes of `packed`; return how many."""
    count = 0
    for k in range(n):
        length = runs[k, 2] - runs[k, 1]
        start = 3 * (first + runs[k, 0] * stride + runs[k, 1])
        source = pixels[start : start + 3 * length]
        red, green = packed[count : count + length], packed[capacity + count : capacity + count + length]
        blue = packed[2 * capacity + count : 2 * capacity + count + length]
        for i in range(length):
            red[i], green[i], blue[i] = source[3 * i], source[3 * i + 1], source[3 * i + 2]
        count += length
    return count


@njit(nogil=True)
def _byte_sum(plane):
    total = np.uint64(0)
    for i in range(len(plane)):
        total += plane[i]
    return np.int64(total)


@njit(nogil=True)
def hue_centre(packed, capacity, n):
    """Hue in turns of the mean colour, NaN where that is grey."""
    r, g = _byte_sum(packed[:n]), _byte_sum(packed[capacity : capacity + n])
    b = _byte_sum(packed[2 * capacity : 2 * capacity + n])
    high, low = max(r, max(g, b)), min(r, min(g, b))
    if high == low:
        return np.nan
    chroma = float(high - low)
    if high == r:
        return ((g - b) / chroma / 6) % 1.0
    return (2 + (b - r) / chroma) / 6 if high == g else (4 + (r - g) / chroma) / 6


@njit(nogil=True)
def colour_moments(scratch, n, out, bins, percentiles):
    """Four moments of twelve channels of n packed pixels into `out`.

    `scratch` is (pixels in planes, capacity of a plane, block of channels, the same block as int32).
    Where `percentiles` is not empty the percentiles of L, a, b and S go there, by way of the histograms `bins`.
    """
    packed, capacity, block, bits = scratch
    if n == 0:
        return
    bins[:] = 0
    centre = hue_centre(packed, capacity, n)
    sums, shifts, circle = np.zeros((CHANNELS, 4)), np.zeros(CHANNELS), np.zeros(2)
    p = 0
    while p < n:
        m = min(BLOCK, n - p)
        convert(packed, capacity, p, _F(0.0 if np.isnan(centre) else centre), block, bits)
        for channel in range(CHANNELS):
            values = block[channel * BLOCK : channel * BLOCK + m]
            if p == 0:
                shifts[channel] = _F(_mean(values))
            _power_sums(values, _F(shifts[channel]), sums[channel])
        _hue_sums(block, m, circle)
        if len(percentiles):
            _fill_bins(packed, capacity, p, block, bits, m, bins)
        p += m
    for channel in range(CHANNELS):
        columns = out[4 * channel : 4 * channel + 4]
        _moments(sums[channel], n, shifts[channel], SCALES[channel], LEAST_SPREAD[channel], columns)
    _hue_moments(circle, n, centre, out[4 * HUE_CHANNEL : 4 * HUE_CHANNEL + 4])
    if len(percentiles):
        _read_percentiles(bins, n, percentiles)


@njit(**VECTOR)
def _mean(values):
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total / len(values)


@njit(**VECTOR)
def _power_sums(values, shift, sums):
    s1, s2, s3, s4 = _F(0), _F(0), _F(0), _F(0)
    for i in range(len(values)):  # by index: Numba's iterators are not turned into vector code
        d = values[i] - shift
        square = d * d
        s1 += d
        s2 += square
        s3 += square * d
        s4 += square * square
    sums[0] += s1
    sums[1] += s2
    sums[2] += s3
    sums[3] += s4


@njit(**VECTOR)
def _hue_sums(block, m, circle):
    """Sums of sin(pi d)^2 and sin(pi d) cos(pi d) of hue deviations d: half of 1 - cos(2 pi d) and of sin(2 pi d)."""
    s1, s2 = _F(0), _F(0)
    for i in range(m):
        d = block[HUE + i]
        x = d * d
        sine = d * (_S0 + x * (_S1 + x * (_S2 + x * (_S3 + x * (_S4 + x * _S5)))))
        cosine = _C0 + x * (_C1 + x * (_C2 + x * (_C3 + x * (_C4 + x * (_C5 + x * _C6)))))
        s1 += sine * sine
        s2 += sine * cosine
    circle[0] += s1
    circle[1] += s2


@njit(nogil=True)
def _moments(sums, n, shift, scale, least, out):
    """Mean, standard deviation, skewness and excess kurtosis from power sums about the shift."""
    a1, a2, a3, a4 = sums[0] / n, sums[1] / n, sums[2] / n, sums[3] / n
    variance = a2 - a1 * a1
    out[0] = scale * (shift + a1)
    if variance < least * least:
        out[1] = 0.0
        return
    std = np.sqrt(variance)
    out[1] = scale * std
    out[2] = (a3 - 3 * a1 * a2 + 2 * a1**3) / (std * variance)
    out[3] = (a4 - 4 * a1 * a3 + 6 * a1 * a1 * a2 - 3 * a1**4) / (variance * variance) - 3


@njit(nogil=True)
def _hue_moments(circle, n, centre, out):
    """Mean and standard deviation on the circle in place of those on the line."""
    if np.isnan(centre):
        out[:] = np.nan
        return
    versine, s = 2 * circle[0] / n, 2 * circle[1] / n
    if (1 - versine) ** 2 + s * s < NO_CHROMA * NO_CHROMA:
        out[:2] = np.nan
        return
    mean = centre + np.arctan2(s, 1 - versine) / (2 * np.pi)
    out[0] = max(mean - np.floor(mean + NO_SPREAD), 0.0)
    if out[1] > 0:
        lost = versine * (2 - versine) - s * s  # 1 - R^2, without the loss of digits
        out[1] = np.sqrt(-np.log1p(-max(lost, 0.0))) / (2 * np.pi)


@njit(nogil=True)
def _fill_bins(packed, capacity, p, block, bits, m, bins):
    """Count the block's L, a, b, and S for their two nearest nodes; S, a ratio of bytes, as exact as in integers."""
    for k in range(3):
        _find_positions(block[_ROW[k] : _ROW[k] + m], _LOW[k], _STEPS_PER_UNIT[k], bits[_FREE[k] : _FREE[k] + m])
    red, green = packed[p : p + m], packed[capacity + p : capacity + p + m]
    blue = packed[2 * capacity + p : 2 * capacity + p + m]
    at = bits[_FREE[3] : _FREE[3] + m]
    for i in range(m):
        high, low = max(red[i], max(green[i], blue[i])), min(red[i], min(green[i], blue[i]))
        chroma, whole = np.int32(high) - np.int32(low), max(np.int32(high), np.int32(1))
        at[i] = np.int32(np.floor(np.float64(chroma) * _STEPS / np.float64(whole)))
    _count(bits, m, bins)


@njit(nogil=True)
def _find_positions(values, low, steps, positions):
    """Steps from the first node, none before it or behind the last."""
    for i in range(len(values)):
        position = np.int32(np.floor((100.0 * values[i] - low) * steps))
        positions[i] = min(max(position, np.int32(0)), np.int32(_STEPS))


@njit(nogil=True)
def _count(bits, m, bins):
    """Add a pixel to the node below each position, and behind it the part of the step by which it lies above.

    Channels take turns: a processor waits for a node that it wrote just before, as neighbouring pixels would have it.
    """
    first, second, third, fourth = bins[0], bins[1], bins[2], bins[3]
    for i in range(m):
        a, b = np.uint32(bits[_FREE[0] + i]), np.uint32(bits[_FREE[1] + i])
        c, d = np.uint32(bits[_FREE[2] + i]), np.uint32(bits[_FREE[3] + i])
        first[a // _PART] += _PIXEL + np.int64(a % _PART)
        second[b // _PART] += _PIXEL + np.int64(b % _PART)
        third[c // _PART] += _PIXEL + np.int64(c % _PART)
        fourth[d // _PART] += _PIXEL + np.int64(d % _PART)


@njit(nogil=True)
def _read_percentiles(bins, n, out):
    """Positions at which the cumulated counts reach the ranks, a node's count spread over one step around it."""
    at = 0
    for k in range(4):
        above = 0
        for node in range(bins.shape[1]):
            pixels, parts = bins[k, node] // _PIXEL, bins[k, node] % _PIXEL
            bins[k, node] = PERCENTILE_PART * pixels - parts + above
            above = parts
        node, below = 0, 0
        for p in _PERCENTS:
            rank = p * n * PERCENTILE_PART
            while below + bins[k, node] < rank:
                below += bins[k, node]
                node += 1
            position = node - 0.5 + (rank - below) / bins[k, node]
            out[at] = _LOW[k] + position * PERCENTILE_PART / _STEPS_PER_UNIT[k]
            at += 1

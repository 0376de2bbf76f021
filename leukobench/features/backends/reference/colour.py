"""Colour of the reference backend: moments of RGB, HSV, Lab and HED, percentiles, ratios to the nucleus's hull."""

import numpy as np
from skimage.color import rgb2hed, rgb2hsv, rgb2lab

from leukobench.features.backends.reference.shape import hull_region, ratio
from leukobench.features.definitions import CHANNELS, HULL_CHANNELS, PERCENTILE_CHANNELS, PERCENTS
from leukobench.features.tables import NO_CHROMA, NO_SPREAD, PERCENTILE_BINS, PERCENTILE_PART, PERCENTILE_RANGES

CHROMA = ("lab_a", "lab_b")
HULL_LEAST = np.array([100 * NO_CHROMA if channel in CHROMA else 255 * NO_SPREAD for channel in HULL_CHANNELS])


def colour_part(image, regions):
    """Four moments of twelve channels in each region."""
    row = {}
    for name, region in regions.items():
        pixels = image[region]
        if not len(pixels):
            continue
        for channel, values in _channels(pixels).items():
            moments = _hue_moments(values, pixels) if channel == "hsv_h" else _moments(values, _least_spread(channel))
            for moment, value in zip(("mean", "std", "skewness", "kurtosis"), moments, strict=True):
                row[f"{name}_{channel}_{moment}"] = value
    return row


def _channels(pixels):
    """Channel -> values, of (n, 3) uint8 pixels."""
    strip = pixels[None]
    spaces = (strip / 255.0, rgb2hsv(strip), rgb2lab(strip), rgb2hed(strip))
    return dict(zip(CHANNELS, np.concatenate(spaces, axis=2)[0].T, strict=True))


def _least_spread(channel):
    """Standard deviation, in the channel's unit, below which it is constant."""
    span = 100.0 if channel.startswith("lab") else 1.0
    return span * (NO_CHROMA if channel in CHROMA else NO_SPREAD)


def _moments(values, least_spread=NO_SPREAD):
    """Mean, population standard deviation, skewness and excess kurtosis; the last two need some spread."""
    mean = values.mean()
    d = values - mean
    square = d * d
    std = np.sqrt(square.mean())
    if std < least_spread:
        return mean, 0.0, np.nan, np.nan
    return mean, std, (square * d).mean() / std**3, (square * square).mean() / std**4 - 3


def _hue_moments(hue, pixels):
    """Circular mean and standard deviation in turns; skewness and kurtosis of the hue cut open.

    The cut lies opposite to the hue of the mean colour. A grey pixel has no hue and counts as lying at that centre; a
    region whose mean colour is grey has no hue at all, and one whose hues cancel no mean.
    """
    total = pixels.sum(0, dtype=np.int64)
    if total.max() == total.min():
        return np.nan, np.nan, np.nan, np.nan
    centre = _hue_of(total)
    d = hue - centre
    d -= np.floor(d + 0.5 + NO_SPREAD)
    d[pixels.max(1) == pixels.min(1)] = 0.0
    _, std, skewness, kurtosis = _moments(d)
    c, s = np.cos(2 * np.pi * d).mean(), np.sin(2 * np.pi * d).mean()
    if np.hypot(c, s) < NO_CHROMA:
        return np.nan, np.nan, skewness, kurtosis
    mean = centre + np.arctan2(s, c) / (2 * np.pi)
    mean = max(mean - np.floor(mean + NO_SPREAD), 0.0)
    if std:
        std = np.sqrt(-np.log(min(c * c + s * s, 1.0))) / (2 * np.pi)
    return mean, std, skewness, kurtosis


def _hue_of(rgb):
    """Hue in turns of one colour that is not grey."""
    r, g, b = (float(v) for v in rgb)
    high, chroma = max(r, g, b), max(r, g, b) - min(r, g, b)
    if high == r:
        return (g - b) / chroma / 6 % 1.0
    return (2 + (b - r) / chroma) / 6 if high == g else (4 + (r - g) / chroma) / 6


def percentile_part(image, regions):
    """Percentiles of L, a, b and S from histograms in which a pixel counts for the two nearest nodes in proportion."""
    row = {}
    for name, region in regions.items():
        if not region.any():
            continue
        pixels = image[region]
        channels = _channels(pixels)
        for channel, (low, high) in zip(PERCENTILE_CHANNELS, PERCENTILE_RANGES, strict=True):
            steps = PERCENTILE_BINS * PERCENTILE_PART
            if channel == "hsv_s":  # a ratio of bytes, where whole nodes are common: exact
                most, least = pixels.max(1).astype(int), pixels.min(1).astype(int)
                position = (most - least) * steps // np.maximum(most, 1)
            else:
                position = np.floor((channels[channel] - low) * (steps / (high - low))).astype(int).clip(0, steps)
            node, part = np.divmod(position, PERCENTILE_PART)
            counts = np.bincount(node, PERCENTILE_PART - part, PERCENTILE_BINS + 2)
            counts += np.bincount(node + 1, part, PERCENTILE_BINS + 2)
            for p in PERCENTS:
                at = _quantile(counts, p / 100)
                row[f"{name}_{channel}_p{p}"] = low + at * (high - low) / PERCENTILE_BINS
    return row


def _quantile(counts, p):
    """Position at which the cumulated counts reach p, each node's count being spread evenly over one step around it."""
    below = np.concatenate([[0], np.cumsum(counts)])
    rank = p * below[-1]
    k = np.searchsorted(below[1:], rank)
    return k - 0.5 + (rank - below[k]) / counts[k]


def hull_part(image, nucleus):
    """Tavakoli's ratios: mean and standard deviation in nucleus, and in hull without nucleus, over those in the hull.

    The channels are coded as OpenCV codes them in a byte, without rounding: H in half degrees, S and V to 255, L to
    255, a and b around 128, Y to 255, Cr and Cb around 128.
    """
    if not nucleus.any():
        return {}
    hull = hull_region(nucleus)
    inside = _mean_and_std(image[nucleus])
    around = _mean_and_std(image[hull & ~nucleus])
    whole = _mean_and_std(image[hull])
    return {
        f"nc_{name}_{channel}_{moment}": ratio(values[moment][k], whole[moment][k])
        for name, values in (("nucleus_hull", inside), ("roc_hull", around))
        for k, channel in enumerate(HULL_CHANNELS)
        for moment in ("mean", "std")
    }


def _mean_and_std(pixels):
    if not len(pixels):
        nothing = np.full(len(HULL_CHANNELS), np.nan)
        return {"mean": nothing, "std": nothing}
    strip = pixels[None]
    hsv = rgb2hsv(strip)[0] * (180, 255, 255)
    lab = rgb2lab(strip)[0] * (2.55, 1, 1) + (0, 128, 128)
    y = pixels @ np.array([0.299, 0.587, 0.114])
    cr, cb = (pixels[:, 0] - y) * 0.713 + 128, (pixels[:, 2] - y) * 0.564 + 128
    values = np.column_stack([pixels, hsv, lab, y, cr, cb])
    moments = {"mean": values.mean(0), "std": values.std(0)}
    for moment in moments.values():
        moment[abs(moment) < HULL_LEAST] = 0.0
    return moments

"""Colour of the reference backend: moments of RGB, HSV, Lab and HED, percentiles, ratios to the nucleus's hull."""

import numpy as np
from skimage.color import rgb2hed, rgb2hsv, rgb2lab

from leukobench.features.backends.reference.shape import hull_region, ratio
from leukobench.features.definitions import CHANNELS, HULL_CHANNELS, PERCENTILE_CHANNELS, PERCENTS
from leukobench.features.tables import PERCENTILE_BINS, PERCENTILE_RANGES

NO_SPREAD = 1e-6
"""Below this standard deviation (of channels that span 1; Lab is divided by 100) a channel counts as constant."""


def colour_part(image, regions):
    """Four moments of twelve channels in each region."""
    row = {}
    for name, region in regions.items():
        pixels = image[region]
        if not len(pixels):
            continue
        for channel, values in _channels(pixels).items():
            moments = _hue_moments(values, pixels) if channel == "hsv_h" else _moments(values, _scale(channel))
            for moment, value in zip(("mean", "std", "skewness", "kurtosis"), moments, strict=True):
                row[f"{name}_{channel}_{moment}"] = value
    return row


def _channels(pixels):
    """Channel -> values, of (n, 3) uint8 pixels."""
    strip = pixels[None]
    spaces = (strip / 255.0, rgb2hsv(strip), rgb2lab(strip), rgb2hed(strip))
    return dict(zip(CHANNELS, np.concatenate(spaces, axis=2)[0].T, strict=True))


def _scale(channel):
    return 100.0 if channel.startswith("lab") else 1.0


def _moments(values, scale=1.0):
    """Mean, population standard deviation, skewness and excess kurtosis; the last two need some spread."""
    mean = values.mean()
    d = values - mean
    std = np.sqrt((d**2).mean())
    if std < NO_SPREAD * scale:
        return mean, 0.0, np.nan, np.nan
    return mean, std, (d**3).mean() / std**3, (d**4).mean() / std**4 - 3


def _hue_moments(hue, pixels):
    """Circular mean and standard deviation in turns; skewness and kurtosis of the hue cut open.

    The cut lies opposite to the hue of the mean colour. A grey pixel has no hue and counts as lying at that centre; a
    region whose mean colour is grey has no hue at all.
    """
    total = pixels.sum(0, dtype=np.int64)
    if total.max() == total.min():
        return np.nan, np.nan, np.nan, np.nan
    centre = _hue_of(total)
    d = (hue - centre + 0.5) % 1.0 - 0.5
    d[pixels.max(1) == pixels.min(1)] = 0.0
    c, s = np.cos(2 * np.pi * d).mean(), np.sin(2 * np.pi * d).mean()
    mean = (centre + np.arctan2(s, c) / (2 * np.pi)) % 1.0
    _, std, skewness, kurtosis = _moments(d)
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
    """Percentiles of L, a, b and S from histograms, linear inside the bin."""
    row = {}
    for name, region in regions.items():
        if not region.any():
            continue
        channels = _channels(image[region])
        for channel, (low, high) in zip(PERCENTILE_CHANNELS, PERCENTILE_RANGES, strict=True):
            index = np.floor((channels[channel] - low) * (PERCENTILE_BINS / (high - low))).astype(int)
            if channel == "hsv_s":  # a ratio of bytes: whole numbers of bins are common, so divide exactly
                most, least = image[region].max(1).astype(int), image[region].min(1).astype(int)
                index = (most - least) * PERCENTILE_BINS // np.maximum(most, 1)
            counts = np.bincount(np.clip(index, 0, PERCENTILE_BINS - 1), minlength=PERCENTILE_BINS)
            below = np.concatenate([[0], np.cumsum(counts)])
            for p in PERCENTS:
                rank = p / 100 * below[-1]
                k = np.searchsorted(below[1:], rank)  # the first bin that reaches the rank
                position = k + (rank - below[k]) / counts[k]
                row[f"{name}_{channel}_p{p}"] = low + position * (high - low) / PERCENTILE_BINS
    return row


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
    std = values.std(0)
    std[std < 255 * NO_SPREAD] = 0.0
    return {"mean": values.mean(0), "std": std}

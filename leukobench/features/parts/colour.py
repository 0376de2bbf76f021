"""Colour: four moments of RGB, HSV, Lab and HED in nucleus and cytoplasm."""

import numpy as np
from skimage.color import rgb2hed, rgb2hsv, rgb2lab

from leukobench.features.part import FeaturePart, features_from
from leukobench.features.tables import NO_CHROMA, NO_SPREAD

CHANNELS = tuple(f"{space}_{channel}" for space in ("rgb", "hsv", "lab", "hed") for channel in space)
_SPACE_SOURCE = {"rgb": "sRGB", "hsv": "Smith 1978", "lab": "CIE 1976, D65", "hed": "Ruifrok 2001"}
_MOMENT = {
    "mean": "mean of {}",
    "std": "standard deviation of {}",
    "skewness": "m3 / m2^1.5 of {}",
    "kurtosis": "m4 / m2^2 - 3 of {}",
}
_HUE_MOMENT = {
    "mean": "circular mean of hue, in turns",
    "std": "circular standard deviation sqrt(-2 ln R) / 2 pi of hue, in turns",
    "skewness": "m3 / m2^1.5 of hue cut open opposite to the hue of the mean colour",
    "kurtosis": "m4 / m2^2 - 3 of hue cut open opposite to the hue of the mean colour",
}


def _colour():
    for channel in CHANNELS:
        space = channel.split("_")[0]
        formulas = _HUE_MOMENT if channel == "hsv_h" else _MOMENT
        for moment, formula in formulas.items():
            source = "Mardia 2000" if channel == "hsv_h" and moment in ("mean", "std") else _SPACE_SOURCE[space]
            yield f"{channel}_{moment}", "1", "rotation scale", formula.format(channel), source


COLOUR = tuple(_colour())

CHROMA = ("lab_a", "lab_b")


def colour_part(image, mask):
    """Four moments of twelve channels in nucleus and cytoplasm."""
    return colour_moments("nucleus", image[mask == 2]) | colour_moments("cytoplasm", image[mask == 1])


def colour_moments(region, pixels):
    """Four moments of twelve channels of the (n, 3) pixels of a region."""
    row = {}
    if not len(pixels):
        return row
    for channel, values in channels(pixels).items():
        moments = _hue_moments(values, pixels) if channel == "hsv_h" else _moments(values, _least_spread(channel))
        for moment, value in zip(_MOMENT, moments, strict=True):
            row[f"{region}_{channel}_{moment}"] = value
    return row


def channels(pixels):
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


PART = FeaturePart(
    "colour",
    features_from(COLOUR, "nucleus", "cytoplasm", group="colour"),
    colour_part,
    sets=("core", "full", "extended", "untextured"),
    version="2",
    numba="leukobench.features.backends.cpu.colour:colour_part",
    cuda="colour.cu",
)

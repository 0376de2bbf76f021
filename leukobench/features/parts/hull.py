"""Tavakoli's colour ratios: nucleus, and hull without nucleus, over the convex hull of the nucleus."""

import numpy as np
from skimage.color import rgb2hsv, rgb2lab

from leukobench.features.part import FeaturePart, features_from
from leukobench.features.parts.colour import CHROMA
from leukobench.features.parts.shape import convex_hull, ratio
from leukobench.features.tables import NO_CHROMA, NO_SPREAD

HULL_CHANNELS = tuple(
    f"{space}_{channel}"
    for space, channels in {"rgb": "r g b", "hsv": "h s v", "lab": "l a b", "ycrcb": "y cr cb"}.items()
    for channel in channels.split()
)
HULL_COLOUR = tuple(
    (f"{ratio}_{channel}_{moment}", "1", "rotation scale", f"{moment} {channel} in {what}", "Tavakoli 2021")
    for ratio, what in (("nucleus_hull", "nucleus / hull"), ("roc_hull", "(hull - nucleus) / hull"))
    for channel in HULL_CHANNELS
    for moment in ("mean", "std")
)
LEAST = np.array([100 * NO_CHROMA if channel in CHROMA else 255 * NO_SPREAD for channel in HULL_CHANNELS])
"""Below this, in channels coded as bytes, a mean or a standard deviation counts as zero."""


def hull_part(image, mask):
    """Tavakoli's ratios: mean and standard deviation in nucleus, and in hull without nucleus, over those in the hull.

    The channels are coded as OpenCV codes them in a byte, without rounding: H in half degrees, S and V to 255, L to
    255, a and b around 128, Y to 255, Cr and Cb around 128.
    """
    nucleus = mask == 2
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
        moment[abs(moment) < LEAST] = 0.0
    return moments


def hull_region(region):
    """Pixels whose centre is inside or on the convex hull of the pixel squares."""
    hull = convex_hull(region)
    y, x = np.mgrid[: region.shape[0], : region.shape[1]]
    inside = np.ones(region.shape, bool)
    for a, b in zip(hull, np.roll(hull, -1, axis=0), strict=True):  # exact: twice the coordinates are integers
        inside &= (b[0] - a[0]) * (2 * y + 1 - 2 * a[1]) - (b[1] - a[1]) * (2 * x + 1 - 2 * a[0]) >= 0
    return inside


PART = FeaturePart(
    "hull",
    features_from(HULL_COLOUR, "nucleus/cell", group="colour"),
    hull_part,
    sets=("full", "extended", "untextured", "tavakoli2021"),
    version="2",
    numba="leukobench.features.backends.cpu.ratios:hull_part",
    cuda="hull.cu",
)

"""What a cell looks like in a few numbers, to tell whether a picture is one that a model can be asked about.

No model is trained on them. They say whether a cell was found, how sharp and how large it is, and where it lies among
the cells that a model was trained on. But for its size all are taken at one number of pixels per cell, and colours as
optical densities over the picture's own glass and as shares of its nucleus', so that another camera moves them little.
"""

import zlib

import cv2
import numpy as np
import pandas as pd

from leukobench.cache import settings
from leukobench.imaging.check import check_images
from leukobench.imaging.scale import check_um_per_px, estimate_um_per_px
from leukobench.imaging.stain import augment
from leukobench.imaging.stain.background import background_colour
from leukobench.preparation.views import LEAST_CONFIDENCE
from leukobench.segmentation import segment, segmentation_key

VERSION = "1"
ACROSS = 40  # px that a cell's diameter is brought to
FIELD = 0.9  # of a diameter, from the middle to the side of the picture that is measured
RING = 5  # px around the cell that it is compared with
COARSE = 1.5  # px of the Gaussian before the Laplacian: what is finer is the camera's resolution, and no blur
LEAST_DEPTH = 0.15  # density of a nucleus, all channels together, that an empty one is taken for
LEAST_FINE = 0.001  # of the Laplacian of a density, against the noise of a cell without structure
OFFSET = 8.0  # grey values added before a logarithm, against noise in the dark
FACTS = ("quality", "diameter", "um_per_px", "scale", "brightness")
"""Of the picture: certainty of the mask, the cell's diameter in px, scale, how it is known, and grey value of all."""
MEASURES = (
    *("nucleus_red", "nucleus_green", "nucleus_blue", "cytoplasm_red", "cytoplasm_green", "cytoplasm_blue"),
    *("ring_red", "ring_green", "ring_blue", "nucleus_spread", "cytoplasm_spread", "edge", "depth", "nucleus_share"),
    *("cell_roundness", "cell_elongation", "nucleus_roundness", "sharpness", "size"),
)
"""Of the cell: densities of its parts, their spread and the step at its rim, all as shares of the nucleus' density, of
which `depth` is the logarithm; shapes; sharpness; and the logarithm of its diameter in micrometres."""
COPIES = 3  # as other laboratories might have taken the cell, of an image that a model is trained on
SCALES = ("unknown", "estimated", "given")


def looks_key():
    """What the numbers depend on, as plain values for cache keys."""
    modules = (__name__, "leukobench.imaging.scale", "leukobench.imaging.stain.background")
    return {"name": "looks", "version": VERSION, "settings": settings(*modules), "segmentation": segmentation_key()}


def cell_looks(images, um_per_px=None, masks=None):
    """Measure what cells look like.

    Parameters
    ----------
    images : sequence of ndarray of uint8, shape (H, W, 3)
        RGB, each of its own size.
    um_per_px : float, sequence of float or None, default None
        Micrometres per pixel, of all or of each image; None and NaN are unknown, and estimated from red cells.
    masks : sequence of (ndarray of uint8 or None) or None, default None
        Label masks of somebody's own, which are believed; what lacks one is segmented.

    Returns
    -------
    DataFrame, n rows
        `FACTS`, where `scale` is a place in `SCALES`, and `MEASURES`. NaN is what cannot be measured.

    Examples
    --------
    >>> image = np.full((120, 120, 3), 230, np.uint8)
    >>> image = cv2.circle(image, (60, 60), 32, (190, 180, 215), -1)
    >>> image = cv2.circle(image, (56, 60), 20, (90, 40, 130), -1)
    >>> looks = cell_looks([image, np.full_like(image, 255)], um_per_px=0.2)
    >>> looks["quality"].gt(0).tolist(), looks["diameter"].round().tolist()[0], looks["nucleus_share"].round(1).tolist()
    ([True, False], 64.0, [0.4, nan])
    """
    images = check_images(images)
    scales = check_um_per_px(um_per_px, len(images))
    masks = [None] * len(images) if masks is None else masks
    without = [image for image, mask in zip(images, masks, strict=True) if mask is None]
    found = zip(*segment(without, return_quality=True), strict=True)
    known = [next(found) if mask is None else (mask, float(mask.any())) for mask in masks]
    rows = [_look(image, *cell, scale) for image, cell, scale in zip(images, known, scales, strict=True)]
    return pd.DataFrame(rows, columns=[*FACTS, *MEASURES])


def looks_of_copies(images, um_per_px=None):
    """Looks of images and of their copies as other laboratories might have taken them.

    Parameters
    ----------
    images, um_per_px
        As of `cell_looks`.

    Returns
    -------
    ndarray of float, shape (n, 1 + COPIES, number of facts and measures)
        The image itself first.
    """
    pictures, scales = [], []
    for image, scale in zip(images, check_um_per_px(um_per_px, len(images)), strict=True):
        seed = zlib.crc32(np.ascontiguousarray(image))
        copies = [augment(image, np.random.default_rng((seed, number))) for number in range(1, COPIES + 1)]
        pictures += [image, *(copy for copy, _ in copies)]
        scales += [scale, *(scale / magnified for _, magnified in copies)]
    return cell_looks(pictures, scales).to_numpy().reshape(len(images), 1 + COPIES, -1)


def _look(image, mask, quality, um_per_px):
    diameter = 2 * np.sqrt(np.count_nonzero(mask) / np.pi) if quality else np.nan
    scale = SCALES.index("unknown" if np.isnan(um_per_px) else "given")
    if not scale and quality:
        found, confidence = estimate_um_per_px(image, mask)
        if confidence >= LEAST_CONFIDENCE:
            um_per_px, scale = found, SCALES.index("estimated")
    facts = (quality, diameter, um_per_px, scale, cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[0] / 255)
    measures = _measures(image, mask, diameter) if quality else [np.nan] * (len(MEASURES) - 1)
    return *facts, *measures, np.log(diameter * um_per_px)


def _measures(image, mask, diameter):
    """All measures but the size, of a cell brought to `ACROSS` px."""
    glass = background_colour(image, mask)
    picture, cell, nucleus = _brought_near(image, mask, diameter)
    density = np.log((glass + OFFSET) / (picture + OFFSET)).astype(np.float32)
    wide = cv2.dilate(cell.astype(np.uint8), np.ones((2 * RING + 1,) * 2, np.uint8)) > 0
    cytoplasm = cell & ~nucleus
    depth = max(_mean(density, nucleus).sum(), LEAST_DEPTH)
    density /= depth
    grey = sum(cv2.split(density)) / 3
    fine = np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), COARSE), cv2.CV_32F))[cell].mean()
    return (
        *np.concatenate([_mean(density, part) for part in (nucleus, cytoplasm, wide & ~cell)]),
        *(grey[part].std() if part.any() else 0.0 for part in (nucleus, cytoplasm)),
        _step(grey, cell),
        np.log(depth),
        np.count_nonzero(nucleus) / np.count_nonzero(cell),
        *_shape(cell),
        _shape(nucleus)[0],
        np.log((fine + LEAST_FINE) / (grey[cell].std() + 10 * LEAST_FINE)),
    )


def _brought_near(image, mask, diameter):
    """The cell's surroundings at a fixed number of px per diameter, and where cell and nucleus are in them."""
    x, y, width, height = cv2.boundingRect(mask)
    reach = max(FIELD * diameter, max(width, height) / 2 + RING * diameter / ACROSS)
    left, right = (int(max(0, x + width / 2 - reach)), int(np.ceil(x + width / 2 + reach)))
    top, bottom = (int(max(0, y + height / 2 - reach)), int(np.ceil(y + height / 2 + reach)))
    image, mask = image[top:bottom, left:right], mask[top:bottom, left:right]
    factor = ACROSS / diameter
    size = max(1, round(mask.shape[1] * factor)), max(1, round(mask.shape[0] * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    layers = [cv2.resize((mask >= label).astype(np.float32), size, interpolation=how) > 0.5 for label in (1, 2)]
    return cv2.resize(image, size, interpolation=how), *layers


def _mean(density, part):
    pixels = density.reshape(-1, 3).take(np.flatnonzero(part), axis=0)
    return pixels.mean(axis=0) if len(pixels) else np.zeros(3)


def _shape(region):
    """Share of its convex hull that the largest part of a region fills, and how many times as long as wide it is."""
    outlines, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return 0.0, 0.0
    outline = max(outlines, key=cv2.contourArea)
    hull = cv2.contourArea(cv2.convexHull(outline))
    _, sides, _ = cv2.minAreaRect(outline)
    return cv2.contourArea(outline) / hull if hull else 0.0, np.log((max(sides) + 1) / (min(sides) + 1))


def _step(grey, cell):
    """How much darker the rim of the cell is than what lies just outside."""
    kernel = np.ones((5, 5), np.uint8)
    inside = cell & (cv2.erode(cell.astype(np.uint8), kernel) == 0)
    outside = ~cell & (cv2.dilate(cell.astype(np.uint8), kernel) > 0)
    return grey[inside].mean() - grey[outside].mean() if inside.any() and outside.any() else 0.0

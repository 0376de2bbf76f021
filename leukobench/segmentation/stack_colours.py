"""`own_colours` and `granules` for a stack of images at once, in array code that runs on either device.

Planes are float32 arrays of shape (n, 3, H, W), masks bool arrays of shape (n, H, W). Constants are those of the two
modules, which say what is done and why.
"""

from typing import Any, NamedTuple

import numpy as np

from leukobench.segmentation.granules import COHERENT, LEAST_BLUE, LEAST_SHARE, LEVELS, LINE, MOST_GREEN_AND_RED, RIM
from leukobench.segmentation.own_colours import (
    FAINT,
    LEAST_SAMPLE,
    MOST,
    RIDGE,
    SURE_OF_CELL,
    SURE_OF_NUCLEUS,
)
from leukobench.segmentation.stacks import box_sum, count, discs, eroded, mean, opened, quantile


class Discriminants(NamedTuple):
    """Fisher's rule between two materials, one for each image; `known` where there were samples enough."""

    direction: Any  # shape (n, 3)
    threshold: Any  # shape (n,)
    known: Any  # shape (n,)

    def score(self, xp, roots):
        """Bounded scores; float32, shape (n, H, W)."""
        n, _, height, width = roots.shape
        product = xp.matmul(self.direction[:, None].astype(xp.float32), roots.reshape(n, 3, -1))
        score = product.reshape(n, height, width) - self.threshold.astype(xp.float32)[:, None, None]
        return xp.clip(score, -MOST, MOST)


def roots_of(xp, planes):
    """Half the square root of each grey value."""
    return 0.5 * xp.sqrt(planes.astype(xp.float32))


def adapt_cell(xp, roots, cell, nucleus, within, rows):
    """Logits of the cell, shape (n, H, W); `rows` marks every other row, in which other materials are sampled."""
    cytoplasm = within & (nucleus < -SURE_OF_CELL) & (cell > SURE_OF_CELL)
    stained = within & _stained(xp, roots, cytoplasm, within)
    rules = fit(xp, roots, cytoplasm, (cell < -SURE_OF_CELL) & stained & rows)
    adapted = rules.known[:, None, None] & stained & (nucleus < 0)
    return xp.where(adapted, cell + rules.score(xp, roots), cell)


def fit_nucleus(xp, roots, cell, nucleus, within):
    """The discriminants between each image's own chromatin and cytoplasm."""
    chromatin = within & (nucleus > SURE_OF_NUCLEUS) & (cell > 0)
    cytoplasm = within & (nucleus < -SURE_OF_NUCLEUS) & (cell > SURE_OF_CELL)
    return fit(xp, roots, chromatin, cytoplasm)


def fit(xp, roots, these, those):
    """Fisher's discriminants between the pixels under two masks of each image."""
    n = len(roots)
    roots = roots.reshape(n, 3, -1)
    counts, means, scatter = [], [], 0.0
    for mask in (these, those):
        weights = mask.reshape(n, 1, -1).astype(xp.float32)
        counts.append(count(xp, mask))
        means.append((roots * weights).sum(axis=2) / xp.maximum(counts[-1], 1)[:, None])
        centred = (roots - means[-1][:, :, None].astype(xp.float32)) * weights
        scatter = scatter + xp.matmul(centred, centred.transpose(0, 2, 1)).astype(xp.float64)
    ridge = RIDGE * xp.eye(3)
    covariance = scatter / xp.maximum(counts[0] + counts[1], 1)[:, None, None] + ridge
    direction = xp.linalg.solve(covariance, (means[0] - means[1])[:, :, None])[:, :, 0]
    threshold = ((means[0] + means[1]) / 2 * direction).sum(axis=1)
    return Discriminants(direction, threshold, xp.minimum(*counts) >= LEAST_SAMPLE)


def _stained(xp, roots, cytoplasm, within):
    """Where there is at least half as much stain as in this cell's cytoplasm."""
    dark = roots.sum(axis=1) / -3
    dark = dark - quantile(xp, dark, within, 0.1, (-8, 8))[:, None, None]
    half = 0.5 * quantile(xp, dark, cytoplasm, 0.5, (-8, 8))
    half = xp.where(xp.isinf(half), FAINT, xp.maximum(half, FAINT))
    return dark > half[:, None, None]


def without_granules(xp, density, inside, nucleus, within):
    """Logits of the nuclei with the granules taken off, and in which images granules were taken for nucleus."""
    n = len(density)
    inner = inside & eroded(xp, inside | ~within, xp.full((n, 5), 2))
    taken = inner & (nucleus > 0)
    red, green, blue = (box_sum(xp, density[:, k], 3) / 9 for k in range(3))
    hue = xp.clip(LEVELS * (1 + green - blue), 0, 255).astype(xp.int64)
    low = hue <= otsu(xp, hue, inner)[:, None, None]
    granules, chromatin = taken & low, taken & ~low
    number = count(xp, granules)
    ratios = [mean(xp, each, granules) / xp.maximum(mean(xp, each, chromatin), 1e-6) for each in (red, green, blue)]
    coherent = granules & (box_sum(xp, granules.astype(xp.int32), 5) > 12)
    some = (
        (number > LEAST_SHARE * count(xp, taken))
        & (count(xp, chromatin) > LEAST_SAMPLE)
        & (ratios[2] >= LEAST_BLUE)
        & (xp.maximum(*ratios[:2]) <= MOST_GREEN_AND_RED)
        & (count(xp, coherent) >= COHERENT * number)
    )
    sure = SURE_OF_NUCLEUS + 0.5
    corrected = xp.where(granules, -sure, xp.where(chromatin, sure, xp.minimum(nucleus, 1)))
    return xp.where(some[:, None, None], corrected, nucleus).astype(xp.float32), some


def otsu(xp, levels, masks):
    """The level up to which each image's pixels under its mask are of the lower class (Otsu 1979)."""
    n = len(levels)
    image = xp.arange(n)[:, None, None]
    at = xp.flatnonzero(masks)
    counts = xp.bincount((256 * image + levels).reshape(-1)[at], minlength=256 * n).reshape(n, 256)
    share = counts / xp.maximum(counts.sum(axis=1, keepdims=True), 1)
    below, moment = xp.cumsum(share, axis=1), xp.cumsum(share * xp.arange(256), axis=1)
    apart = (moment[:, -1:] * below - moment) ** 2
    spread = below * (1 - below)
    between = xp.where(spread > np.finfo(np.float32).eps, apart / xp.maximum(spread, 1e-9), 0)
    return xp.argmax(between, axis=1)


def without_rim(arrays, nuclei, cells, valid):
    """The nuclei without lines along the outlines of the cells; `valid` marks the pixels that an image has."""
    xp = arrays.xp
    radius = xp.sqrt(count(xp, cells) / np.pi)
    open_ones = opened(xp, nuclei | ~valid, discs(arrays, xp.rint(LINE * radius)))
    deep = eroded(xp, cells, discs(arrays, xp.rint(RIM * radius)), beyond=False)
    return nuclei & (open_ones | deep)

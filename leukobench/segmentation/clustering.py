"""Nucleus by k-means in Lab, cell by a watershed between the nucleus and the discs around it.

This way needs no training. It is quick to understand and is the yardstick for anything learned.
"""

import cv2
import numpy as np

BACKGROUND_PERCENTILE = 85  # lightness above which a pixel counts as plain glass
START_QUANTILES = (0.02, 0.25, 0.55, 0.85)  # of lightness, where the four clusters start: nucleus first
LOBE_SHARE = 0.1  # a dark part smaller than this share of the largest one is no lobe
LOBE_REACH = 0.3  # how fast the weight of a dark part falls with its distance from the centre, in image sides


def label_by_clustering(rgb: np.ndarray) -> np.ndarray:
    """Label mask of a small image (about 128 px a side) without any learned part.

    Parameters
    ----------
    rgb : uint8 array, shape (H, W, 3)

    Returns
    -------
    uint8 array, shape (H, W)
        0 background, 1 cytoplasm, 2 nucleus; all 0 where nothing stands out from the glass.
    """
    smooth = cv2.GaussianBlur(rgb, (3, 3), 0)
    lab = cv2.cvtColor(smooth.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    nucleus = _nucleus(lab)
    if not nucleus.any():
        return np.zeros(rgb.shape[:2], np.uint8)
    return (nucleus | _cell(lab, nucleus)).astype(np.uint8) + nucleus


def _nucleus(lab):
    height, width = lab.shape[:2]
    pixels = lab.reshape(-1, 3)
    sample = pixels[::5]
    order = np.argsort(sample[:, 0])
    centres = sample[order[(np.array(START_QUANTILES) * len(order)).astype(int)]]
    for _ in range(10):
        nearest = _squared_distance(sample, centres).argmin(1)
        centres = np.stack(
            [sample[nearest == k].mean(0) if (nearest == k).any() else centres[k] for k in range(len(centres))]
        )
    if np.ptp(centres[:, 0]) < 5:
        return np.zeros((height, width), bool)
    dark = _squared_distance(pixels, centres).argmin(1).reshape(height, width) == centres[:, 0].argmin()
    _, parts, stats, centroids = cv2.connectedComponentsWithStats(dark.astype(np.uint8))
    away = np.hypot(centroids[1:, 0] - width / 2, centroids[1:, 1] - height / 2) / min(height, width)
    weight = stats[1:, cv2.CC_STAT_AREA] * np.exp(-((away / LOBE_REACH) ** 2))
    return fill_holes(np.r_[False, weight >= LOBE_SHARE * weight.max()][parts])


def _cell(lab, nucleus):
    lightness = lab[..., 0]
    glass = np.median(lab[lightness >= np.percentile(lightness, BACKGROUND_PERCENTILE)], axis=0)
    contrast = np.sqrt(((lab - glass) ** 2).sum(-1))
    if nucleus.all():
        return nucleus
    stained = fill_holes(contrast > min(otsu_threshold(np.minimum(contrast[~nucleus], 40)), 18)) | nucleus
    stained = _open(stained, 5) | nucleus
    radius = np.sqrt(nucleus.sum() / np.pi)
    from_nucleus = cv2.distanceTransform((~nucleus).astype(np.uint8), cv2.DIST_L2, 5)
    depth = cv2.distanceTransform(stained.astype(np.uint8), cv2.DIST_L2, 5)
    # middles of discs that lie well off the nucleus: the neighbours, mostly red cells
    summit = (depth == cv2.dilate(depth, _disc(9))) & (depth > 0.25 * radius) & (from_nucleus > 0.45 * radius)
    _, neighbours = cv2.connectedComponents(summit.astype(np.uint8))
    basins = np.where(neighbours > 0, neighbours + 2, 0).astype(np.int32)
    basins[~stained] = 1
    basins[nucleus] = 2
    relief = np.clip(255 - depth / (depth.max() + 1e-6) * 255, 0, 255).astype(np.uint8)
    cv2.watershed(cv2.merge([relief] * 3), basins)
    cell = _open((basins == 2) | nucleus, 7) | nucleus
    _, parts = cv2.connectedComponents(cell.astype(np.uint8))
    return fill_holes(np.isin(parts, np.unique(parts[nucleus])))


def otsu_threshold(values, bins=128):
    """Otsu's threshold of a sample of real numbers (Otsu 1979)."""
    counts, edges = np.histogram(values, bins)
    middles = (edges[1:] + edges[:-1]) / 2
    below, total = np.cumsum(counts), counts.sum()
    mass = np.cumsum(counts * middles)
    between = np.zeros(bins)
    inside = (below > 0) & (below < total)
    b, m = below[inside], mass[inside]
    between[inside] = (mass[-1] * b / total - m) ** 2 / (b * (total - b) + 0.0)
    return edges[1 + between.argmax()]


def fill_holes(mask):
    """The mask with every hole closed."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(filled, outlines, -1, 1, -1)
    return filled > 0


def _squared_distance(pixels, centres):
    return ((pixels[:, None] - centres) ** 2).sum(-1)


def _disc(size):
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


def _open(mask, size):
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, _disc(size)) > 0

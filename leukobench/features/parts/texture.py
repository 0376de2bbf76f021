"""Texture: co-occurrence inside a region, rotation-invariant uniform binary patterns."""

import numpy as np

from leukobench.features.part import FeaturePart, features_from
from leukobench.features.tables import (
    GLCM_LEVELS,
    GLCM_SHIFT,
    GREY_WEIGHTS,
    LBP_DIAGONAL,
    LBP_RIU2,
    LBP_SIDE,
)

GLCM_PROPERTIES = {
    "contrast": "sum p (i-j)^2",
    "dissimilarity": "sum p |i-j|",
    "homogeneity": "sum p / (1 + (i-j)^2)",
    "ASM": "sum p^2",
    "energy": "sqrt(ASM)",
    "correlation": "sum p (i-mean)(j-mean) / variance",
    "mean": "sum p i",
    "variance": "sum p (i-mean)^2",
    "std": "sqrt(variance)",
    "entropy": "-sum p ln p",
}
LBP_BINS = 10


def _texture():
    for name, formula in GLCM_PROPERTIES.items():
        for over in ("mean", "range"):
            yield f"glcm_{name}_{over}", "1", "rotation", f"{over} over 4 directions of {formula}", "Haralick 1973"
    for k in range(LBP_BINS):
        what = f"share of uniform patterns with {k} neighbours up" if k < 9 else "share of non-uniform patterns"
        yield f"lbp_{k}", "1", "rotation illumination", what, "Ojala 2002"


TEXTURE = tuple(_texture())

OFFSETS = ((0, 1), (-1, 1), (-1, 0), (-1, -1))
"""(rows down, columns right) of the 0, 45, 90 and 135 degree neighbour."""


def texture_part(image, mask):
    """GLCM and LBP of nucleus and cytoplasm; the image has one pixel around the cell."""
    grey = (image.astype(np.int64) @ np.array(GREY_WEIGHTS) + 32768) >> 16
    patterns = LBP_RIU2[binary_patterns(grey)]
    row = {}
    for name, region in (("nucleus", mask == 2), ("cytoplasm", mask == 1)):
        if not region.any():
            continue
        row |= {f"{name}_glcm_{k}": v for k, v in _glcm(grey >> GLCM_SHIFT, region).items()}
        counts = np.bincount(patterns[region[1:-1, 1:-1]], minlength=LBP_BINS)
        row |= {f"{name}_lbp_{k}": v for k, v in enumerate(counts / counts.sum())}
    return row


def binary_patterns(grey):
    """Byte of the eight comparisons of each inner pixel with its circle of radius 1, from the right anticlockwise."""
    c = grey[1:-1, 1:-1]
    height, width = c.shape

    def side(dy, dx):
        return grey[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] - c

    bits = []
    for (hy, hx), (vy, vx) in zip(((0, 1), (-1, 0), (0, -1), (1, 0)), ((-1, 0), (0, -1), (1, 0), (0, 1)), strict=True):
        diagonal = LBP_SIDE * (side(hy, hx) + side(vy, vx)) + LBP_DIAGONAL * side(hy + vy, hx + vx)
        bits += [side(hy, hx) >= 0, diagonal >= 0]
    return sum(bit.astype(np.uint8) << k for k, bit in enumerate(bits))


def cooccurrence(levels, region, offset):
    """Symmetric counts of the level pairs at an offset, both pixels inside the region."""
    dy, dx = offset
    height, width = region.shape
    here = slice(max(-dy, 0), height - max(dy, 0)), slice(max(-dx, 0), width - max(dx, 0))
    there = slice(max(dy, 0), height - max(-dy, 0)), slice(max(dx, 0), width - max(-dx, 0))
    both = region[here] & region[there]
    pairs = levels[here][both] * GLCM_LEVELS + levels[there][both]
    counts = np.bincount(pairs, minlength=GLCM_LEVELS**2).reshape(GLCM_LEVELS, GLCM_LEVELS)
    return counts + counts.T


def _glcm(levels, region):
    """Mean and range over the directions that have a pair at all; NaN where none has."""
    directions = []
    for offset in OFFSETS:
        counts = cooccurrence(levels, region, offset)
        if counts.any():
            directions.append(_haralick(counts / counts.sum()))
    if not directions:
        return {}
    row = {}
    for name in GLCM_PROPERTIES:
        values = np.array([d[name] for d in directions])
        values = values[~np.isnan(values)]
        if len(values):
            row[f"{name}_mean"], row[f"{name}_range"] = values.mean(), np.ptp(values)
    return row


def _haralick(p):
    i, j = np.mgrid[:GLCM_LEVELS, :GLCM_LEVELS]
    mean = (p * i).sum()
    variance = (p * (i - mean) ** 2).sum()
    single_level = np.count_nonzero(p) == 1
    asm = (p**2).sum()
    return {
        "contrast": (p * (i - j) ** 2).sum(),
        "dissimilarity": (p * abs(i - j)).sum(),
        "homogeneity": (p / (1 + (i - j) ** 2)).sum(),
        "ASM": asm,
        "energy": np.sqrt(asm),
        "correlation": np.nan if single_level else (p * (i - mean) * (j - mean)).sum() / variance,
        "mean": mean,
        "variance": variance,
        "std": np.sqrt(variance),
        "entropy": -(p[p > 0] * np.log(p[p > 0])).sum(),
    }


PART = FeaturePart(
    "texture",
    features_from(TEXTURE, "nucleus", "cytoplasm", group="texture"),
    texture_part,
    sets=("core", "full", "extended"),
    version="1",
    numba="leukobench.features.backends.cpu.texture:texture_part",
    cuda="texture.cu",
)

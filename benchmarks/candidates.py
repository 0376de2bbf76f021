"""Features that are tried here and are no part of the package: of nuclei that narrow, of dye and of granules.

Optical densities are relative to those of the same cell, so that a stronger stain or another lamp changes them little.
"""

import cv2
import numpy as np
from scipy import ndimage

from leukobench.features import Feature, FeaturePart
from leukobench.features.parts.distance import EIGHT

LEVELS = np.linspace(0.05, 0.95, 19)  # of the deepest place of a nucleus
LOBE = 0.5  # of that depth, which a lobe has at least
DENT = 0.08  # of a disc of its area, which a concavity is deep at least
RINGS = 4
CLUMP = 0.15  # more or less than the nucleus's mean that counts as a clump or a gap
HOLE = 0.6  # of the cytoplasm's median density, below which a place is a vacuole
GRANULE = 0.1  # share of the cytoplasm that stands out most from around it
RIM = 2  # px of the cytoplasm's border that are left out


def neck(nucleus):
    """Narrowest over widest width along the medial axis between two lobes; 1 where there is one lobe."""
    depth = ndimage.distance_transform_edt(np.pad(nucleus, 1))
    for level in LEVELS * depth.max():
        parts, number = ndimage.label(depth > level, EIGHT)
        peaks = ndimage.maximum(depth, parts, np.arange(1, number + 1))
        if np.sum(peaks >= LOBE * depth.max()) > 1:
            return level / depth.max()
    return 1.0


def dents(nucleus):
    """Number, greatest and summed depth of concavities below the hull, over the diameter of a disc of its area."""
    hull = np.zeros(nucleus.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.argwhere(nucleus)[:, ::-1].astype(np.int32)), 1)
    depth = cv2.distanceTransform(np.pad(hull, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    parts, number = ndimage.label((hull > 0) & ~nucleus, EIGHT)
    deepest = ndimage.maximum(depth, parts, np.arange(1, number + 1)) if number else np.zeros(1)
    depths = np.asarray(deepest) / np.sqrt(4 * np.count_nonzero(nucleus) / np.pi)
    deep = depths[depths > DENT]
    return {"dents": len(deep), "dent_deepest": depths.max(), "dents_depth": deep.sum()}


def rings(density, region, name):
    """Density of each ring from the border to the middle, over the region's mean."""
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    place = np.minimum((depth / depth.max() * RINGS).astype(int), RINGS - 1)[region]
    means = np.bincount(place, density[region], RINGS) / np.maximum(np.bincount(place, minlength=RINGS), 1)
    return {f"{name}_ring_{k}": value / density[region].mean() for k, value in enumerate(means)}


def clumps(density, nucleus):
    """How unevenly chromatin lies, beside its own mean, and how much of that is coarse."""
    relative = density[nucleus] / density[nucleus].mean()
    filled = np.where(nucleus, density, density[nucleus].mean())
    coarse = cv2.GaussianBlur(filled, (0, 0), 2.0)[nucleus].std() / max(filled[nucleus].std(), 1e-3)
    return {
        "chromatin_spread": relative.std(),
        "chromatin_clumps": (relative > 1 + CLUMP).mean(),
        "chromatin_gaps": (relative < 1 - CLUMP).mean(),
        "chromatin_coarse": coarse,
    }


def shares(densities):
    """Of red, green and blue in what a region absorbs."""
    mean = densities.mean(0)
    return mean / max(mean.sum(), 1e-3)


def inside(density, densities, cytoplasm):
    """Vacuoles, and granules beside the cytoplasm around them."""
    kept = cv2.erode(cytoplasm.view(np.uint8), np.ones((3, 3), np.uint8), iterations=RIM) > 0
    if kept.sum() < 20:
        return {}
    median = max(np.median(density[kept]), 1e-3)
    holes = kept & (density < HOLE * median)
    parts, number = ndimage.label(holes, EIGHT)
    largest = np.bincount(parts.ravel())[1:].max() if number else 0
    weight = cv2.GaussianBlur(cytoplasm.astype(np.float32), (0, 0), 3)
    around = cv2.GaussianBlur(np.where(cytoplasm, density, 0), (0, 0), 3) / np.maximum(weight, 1e-3)
    contrast = density - around
    grains = kept & (contrast >= np.quantile(contrast[kept], 1 - GRANULE))
    rest = kept & ~grains
    own, others = shares(densities[grains]), shares(densities[rest])
    return {
        "vacuoles": holes.sum() / kept.sum(),
        "vacuole_largest": largest / kept.sum(),
        "granules_dark": density[grains].mean() / max(density[rest].mean(), 1e-3),
        "granules_red": own[0] - others[0],
        "granules_blue": own[2] - others[2],
    }


def candidates(image, mask):
    """All of them that can be measured."""
    nucleus, cytoplasm = mask == 2, mask == 1
    if nucleus.sum() < 20:
        return {}
    densities = np.log(256 / (image.astype(np.float32) + 1))
    density = densities.mean(2)
    row = {"neck": neck(nucleus)} | dents(nucleus) | clumps(density, nucleus)
    row |= rings(density, nucleus, "nucleus") | rings(density, mask > 0, "cell")
    if cytoplasm.any():
        row |= inside(density, densities, cytoplasm)
        beside = shares(densities[cytoplasm]) - shares(densities[nucleus])
        row |= {"cytoplasm_beside_red": beside[0], "cytoplasm_beside_blue": beside[2]}
        row["cytoplasm_beside_dark"] = density[cytoplasm].mean() / density[nucleus].mean()
    return {f"try_{name}": float(value) for name, value in row.items()}


NAMES = {
    "morphology": ("neck", "dents", "dent_deepest", "dents_depth"),
    "texture": ("chromatin_spread", "chromatin_clumps", "chromatin_gaps", "chromatin_coarse")
    + tuple(f"{region}_ring_{k}" for region in ("nucleus", "cell") for k in range(RINGS)),
    "colour": ("vacuoles", "vacuole_largest", "granules_dark", "granules_red", "granules_blue")
    + ("cytoplasm_beside_red", "cytoplasm_beside_blue", "cytoplasm_beside_dark"),
}
PART = FeaturePart(
    "candidates",
    tuple(
        Feature(f"try_{name}", group, "cell", "1", ("rotation",), "see benchmarks/candidates.py", "this benchmark")
        for group, names in NAMES.items()
        for name in names
    ),
    candidates,
    sets=("candidates",),
)

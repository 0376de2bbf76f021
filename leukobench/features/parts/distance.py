"""How deep nucleus and cell are, in how many pieces and lobes the nucleus, and how far off the centre it lies."""

import numpy as np
from scipy import ndimage

from leukobench.features.part import FeaturePart, features_from
from leukobench.features.parts.shape import LENGTH, SHAPE_FREE

EIGHT = np.ones((3, 3), bool)

_DISTANCE = (
    ("distance_max", "um", LENGTH, "radius of the largest inscribed disc: max D, D distance to the outside", "scipy"),
    ("distance_mean", "um", LENGTH, "mean D", "scipy"),
    ("distance_std", "um", LENGTH, "standard deviation of D", "scipy"),
)
DISTANCE = {
    "nucleus": (
        *_DISTANCE,
        ("components", "1", SHAPE_FREE, "number of 8-connected components", "scipy"),
        ("lobes", "1", SHAPE_FREE, "number of 8-connected components of D > max D / 2", "this catalogue"),
    ),
    "cell": _DISTANCE,
    "nucleus/cell": (
        ("centroid_offset", "um", LENGTH, "distance of the centroids of nucleus and cell", "this catalogue"),
        (
            "centroid_offset_ratio",
            "1",
            SHAPE_FREE,
            "centroid_offset / cell_equivalent_diameter_area",
            "this catalogue",
        ),
    ),
}


def distance_part(image, mask):
    """Distance transforms of nucleus and cell, lobes, and how far off the centre the nucleus lies."""
    row, centroid = {}, {}
    for name, region in (("nucleus", mask == 2), ("cell", mask > 0)):
        if not region.any():
            continue
        squared = np.rint(ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1] ** 2)
        depth = np.sqrt(squared[region])
        row |= {
            f"{name}_distance_max": depth.max(),
            f"{name}_distance_mean": depth.mean(),
            f"{name}_distance_std": depth.std(),
        }
        centroid[name] = np.argwhere(region).mean(0)
        if name == "nucleus":
            row["nucleus_components"] = float(ndimage.label(region, EIGHT)[1])
            row["nucleus_lobes"] = float(ndimage.label(4 * squared > squared.max(), EIGHT)[1])
    if len(centroid) == 2:
        offset = np.hypot(*(centroid["nucleus"] - centroid["cell"]))
        row["nc_centroid_offset"] = offset
        row["nc_centroid_offset_ratio"] = offset / np.sqrt(4 * np.count_nonzero(mask) / np.pi)
    return row


PART = FeaturePart(
    "distance",
    tuple(
        feature for region, table in DISTANCE.items() for feature in features_from(table, region, group="morphology")
    ),
    distance_part,
    sets=("full", "extended", "untextured"),
    version="1",
    numba="leukobench.features.backends.cpu.distance:distance_part",
    cuda="distance.cu",
)

"""Morphology: geometry of nucleus and cell from pixels, hulls from pixel corners, and how the two compare.

A, P, H, h: area, Crofton perimeter, area and perimeter of the convex hull. mu_pq: central moments over pixel centres.
"""

import numpy as np
from skimage.measure import euler_number, moments_central, moments_hu, moments_normalized, perimeter_crofton

from leukobench.features.part import FeaturePart, features_from

LENGTH = "rotation illumination"
SHAPE_FREE = "rotation scale illumination"
"""Invariances of a length or area, and of a dimensionless number of a shape."""

SHAPE = (
    ("area", "um2", LENGTH, "A = number of pixels", "scikit-image"),
    ("area_bbox", "um2", "illumination", "area of the upright bounding box", "scikit-image"),
    ("area_convex", "um2", LENGTH, "H, shoelace area of the hull of the pixel corners", "Andrew 1979"),
    ("axis_major_length", "um", LENGTH, "4 sqrt(l1), l1 >= l2 eigenvalues of mu2 / A", "scikit-image"),
    ("axis_minor_length", "um", LENGTH, "4 sqrt(l2)", "scikit-image"),
    ("axis_ratio", "1", SHAPE_FREE, "sqrt(l2 / l1)", "scikit-image"),
    ("eccentricity", "1", SHAPE_FREE, "sqrt(1 - l2 / l1)", "scikit-image"),
    ("equivalent_diameter_area", "um", LENGTH, "sqrt(4 A / pi)", "scikit-image"),
    ("euler_number", "1", SHAPE_FREE, "components - holes, 8-connected", "scikit-image"),
    ("extent", "1", "scale illumination", "A / area_bbox", "scikit-image"),
    ("feret_diameter_max", "um", LENGTH, "largest distance of two hull corners", "Feret 1930"),
    ("feret_diameter_min", "um", LENGTH, "smallest width across a hull edge", "Feret 1930"),
    ("feret_ratio", "1", SHAPE_FREE, "feret_diameter_min / feret_diameter_max", "ISO 9276-6"),
    ("min_rectangle_area", "um2", LENGTH, "smallest rectangle along a hull edge", "Freeman 1975"),
    ("rectangularity", "1", SHAPE_FREE, "A / min_rectangle_area", "Rosin 1999"),
    ("perimeter_crofton", "um", LENGTH, "P = pi/8 (c0 + c90 + (c45 + c135) / sqrt(2)), c: crossings", "scikit-image"),
    ("perimeter_convex", "um", LENGTH, "h, perimeter of the hull of the pixel corners", "Andrew 1979"),
    ("convexity", "1", SHAPE_FREE, "h / P", "ISO 9276-6"),
    ("solidity", "1", SHAPE_FREE, "A / H", "scikit-image"),
    ("circularity", "1", SHAPE_FREE, "4 pi A / P^2", "Cox 1927"),
    *((f"moments_hu_{k}", "1", SHAPE_FREE, f"Hu's invariant {k + 1} of mu", "Hu 1962") for k in range(7)),
)

RATIO = (
    ("area", "um2", LENGTH, "number of cytoplasm pixels", "scikit-image"),
    ("area_ratio", "1", SHAPE_FREE, "A nucleus / A cell", "N:C ratio"),
    ("cytoplasm_ratio", "1", SHAPE_FREE, "A nucleus / A cytoplasm", "N:C ratio"),
    ("convex_ratio", "1", SHAPE_FREE, "H nucleus / H cell", "this catalogue"),
    ("perimeter_ratio", "1", SHAPE_FREE, "P nucleus / P cell", "this catalogue"),
    ("feret_ratio", "1", SHAPE_FREE, "feret_diameter_max nucleus / cell", "this catalogue"),
)


def shape_part(image, mask):
    """Geometry of nucleus and cell and their ratios."""
    nucleus, cell = _geometry(mask == 2), _geometry(mask > 0)
    row = {f"nucleus_{k}": v for k, v in nucleus.items()} | {f"cell_{k}": v for k, v in cell.items()}
    cytoplasm = float(np.count_nonzero(mask == 1))
    row["cytoplasm_area"] = cytoplasm
    row["nc_area_ratio"] = ratio(nucleus["area"], cell["area"])
    row["nc_cytoplasm_ratio"] = ratio(nucleus["area"], cytoplasm)
    for name, of in (
        ("convex_ratio", "area_convex"),
        ("perimeter_ratio", "perimeter_crofton"),
        ("feret_ratio", "feret_diameter_max"),
    ):
        row[f"nc_{name}"] = ratio(nucleus.get(of, np.nan), cell.get(of, np.nan))
    return row


def ratio(a, b):
    """Quotient a / b, NaN where b is zero."""
    return a / b if b else np.nan


def _geometry(region):
    """Catalogue properties of one region; of an empty one only the area is known."""
    area = float(np.count_nonzero(region))
    if not area:
        return {"area": 0.0}
    y, x = np.nonzero(region)
    height, width = np.ptp(y) + 1.0, np.ptp(x) + 1.0
    mu = moments_central(region[y.min() : y.max() + 1, x.min() : x.max() + 1].astype(float))
    second = np.array([[mu[2, 0], mu[1, 1]], [mu[1, 1], mu[0, 2]]]) / area
    small, large = np.clip(np.linalg.eigvalsh(second), 0, None)
    perimeter = perimeter_crofton(region)
    hull = convex_hull(region)
    hull_area, hull_perimeter, feret_max, feret_min, rectangle = hull_measures(hull)
    shape = {
        "area": area,
        "area_bbox": height * width,
        "area_convex": hull_area,
        "axis_major_length": 4 * np.sqrt(large),
        "axis_minor_length": 4 * np.sqrt(small),
        "axis_ratio": np.sqrt(ratio(small, large)),
        "eccentricity": np.sqrt(1 - ratio(small, large)),
        "equivalent_diameter_area": np.sqrt(4 * area / np.pi),
        "euler_number": float(euler_number(region, connectivity=2)),
        "extent": area / (height * width),
        "feret_diameter_max": feret_max,
        "feret_diameter_min": feret_min,
        "feret_ratio": feret_min / feret_max,
        "min_rectangle_area": rectangle,
        "rectangularity": area / rectangle,
        "perimeter_crofton": perimeter,
        "perimeter_convex": hull_perimeter,
        "convexity": hull_perimeter / perimeter,
        "solidity": area / hull_area,
        "circularity": 4 * np.pi * area / perimeter**2,
    }
    return shape | {f"moments_hu_{k}": hu for k, hu in enumerate(moments_hu(moments_normalized(mu)))}


def convex_hull(region):
    """Corners (x, y) of the convex hull of a region's pixel squares, by Andrew's monotone chain.

    Only the outermost pixels of each row can be on it, so its input is two corners per row and side.
    """
    corners = []
    for y in np.flatnonzero(region.any(1)):
        x = np.flatnonzero(region[y])
        corners += [(x[0], y), (x[0], y + 1), (x[-1] + 1, y), (x[-1] + 1, y + 1)]
    corners = sorted({(int(x), int(y)) for x, y in corners})
    return np.array(_chain(corners)[:-1] + _chain(corners[::-1])[:-1])


def _chain(points):
    chain = []
    for p in points:
        while len(chain) > 1 and _turn(chain[-2], chain[-1], p) <= 0:
            chain.pop()
        chain.append(p)
    return chain


def _turn(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def hull_measures(hull):
    """Area, perimeter, largest and smallest Feret diameter and the smallest enclosing rectangle's area."""
    edges = np.roll(hull, -1, axis=0) - hull
    lengths = np.hypot(*edges.T)
    area = abs(np.sum(hull[:, 0] * np.roll(hull[:, 1], -1) - hull[:, 1] * np.roll(hull[:, 0], -1))) / 2
    feret_max = np.sqrt(((hull[:, None] - hull[None]) ** 2).sum(-1).max())
    along, across = edges / lengths[:, None], np.stack([-edges[:, 1], edges[:, 0]], 1) / lengths[:, None]
    length, width = np.ptp(hull @ along.T, axis=0), np.ptp(hull @ across.T, axis=0)
    return area, lengths.sum(), feret_max, width.min(), (length * width).min()


PART = FeaturePart(
    "shape",
    (
        *features_from(SHAPE, "nucleus", "cell", group="morphology"),
        *features_from(RATIO[:1], "cytoplasm", group="morphology"),
        *features_from(RATIO[1:], "nucleus/cell", group="morphology"),
    ),
    shape_part,
    sets=("core", "full", "extended", "untextured", "tavakoli2021"),
    only={"tavakoli2021": ("nucleus_circularity", "nucleus_convexity", "nucleus_solidity")},
    version="1",
    numba="leukobench.features.backends.cpu.shape:shape_part",
    cuda="shape.cu",
)

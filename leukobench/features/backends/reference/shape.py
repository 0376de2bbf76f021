"""Morphology of the reference backend: shapes from pixels, hulls from pixel corners."""

import numpy as np
from scipy import ndimage
from skimage.measure import euler_number, moments_central, moments_hu, moments_normalized, perimeter_crofton

EIGHT = np.ones((3, 3), bool)


def shape_part(mask):
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
    """a / b, NaN where b is zero."""
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


def hull_region(region):
    """Pixels whose centre is inside or on the convex hull of the pixel squares."""
    hull = convex_hull(region)
    y, x = np.mgrid[: region.shape[0], : region.shape[1]]
    inside = np.ones(region.shape, bool)
    for a, b in zip(hull, np.roll(hull, -1, axis=0), strict=True):  # exact: twice the coordinates are integers
        inside &= (b[0] - a[0]) * (2 * y + 1 - 2 * a[1]) - (b[1] - a[1]) * (2 * x + 1 - 2 * a[0]) >= 0
    return inside


def distance_part(mask):
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

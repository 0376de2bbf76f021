"""The properties that the catalogue multiplies with regions: (name, unit, invariances, formula, source).

A, P, H, h: area, Crofton perimeter, area and perimeter of the convex hull. mu_pq: central moments over pixel centres.
s: standard deviation of grey in the region on the grid, 48 x 48 over the bounding square of the cell.
"""

_HARALICK, _OJALA, _TAVAKOLI = "Haralick 1973", "Ojala 2002", "Tavakoli 2021"
_SHAPE_FREE = "rotation scale illumination"  # of a dimensionless shape number
_LENGTH = "rotation illumination"

SHAPE = (
    ("area", "um2", _LENGTH, "A = number of pixels", "scikit-image"),
    ("area_bbox", "um2", "illumination", "area of the upright bounding box", "scikit-image"),
    ("area_convex", "um2", _LENGTH, "H, shoelace area of the hull of the pixel corners", "Andrew 1979"),
    ("axis_major_length", "um", _LENGTH, "4 sqrt(l1), l1 >= l2 eigenvalues of mu2 / A", "scikit-image"),
    ("axis_minor_length", "um", _LENGTH, "4 sqrt(l2)", "scikit-image"),
    ("axis_ratio", "1", _SHAPE_FREE, "sqrt(l2 / l1)", "scikit-image"),
    ("eccentricity", "1", _SHAPE_FREE, "sqrt(1 - l2 / l1)", "scikit-image"),
    ("equivalent_diameter_area", "um", _LENGTH, "sqrt(4 A / pi)", "scikit-image"),
    ("euler_number", "1", _SHAPE_FREE, "components - holes, 8-connected", "scikit-image"),
    ("extent", "1", "scale illumination", "A / area_bbox", "scikit-image"),
    ("feret_diameter_max", "um", _LENGTH, "largest distance of two hull corners", "Feret 1930"),
    ("feret_diameter_min", "um", _LENGTH, "smallest width across a hull edge", "Feret 1930"),
    ("feret_ratio", "1", _SHAPE_FREE, "feret_diameter_min / feret_diameter_max", "ISO 9276-6"),
    ("min_rectangle_area", "um2", _LENGTH, "smallest rectangle along a hull edge", "Freeman 1975"),
    ("rectangularity", "1", _SHAPE_FREE, "A / min_rectangle_area", "Rosin 1999"),
    ("perimeter_crofton", "um", _LENGTH, "P = pi/8 (c0 + c90 + (c45 + c135) / sqrt(2)), c: crossings", "scikit-image"),
    ("perimeter_convex", "um", _LENGTH, "h, perimeter of the hull of the pixel corners", "Andrew 1979"),
    ("convexity", "1", _SHAPE_FREE, "h / P", "ISO 9276-6"),
    ("solidity", "1", _SHAPE_FREE, "A / H", "scikit-image"),
    ("circularity", "1", _SHAPE_FREE, "4 pi A / P^2", "Cox 1927"),
    *((f"moments_hu_{k}", "1", _SHAPE_FREE, f"Hu's invariant {k + 1} of mu", "Hu 1962") for k in range(7)),
)

RATIO = (
    ("area", "um2", _LENGTH, "number of cytoplasm pixels", "scikit-image"),
    ("area_ratio", "1", _SHAPE_FREE, "A nucleus / A cell", "N:C ratio"),
    ("cytoplasm_ratio", "1", _SHAPE_FREE, "A nucleus / A cytoplasm", "N:C ratio"),
    ("convex_ratio", "1", _SHAPE_FREE, "H nucleus / H cell", "this catalogue"),
    ("perimeter_ratio", "1", _SHAPE_FREE, "P nucleus / P cell", "this catalogue"),
    ("feret_ratio", "1", _SHAPE_FREE, "feret_diameter_max nucleus / cell", "this catalogue"),
)

CHANNELS = tuple(
    f"{space}_{channel}"
    for space, channels in (("rgb", "rgb"), ("hsv", "hsv"), ("lab", "lab"), ("hed", "hed"))
    for channel in channels
)
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
            yield f"glcm_{name}_{over}", "1", "rotation", f"{over} over 4 directions of {formula}", _HARALICK
    for k in range(LBP_BINS):
        what = f"share of uniform patterns with {k} neighbours up" if k < 9 else "share of non-uniform patterns"
        yield f"lbp_{k}", "1", "rotation illumination", what, _OJALA


TEXTURE = tuple(_texture())

PERCENTS = (10, 25, 50, 75, 90)
PERCENTILE_CHANNELS = ("lab_l", "lab_a", "lab_b", "hsv_s")
PERCENTILES = tuple(
    (
        f"{channel}_p{p}",
        "1",
        "rotation scale",
        f"{p}th percentile of {channel}, over 513 nodes",
        "this catalogue",
    )
    for channel in PERCENTILE_CHANNELS
    for p in PERCENTS
)

_DISTANCE = (
    ("distance_max", "um", _LENGTH, "radius of the largest inscribed disc: max D, D distance to the outside", "scipy"),
    ("distance_mean", "um", _LENGTH, "mean D", "scipy"),
    ("distance_std", "um", _LENGTH, "standard deviation of D", "scipy"),
)
DISTANCE = {
    "nucleus": (
        *_DISTANCE,
        ("components", "1", _SHAPE_FREE, "number of 8-connected components", "scipy"),
        ("lobes", "1", _SHAPE_FREE, "number of 8-connected components of D > max D / 2", "this catalogue"),
    ),
    "cell": _DISTANCE,
    "nucleus/cell": (
        ("centroid_offset", "um", _LENGTH, "distance of the centroids of nucleus and cell", "this catalogue"),
        (
            "centroid_offset_ratio",
            "1",
            _SHAPE_FREE,
            "centroid_offset / cell_equivalent_diameter_area",
            "this catalogue",
        ),
    ),
}

HULL_CHANNELS = tuple(
    f"{space}_{channel}"
    for space, channels in (
        ("rgb", ("r", "g", "b")),
        ("hsv", ("h", "s", "v")),
        ("lab", ("l", "a", "b")),
        ("ycrcb", ("y", "cr", "cb")),
    )
    for channel in channels
)
HULL_COLOUR = tuple(
    (f"{ratio}_{channel}_{moment}", "1", "rotation scale", f"{moment} {channel} in {what}", _TAVAKOLI)
    for ratio, what in (("nucleus_hull", "nucleus / hull"), ("roc_hull", "(hull - nucleus) / hull"))
    for channel in HULL_CHANNELS
    for moment in ("mean", "std")
)

ZERNIKE_ORDER = 8
ZERNIKE = tuple((n, m) for n in range(ZERNIKE_ORDER + 1) for m in range(n % 2, n + 1, 2) if (n, m) != (1, 1))
"""Degree and angular order; (1, 1) is zero about the centroid."""
ZERNIKE_MAGNITUDES = tuple(
    (f"zernike_{n}_{m}", "1", _SHAPE_FREE, f"|Z_{n}{m}| of the region in its disc about the centroid", "Zernike 1934")
    for n, m in ZERNIKE
)

GRANULE_SIDES = (3, 5, 7, 9)
"""From 3 by steps of 2: the kernels let a square grow by one cell all around."""
_GRANULES = {
    "bright": "mean of (opening by the next smaller square - by {0} x {0}) / s on the grid",
    "dark": "mean of (closing by {0} x {0} - by the next smaller square) / s on the grid",
}
GABOR_WAVELENGTHS = (4, 8, 16)
_GABOR = "{} over 4 orientations of the share of s^2 that a Gabor filter of wavelength {} passes, on the grid"


def _grid():
    for polarity, formula in _GRANULES.items():
        for side in GRANULE_SIDES:
            yield f"granules_{polarity}_{side}", "1", "rotation scale", formula.format(side), "Maragos 1989"
    for wavelength in GABOR_WAVELENGTHS:
        for over in ("mean", "range"):
            formula = _GABOR.format(over, wavelength)
            yield f"gabor_{wavelength}_{over}", "1", "rotation scale", formula, "Jain 1991"


GRID_TEXTURE = tuple(_grid())

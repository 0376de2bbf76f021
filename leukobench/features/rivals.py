"""Other extractors on the same cells, for the speed table: each gets the bounding box and does what it is made for.

scikit-image's loop computes the core set as far as the library defines it; the others compute what they have for grey
images and label masks. Those not installed are skipped, none is a dependency of the project but scikit-image.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import kurtosis, skew
from skimage.color import rgb2hed, rgb2hsv, rgb2lab
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern
from skimage.measure import perimeter_crofton, regionprops

from leukobench.features.backends.reference import compute
from leukobench.features.parts.texture import GLCM_PROPERTIES
from leukobench.features.registry import parts_of

_SIZES = ("area", "area_bbox", "area_convex", "axis_major_length", "axis_minor_length", "equivalent_diameter_area")
_PROPERTIES = (*_SIZES, "eccentricity", "euler_number", "extent", "feret_diameter_max", "orientation", "solidity")
_ANGLES = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)


@dataclass(frozen=True)
class Rival:
    """Another extractor.

    Parameters
    ----------
    module : str
        What has to be importable.
    extract : callable
        (images, masks, jobs) -> number of features per cell, all cells measured.
    """

    module: str
    extract: Callable


def crop(image, mask):
    """Image and mask on the bounding box of the cell, with a pixel around where there is one."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = slice(max(rows[0] - 1, 0), rows[-1] + 2), slice(max(columns[0] - 1, 0), columns[-1] + 2)
    return image[box], mask[box]


def grey_of(image):
    """Luma in a byte."""
    return (image @ np.array([0.2125, 0.7154, 0.0721]) + 0.5).astype(np.uint8)


def scikit_image_cell(image, mask):
    """Shape of nucleus and cell; colour moments, GLCM and LBP of nucleus and cytoplasm; N:C ratios."""
    image, mask = crop(image, mask)
    values = []
    for region in (mask == 2, mask > 0):
        shape = regionprops(region.astype(np.uint8))[0]
        perimeter, hull = perimeter_crofton(shape.image), perimeter_crofton(shape.image_convex)
        values += [shape[name] for name in _PROPERTIES]
        values += [perimeter, hull, hull / perimeter, 4 * np.pi * shape.area / perimeter**2, *shape.moments_hu]
    channels = np.concatenate([image / 255.0, rgb2hsv(image), rgb2lab(image), rgb2hed(image)], axis=2)
    grey = grey_of(image)
    patterns = local_binary_pattern(grey, 8, 1, "uniform")
    for region in (mask == 2, mask == 1):
        pixels = channels[region]
        values += [*pixels.mean(0), *pixels.std(0), *skew(pixels), *kurtosis(pixels)]
        levels = np.where(region, (grey >> 3) + 1, 0).astype(np.uint8)
        counts = graycomatrix(levels, [1], _ANGLES, 33, symmetric=True)[1:, 1:]
        for name in GLCM_PROPERTIES:
            over = graycoprops(counts, name)
            values += [over.mean(), np.ptp(over)]
        values += [*(np.bincount(patterns[region].astype(int), minlength=10) / len(pixels))]
    areas = np.bincount(mask.ravel(), minlength=3)
    return [*values, areas[2] / areas[1:].sum(), areas[2] / areas[1]]


def mahotas_cell(image, mask):
    """Haralick, LBP and Zernike features and what mahotas has of shape; moments of red, green and blue."""
    import mahotas

    image, mask = crop(image, mask)
    grey = grey_of(image)
    values = []
    for region in (mask == 2, mask > 0):
        radius = max(region.shape) / 2
        values += [region.sum(), mahotas.features.roundness(region), mahotas.features.eccentricity(region)]
        values += [*mahotas.features.ellipse_axes(region), *mahotas.features.zernike_moments(region, radius, 8)]
    for region in (mask == 2, mask == 1):
        masked = np.where(region, grey, 0)
        try:
            haralick = mahotas.features.haralick(masked, ignore_zeros=True)
        except ValueError:  # a region without two pixels side by side, which has none of the rest either
            continue
        values += [*haralick.mean(0), *np.ptp(haralick, axis=0), *mahotas.features.lbp(masked, 1, 8, ignore_zeros=True)]
        pixels = image[region].astype(float)
        values += [*pixels.mean(0), *pixels.std(0)]
    return values


def cp_measure_cell(image, mask):
    """CellProfiler's core measurements of nucleus and cytoplasm on the grey image."""
    from cp_measure.bulk import get_core_measurements

    image, mask = crop(image, mask)
    grey, labels = grey_of(image) / 255.0, mask.astype(np.int32)
    values = []
    for measure in get_core_measurements().values():
        for result in measure(labels, grey).values():
            values += [*np.ravel(result)]
    return values


def _nyxus(images, masks, jobs):
    """Nyxus threads itself, one image at a time, because images differ in size."""
    from nyxus import Nyxus

    tool = Nyxus(["*ALL_INTENSITY*", "*ALL_MORPHOLOGY*", "*ALL_GLCM*"], n_feature_calc_threads=jobs)
    for image, mask in zip(images, masks, strict=True):
        image, mask = crop(image, mask)
        table = tool.featurize(grey_of(image).astype(np.uint32)[None], mask.astype(np.uint32)[None])
    return table.select_dtypes("number").drop(columns=["ROI_label", "label"], errors="ignore").size


def _in_parallel(measure):
    """Spread cells over joblib workers in chunks."""

    def extract(images, masks, jobs):
        chunks = np.array_split(np.arange(len(images)), min(4 * jobs, len(images)))
        cells = [[(images[k], masks[k]) for k in chunk] for chunk in chunks]
        sizes = Parallel(n_jobs=jobs)(delayed(_chunk)(measure, part) for part in cells)
        return sizes[-1]

    return extract


def _chunk(measure, cells):
    """Measure some cells; the values stay in the worker, only their number comes back."""
    with np.errstate(all="ignore"):
        return [len(measure(*cell)) for cell in cells][-1]


def reference_cell(image, mask):
    """The core set by this project's reference backend."""
    return next(compute([image], [mask], parts_of("core")))[0]


RIVALS = {
    "leukobench reference (core)": Rival("leukobench", _in_parallel(reference_cell)),
    "scikit-image": Rival("skimage", _in_parallel(scikit_image_cell)),
    "mahotas": Rival("mahotas", _in_parallel(mahotas_cell)),
    "nyxus": Rival("nyxus", _nyxus),
    "cp-measure": Rival("cp_measure", _in_parallel(cp_measure_cell)),
}

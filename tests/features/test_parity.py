"""The same numbers from every backend, and those of scikit-image where it defines them."""

import numpy as np
import pytest
from skimage.color import rgb2hed, rgb2hsv, rgb2lab
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern
from skimage.measure import perimeter_crofton, regionprops

from leukobench.features import extract_features, feature_names, features_of
from leukobench.features.backends.reference.texture import OFFSETS, binary_patterns, cooccurrence
from leukobench.features.definitions import GLCM_PROPERTIES
from leukobench.features.tables import LBP_RIU2

COUNTED = [f.name for f in features_of("extended") if "_lbp_" in f.name or f.name.endswith("_euler_number")]
COUNTED += [
    "nucleus_area",
    "cell_area",
    "cytoplasm_area",
    "nucleus_components",
    "nucleus_lobes",
    "nucleus_area_bbox",
    "cell_area_bbox",
]


def test_drawn_cells(drawn_cells, difference):
    reference = extract_features(*drawn_cells, device="reference", feature_set="extended")
    assert difference(extract_features(*drawn_cells, device="cpu", feature_set="extended"), reference) < 1e-4


@pytest.mark.real
def test_all_real_cells(real_cells, real_reference, difference):
    values = extract_features(*real_cells, device="cpu", feature_set="extended")
    assert len(values) == 400
    assert difference(values, real_reference) < 1e-4
    np.testing.assert_array_equal(values[COUNTED], real_reference[COUNTED])
    glcm = [name for name in feature_names() if "_glcm_" in name]
    np.testing.assert_allclose(values[glcm], real_reference[glcm], rtol=1e-9, atol=1e-12)


@pytest.mark.real
@pytest.mark.parametrize("feature_set", ["background", "tavakoli2021"])
def test_other_sets_on_real_cells(real_cells, difference, feature_set):
    some = [part[::10] for part in real_cells]
    reference = extract_features(*some, device="reference", feature_set=feature_set)
    assert difference(extract_features(*some, device="cpu", feature_set=feature_set), reference) < 1e-4


@pytest.fixture(scope="module")
def shapes(real_cells):
    """cpu values and scikit-image's region properties of the nucleus, of every fifth real cell."""
    images, masks = (part[::5] for part in real_cells)
    return extract_features(images, masks, device="cpu"), [regionprops((m == 2).astype(np.uint8))[0] for m in masks]


SAME = "area area_bbox axis_major_length axis_minor_length eccentricity equivalent_diameter_area euler_number extent"


@pytest.mark.real
@pytest.mark.parametrize("name", SAME.split())
def test_shape_equals_scikit_image(shapes, name):
    table, regions = shapes
    np.testing.assert_allclose(table[f"nucleus_{name}"], [r[name] for r in regions], rtol=1e-6, atol=1e-9)


@pytest.mark.real
def test_crofton_and_hu_equal_scikit_image(shapes):
    table, regions = shapes
    perimeters = [perimeter_crofton(r.image) for r in regions]
    np.testing.assert_allclose(table["nucleus_perimeter_crofton"], perimeters, rtol=1e-9)
    hu = np.array([r.moments_hu for r in regions])
    np.testing.assert_allclose(table[[f"nucleus_moments_hu_{k}" for k in range(7)]], hu, rtol=1e-6, atol=1e-15)


@pytest.mark.real
def test_hull_and_feret_are_near_scikit_image(shapes):
    table, regions = shapes
    hull = np.array([r.area_convex for r in regions])
    feret = np.array([r.feret_diameter_max for r in regions])
    assert np.median(abs(table["nucleus_area_convex"] / hull - 1)) < 0.015
    assert np.median(abs(table["nucleus_feret_diameter_max"] / feret - 1)) < 0.01


@pytest.mark.real
def test_colour_moments_equal_scikit_image(real_cells):
    images, masks = (part[::20] for part in real_cells)
    table = extract_features(images, masks, device="cpu")
    for k, (image, mask) in enumerate(zip(images, masks, strict=True)):
        for space, values in (
            ("rgb", image / 255),
            ("hsv", rgb2hsv(image)),
            ("lab", rgb2lab(image)),
            ("hed", rgb2hed(image)),
        ):
            for c, letter in enumerate(space):
                if (space, letter) != ("hsv", "h"):
                    pixels = values[..., c][mask == 1]
                    got = table.loc[k, [f"cytoplasm_{space}_{letter}_{m}" for m in ("mean", "std")]].to_numpy(float)
                    np.testing.assert_allclose(got, [pixels.mean(), pixels.std()], rtol=1e-5, atol=2e-6)


def test_glcm_of_a_filled_square_equals_scikit_image():
    grey = np.random.default_rng(0).integers(0, 256, (20, 26)).astype(np.uint8)
    image, mask = np.repeat(grey[..., None], 3, 2), np.full(grey.shape, 2, np.uint8)
    counts = graycomatrix(grey >> 3, [1], [0, 3 * np.pi / 4, np.pi / 2, np.pi / 4], 32, symmetric=True)  # rows down
    for d, offset in enumerate(OFFSETS):
        np.testing.assert_array_equal(cooccurrence(grey.astype(int) >> 3, mask == 2, offset), counts[:, :, 0, d])
    row = extract_features([image], [mask], device="cpu").iloc[0]
    for name in GLCM_PROPERTIES:
        values = graycoprops(counts, name)[0]
        np.testing.assert_allclose(row[f"nucleus_glcm_{name}_mean"], values.mean(), rtol=1e-9)
        np.testing.assert_allclose(row[f"nucleus_glcm_{name}_range"], np.ptp(values), rtol=1e-6, atol=1e-12)


def test_binary_patterns_equal_scikit_image_but_for_ties():
    grey = np.random.default_rng(1).integers(0, 256, (200, 200))
    theirs = local_binary_pattern(grey.astype(np.uint8), 8, 1, "uniform")[1:-1, 1:-1]
    assert np.mean(LBP_RIU2[binary_patterns(grey)] == theirs) > 0.999

"""scikit-image's numbers where it defines them, and by how much those differ that are defined otherwise."""

import numpy as np
import pytest
from skimage.color import rgb2hed, rgb2hsv, rgb2lab
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern
from skimage.measure import perimeter_crofton, regionprops
from skimage.morphology import convex_hull_image

from leukobench.features import extract_features
from leukobench.features.parts.hull import hull_region
from leukobench.features.parts.texture import GLCM_PROPERTIES, OFFSETS, binary_patterns, cooccurrence
from leukobench.features.tables import LBP_RIU2


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


def test_binary_patterns_repeat_the_border_where_scikit_image_pads_with_zeros(picture, measure):
    grey, _ = picture
    whole = np.ones(grey.shape, bool)
    padded = local_binary_pattern(np.pad(grey, 1, mode="edge"), 8, 1, "uniform")[1:-1, 1:-1]
    shares = [measure(grey, whole)[f"lbp_{k}"] for k in range(10)]
    np.testing.assert_allclose(shares, np.bincount(padded.astype(int).ravel(), minlength=10) / grey.size, atol=0.01)
    flat = np.full((6, 6), 90, np.uint8)
    assert measure(flat, flat > 0)["lbp_8"] == 1
    assert np.mean(local_binary_pattern(flat, 8, 1, "uniform") == 8) == pytest.approx(16 / 36)


def test_axes_carry_nothing_for_the_pixels_own_extent(measure):
    """An upright bar of 1 x 9 pixels: 4 sqrt((81 - 1) / 12), and no width; a pixel's own extent would add 1/12."""
    grey, region = np.full((11, 5), 90), np.zeros((11, 5), bool)
    region[1:10, 2] = True
    shape = regionprops(region.astype(np.uint8))[0]
    row = measure(grey, region)
    assert row["axis_major_length"] == pytest.approx(shape.axis_major_length) == pytest.approx(4 * np.sqrt(80 / 12))
    assert row["axis_minor_length"] == pytest.approx(shape.axis_minor_length) == pytest.approx(0)


def test_the_hull_is_of_corners_and_holds_the_pixels_whose_centre_it_holds(picture, measure):
    """scikit-image takes edge midpoints in place of corners: its hull is smaller, and holds fewer pixels."""
    grey, region = picture
    row, theirs = measure(grey, region), convex_hull_image(region)
    assert theirs.sum() <= row["area_convex"] <= theirs.sum() * 1.03
    ours = hull_region(region)
    assert region.sum() < ours.sum()
    assert not (theirs & ~ours).any()
    assert 0 < (ours & ~theirs).sum() < 0.02 * ours.sum()

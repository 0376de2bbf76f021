"""Lengths whose unit is not the one that they are reported in."""

import cv2
import numpy as np
import pytest

from leukobench.errors import UsageError
from leukobench.features import HandcraftedFeatures, extract_features, feature_names
from leukobench.features.viewed import view_features
from leukobench.imaging.scale import PIXEL_SIZES, check_um_per_px
from leukobench.models.embedding import CNNEmbedding, crop_field, seen_vectors
from leukobench.preparation.crops import as_images, crop_rows
from leukobench.preparation.views import VIEWS, apply_view

BLANK = np.full((40, 40, 3), 200, np.uint8)
USES = {
    "extract_features": lambda um: extract_features([BLANK], [BLANK[..., 0] // 200], um_per_px=um, device="reference"),
    "HandcraftedFeatures": lambda um: HandcraftedFeatures(device="reference").transform([BLANK], um_per_px=um),
    "a view": lambda um: HandcraftedFeatures(device="reference", view="canonical").transform([BLANK], um_per_px=um),
    "CNNEmbedding": lambda um: CNNEmbedding().transform([BLANK], um_per_px=um),
    "crop_field": lambda um: crop_field(BLANK, 32, um_per_px=um),
    "crop_rows": lambda um: crop_rows([BLANK], "scale", um),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("um_per_px", [0, -0.1, np.inf, -np.inf, 1e-9, 100, "wide", [0.1, 0.2]])
def test_what_is_no_pixel_size_is_refused_wherever_one_is_given(use, um_per_px):
    with pytest.raises(UsageError, match="pixel size"):
        USES[use](um_per_px)


def test_pixel_sizes_are_one_for_all_or_one_each():
    np.testing.assert_array_equal(check_um_per_px(None, 2), [np.nan, np.nan])
    np.testing.assert_array_equal(check_um_per_px([0.1, None, np.nan], 3), [0.1, np.nan, np.nan])
    np.testing.assert_array_equal(check_um_per_px(PIXEL_SIZES, 2), PIXEL_SIZES)
    for wrong in ([0.1], [], [[0.1, 0.2]]):
        with pytest.raises(UsageError, match=f"{np.size(wrong)} pixel sizes for 2 images"):
            check_um_per_px(wrong, 2)


def cell(side, um_per_px, um=12.0):
    """A round cell of a diameter in micrometres, drawn at four times the size and averaged."""
    large, scale = np.full((4 * side, 4 * side, 3), (238, 228, 214), np.uint8), 4 / um_per_px
    for share, colour in ((1.0, (196, 180, 215)), (0.7, (92, 48, 136))):
        cv2.circle(large, (2 * side, 2 * side), round(share * um / 2 * scale), colour, -1)
    return cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA)


def area(image, um_per_px, view="canonical"):
    row = view_features([image], VIEWS[view], um_per_px=um_per_px, device="cpu")[0, 0]
    return row[feature_names("core").index("cell_area")]


@pytest.mark.parametrize(("side", "um_per_px"), [(363, 0.1), (28, 363 / 28 / 10), (20, 2.0)])
def test_a_thumbnail_has_the_cell_area_of_the_picture_it_was_made_of(side, um_per_px):
    assert area(cell(side, um_per_px), um_per_px) == pytest.approx(np.pi * 6**2, rel=0.2)


def test_a_magnification_that_is_cut_off_is_reported_as_what_it_is():
    image = cell(400, 1.5, 60.0)  # more than four times smaller than the view's scale, and no thumbnail
    (picture,), _, (seen,) = apply_view([image], VIEWS["scale"], 1.5)
    assert picture.shape[0] < 400 * 1.5 / 0.2
    assert seen == pytest.approx(400 * 1.5 / picture.shape[0])
    assert area(image, 1.5, "scale") == pytest.approx(np.pi * 30**2, rel=0.05)


@pytest.mark.parametrize("um_per_px", [0.07, 0.1, 0.31])
@pytest.mark.parametrize("shape", [(33, 34), (57, 61), (101, 90)])
def test_the_scale_of_a_view_is_that_of_the_picture_whose_sides_are_whole(shape, um_per_px):
    image = np.full((*shape, 3), 200, np.uint8)
    (picture,), _, (seen,) = apply_view([image], VIEWS["scale"], um_per_px)
    field = np.sqrt(np.prod(shape)) * um_per_px
    assert np.sqrt(np.prod(picture.shape[:2])) * seen == pytest.approx(field)


def test_networks_see_a_thumbnail_at_the_scale_of_the_picture_it_was_made_of(monkeypatch):
    images, scales = [cell(363, 0.1), cell(28, 363 / 28 / 10)], [0.1, 363 / 28 / 10]
    large, small = as_images(crop_rows(images, "scale", scales))
    assert np.abs(large.astype(float) - small).mean() < 6  # as sharp as 28 px are; the wrong scale gives 20 and more
    fields = []
    monkeypatch.setattr(
        CNNEmbedding, "transform", lambda self, X, um_per_px: fields.extend(X) or np.array(um_per_px)[:, None]
    )
    view = VIEWS["scale"]
    seen = seen_vectors(apply_view(images, view, scales), CNNEmbedding(), view).ravel()
    np.testing.assert_allclose([len(field) * scale for field, scale in zip(fields, seen, strict=True)], 20, rtol=0.01)

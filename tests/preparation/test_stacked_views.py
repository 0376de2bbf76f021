"""Views of stacks: what `apply_view` sees of each image, in array code that keeps to its device."""

import numpy as np
import pytest

from leukobench.features import viewed
from leukobench.features.backends import cuda
from leukobench.features.backends.reference import measure
from leukobench.features.batch import Batch
from leukobench.features.viewed import view_features
from leukobench.preparation.stacked_views import can_be_stacked, seen_stacks
from leukobench.preparation.views import VIEWS, View, apply_view
from leukobench.segmentation import canvases
from leukobench.segmentation.bench import dice
from tests.segmentation.conftest import draw_cell
from tests.segmentation.strict_arrays import STRICT, StrictArrays, bare

VIEW = View(0.2, "white_balance", copies=3)
SCALES = [0.1, 0.2, np.nan, 0.1]


@pytest.fixture(scope="module")
def images():
    """Two of one size, and some of others; red cells tell nothing of the scale of the third."""
    return [draw_cell(150)[0], draw_cell(90, seed=1)[0], draw_cell(120, seed=2)[0][:100], draw_cell(150, seed=3)[0]]


def alone(images, view):
    """(picture, mask, scale) of each, by its place."""
    return list(zip(*apply_view(images, view, SCALES), strict=True))


def in_stacks(images, view):
    found = {}
    for stack in seen_stacks(STRICT, zip(images, SCALES, strict=True), view, threads=2):
        for k, (place, (height, width)) in enumerate(zip(stack.numbers, stack.shapes.tolist(), strict=True)):
            assert bare(stack.valid[k]).sum() == height * width
            cut = (bare(part[k])[:height, :width] for part in (stack.pictures, stack.masks))
            found[place] = (*cut, stack.um_per_px[k])
    return [found[place] for place in sorted(found)]


@pytest.mark.parametrize(
    "view", [VIEW, View(copies=2), View(0.2, "white_balance", 2, segmented=False), View(stain="white_balance")]
)
def test_pictures_masks_and_scales_are_those_of_one_image_at_a_time(images, view):
    found, expected = in_stacks(images, view), alone(images, view)
    assert len(found) == len(expected) == len(images) * (1 + view.copies)
    for (picture, mask, scale), (other, other_mask, other_scale) in zip(found, expected, strict=True):
        np.testing.assert_allclose(scale, other_scale, rtol=0.01)
        # the size of a cell whose scale is hidden decides that of its picture
        assert np.abs(np.subtract(picture.shape, other.shape)).max() <= 1
        if picture.shape == other.shape:
            assert np.abs(picture.astype(int) - other).mean() < 1
            for level in (1, 2):
                assert dice(mask >= level, other_mask >= level) > 0.97


def test_features_come_in_the_order_of_the_images(images, monkeypatch):
    def measured(batches, parts):
        for batch in batches:
            arrays = (batch.pixels, batch.labels, batch.offsets, batch.shapes)
            yield measure(Batch(*map(bare, arrays)).cells(), parts)

    monkeypatch.setattr(cuda, "measure_batches", measured)
    found = viewed.device_view_features(STRICT, zip(images, SCALES, strict=True), VIEW, threads=1)
    expected = view_features(images, VIEW, um_per_px=SCALES, device="cpu")
    assert found.shape == expected.shape
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    # of masks that differ in single pixels
    size = np.maximum(abs(expected), np.nanmedian(abs(expected), axis=(0, 1)))
    assert np.nanmedian(abs(found - expected) / size) < 0.01
    np.testing.assert_allclose(found[..., 0], expected[..., 0], rtol=0.05)


def test_nothing_but_the_pixels_of_cells_leaves_the_device(images):
    arrays, came_back = StrictArrays(*STRICT), []
    arrays.download = lambda array: came_back.append(array.size) or bare(array)
    list(seen_stacks(arrays, zip(images, SCALES, strict=True), VIEW))
    assert sum(came_back) == len(images) * (1 + VIEW.copies)


def test_images_of_one_size_are_worked_on_together_and_many_sizes_are_not_all_held(images, monkeypatch):
    sizes = [images[1], images[2], images[1][:80], images[1]]

    def together():
        stacks = seen_stacks(STRICT, zip(sizes, SCALES, strict=True), View(segmented=False))
        return [stack.numbers for stack in stacks]

    assert together() == [[0, 3], [1], [2]]
    monkeypatch.setattr(canvases, "CANVAS_BYTES", sum(image.nbytes for image in sizes[:3]) - 1)
    assert together() == [[0], [1], [2], [3]]


def test_noise_that_copies_are_to_have_is_counted_with_what_is_held(images, monkeypatch):
    sizes = [images[1][:rows] for rows in (90, 89, 88, 87, 86, 90)]
    monkeypatch.setattr(canvases, "CANVAS_BYTES", 18 * images[1].nbytes)
    stacks = list(seen_stacks(STRICT, zip(sizes, [np.nan] * 6, strict=True), View(copies=8, segmented=False)))
    # the first waits for the last no longer
    assert [stack.numbers[0] // 9 for stack in stacks] == [0, 1, 2, 3, 4, 5]


def test_a_picture_that_is_magnified_much_does_not_take_the_others_along(monkeypatch):
    same = [draw_cell(80, seed=seed)[0] for seed in range(3)]
    monkeypatch.setattr(canvases, "CANVAS_BYTES", 4 * 3 * 3 * 90**2)
    stacks = list(seen_stacks(STRICT, zip(same, [0.2, 0.8, 0.21], strict=True), View(0.2)))
    assert [stack.numbers for stack in stacks] == [[0, 2], [1]]
    assert [stack.pictures.shape[1:3] for stack in stacks] == [(84, 84), (320, 320)]


def test_what_has_no_array_code_is_left_to_the_host():
    assert can_be_stacked(VIEWS["augmented"])
    assert not can_be_stacked(VIEWS["worlds"])
    assert not can_be_stacked(VIEWS["macenko"])

"""Segmentation in stacks: what the way of a single image finds, in array code that keeps to its device."""

import cv2
import numpy as np
import pytest

from leukobench.devices import array_library
from leukobench.errors import UsageError
from leukobench.segmentation import network, own_colours, segment, segmenter, stack_colours, stacks, walked
from leukobench.segmentation.bench import dice
from leukobench.segmentation.canvases import canvas_room, canvases, segment_in_stacks
from tests.segmentation.conftest import blob
from tests.segmentation.strict_arrays import STRICT, DeviceArray, StrictArrays, bare, dressed

CPU = array_library("cpu")


MASKS = [
    blob(60, (30, 28, 14), (8, 9, 3), (50, 50, 1)),
    blob(60, (20, 30, 12), (42, 32, 9)) & ~blob(60, (20, 30, 5), (42, 32, 1)),
    blob(60, (30, 30, 29)) & ~blob(60, (30, 30, 18)),
    blob(60, (0, 0, 20), (50, 30, 8), (30, 55, 2)),
    np.ones((60, 60), np.uint8),
]


def of_discs(radii):
    return [cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2) for radius in radii]


def test_the_network_walked_answers_what_onnx_runtime_does():
    pictures = np.random.default_rng(0).normal(0.3, 0.8, (3, 4, network.SIDE, network.SIDE)).astype(np.float32)
    expected = np.stack([network.predict(picture) for picture in pictures])
    np.testing.assert_allclose(walked.predict(CPU, pictures), expected, atol=1e-4)


def test_an_opening_takes_an_element_for_each_image_and_is_opencvs():
    radii = [0, 1, 3, 5, 2]
    found = stacks.opened(np, np.stack(MASKS) > 0, stacks.discs(CPU, np.array(radii, float)))
    for mask, disc, one in zip(MASKS, of_discs(radii), found, strict=True):
        np.testing.assert_array_equal(one, cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc) > 0)


@pytest.mark.parametrize("beyond", [True, False])
def test_an_erosion_is_told_what_lies_beyond_the_border(beyond):
    radii = [4, 1, 0, 2, 6]
    found = stacks.eroded(np, np.stack(MASKS) > 0, stacks.discs(CPU, np.array(radii, float)), beyond=beyond)
    border = {"borderType": cv2.BORDER_CONSTANT, "borderValue": int(beyond)}
    for mask, disc, one in zip(MASKS, of_discs(radii), found, strict=True):
        np.testing.assert_array_equal(one, cv2.erode(mask, disc, **border) > 0)


def test_small_parts_and_holes_go_as_they_do_from_one_image():
    found = stacks.without_small(CPU, np.stack(MASKS) > 0, segmenter.SPECK * np.array([m.sum() for m in MASKS]))
    for mask, one in zip(MASKS, found, strict=True):
        np.testing.assert_array_equal(one, segmenter._without_specks(mask.copy()) > 0)


def test_the_largest_part_stays_alone_and_an_empty_mask_empty():
    masks = np.stack([*MASKS, np.zeros((60, 60), np.uint8)])
    for mask, one in zip(masks, stacks.largest_part(CPU, masks > 0), strict=True):
        np.testing.assert_array_equal(one, segmenter._largest_part(mask) > 0)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.85])
def test_quantiles_are_those_of_each_images_own_pixels(share):
    masks = np.stack(MASKS) > 0
    values = np.random.default_rng(0).normal(size=masks.shape).astype(np.float32)
    found = stacks.quantile(np, values, masks, share, (-6, 6))
    expected = [network.quantile(v[m], share) for v, m in zip(values, masks, strict=True)]
    np.testing.assert_allclose(found, expected, atol=12 / 65536)
    greys = np.random.default_rng(0).integers(0, 256, masks.shape)
    found = stacks.quantile(np, greys, masks, share, (0, 256))
    np.testing.assert_array_equal(found, [network.quantile(v[m], share) for v, m in zip(greys, masks, strict=True)])
    assert np.isinf(stacks.quantile(np, values[:1], np.zeros((1, 60, 60), bool), share, (-6, 6)))


def test_a_discriminant_is_that_of_one_image_and_unknown_from_a_small_sample():
    rng = np.random.default_rng(0)
    planes = rng.normal(size=(2, 3, 60, 60)).astype(np.float32) + np.linspace(0, 1, 60, dtype=np.float32)
    these, those = np.zeros((2, 60, 60), bool), np.zeros((2, 60, 60), bool)
    these[:, :20], those[:, 40:] = True, True
    these[1, 1:], these[1, 0, 20:] = False, False
    rules = stack_colours.fit(np, planes, these, those)
    rule = own_colours.fit(planes[0].transpose(1, 2, 0).copy(), these[0], those[0])
    assert rules.known.tolist() == [True, False]
    np.testing.assert_allclose(rules.direction[0], rule.direction, rtol=1e-3)
    np.testing.assert_allclose(rules.score(np, planes)[0], rule.score(planes[0].transpose(1, 2, 0)), atol=1e-3)


@pytest.mark.parametrize("seed", [0, 1])
def test_otsus_threshold_is_opencvs(seed):
    rng = np.random.default_rng(seed)
    levels = np.clip(np.where(rng.random((1, 60, 60)) < 0.3, 80, 120) + rng.normal(0, 9, (1, 60, 60)), 0, 255)
    inside = MASKS[2][None] > 0
    expected, _ = cv2.threshold(levels[inside].astype(np.uint8)[None], 0, 255, cv2.THRESH_OTSU)
    assert stack_colours.otsu(np, levels.astype(np.int64), inside).tolist() == [expected]


@pytest.fixture(scope="module")
def in_stacks(images):
    """Masks and quality from a device that minglers with the host are refused by."""
    return segment_in_stacks(STRICT, images)


def test_masks_are_those_of_one_image_at_a_time_but_for_single_pixels(images, in_stacks):
    masks, quality = in_stacks
    expected, expected_quality = segment(images, return_quality=True)
    np.testing.assert_allclose(quality[:-1], expected_quality[:-1], atol=0.01)
    for image, found, mask in zip(images[:-1], masks, expected, strict=False):
        assert found.shape == image.shape[:2]
        assert found.dtype == np.uint8
        for level in (1, 2):
            assert dice(bare(found) >= level, mask >= level) > 0.99


def test_granules_were_taken_off_one_of_them(images, monkeypatch):
    monkeypatch.setattr(stack_colours, "LEAST_SHARE", 2)
    (mask,), _ = segment_in_stacks(CPU, images[5:6])
    assert dice(mask == 2, segment(images[5:6])[0] == 2) < 0.8


def test_masks_stay_on_the_device(in_stacks):
    assert all(isinstance(mask, DeviceArray) for mask in in_stacks[0])


def test_what_holds_no_cell_gets_the_same_fallback(images, in_stacks):
    masks, quality = in_stacks
    for number in (6, 7, 8):
        assert quality[number] == 0
        np.testing.assert_array_equal(bare(masks[number]), segmenter.centred_ellipses(*images[number].shape[:2]))


def test_company_changes_no_mask(images, in_stacks):
    for number in (0, 2):
        (alone,), _ = segment_in_stacks(STRICT, images[number : number + 1])
        assert np.mean(bare(alone) != bare(in_stacks[0][number])) < 1e-3


def test_canvases_are_bounded_and_hold_every_image_once(images):
    seen = {}
    for numbers, canvas, shapes in canvases(CPU, images, most_bytes=200_000):
        assert canvas.nbytes <= 200_000 or len(numbers) == 1
        for number, stack, (height, width) in zip(numbers, canvas, shapes, strict=True):
            seen[number] = stack[:height, :width]
            assert not stack[height:].any()
            assert not stack[:, width:].any()
    for number, image in enumerate(images):
        np.testing.assert_array_equal(seen.pop(number), image)
    assert not seen


@pytest.mark.parametrize(("gib", "times"), [(0, 1), (24, 1), (80, 2), (141, 4)])
def test_canvases_are_larger_where_a_device_has_more_memory(gib, times):
    arrays = StrictArrays(*STRICT)
    arrays.memory = lambda: gib << 30
    assert canvas_room(arrays) == (512 * times, times << 28)


def test_images_that_lie_on_the_device_are_taken_there(images, in_stacks):
    masks, _ = segment_in_stacks(STRICT, [dressed(image) for image in images[:2]])
    for mask, expected in zip(masks, in_stacks[0], strict=False):
        assert np.mean(bare(mask) != bare(expected)) < 1e-3


def test_mistakes_are_usage_errors(images, monkeypatch):
    monkeypatch.setattr("leukobench.devices.has_driver", lambda: False)
    with pytest.raises(UsageError, match="no CUDA device"):
        segment(images, device="cuda")
    with pytest.raises(UsageError, match="unknown device"):
        segment(images, device="tpu")
    with pytest.raises(UsageError, match="image 1"):
        segment_in_stacks(CPU, [images[0], images[0][..., 0]])
    assert segment_in_stacks(CPU, [])[0] == []


@pytest.mark.real
def test_on_real_cells(real_cells):
    images, truths = (part[::40] for part in real_cells)
    masks, _ = segment_in_stacks(CPU, images)
    for level in (1, 2):
        same = [dice(a >= level, b >= level) for a, b in zip(masks, segment(images), strict=True)]
        assert np.median(same) > 0.995
        assert np.mean(same) > 0.98
        assert np.mean([dice(a >= level, b >= level) for a, b in zip(masks, truths, strict=True)]) > 0.95

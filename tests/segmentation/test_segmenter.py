"""What `segment` promises for any image, and what it finds in drawn cells."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from leukobench.errors import UsageError
from leukobench.segmentation import VERSION, segment, segmenter
from leukobench.segmentation.bench import dice

LOBES = ((-0.09, -0.06, 0.06), (0.08, -0.07, 0.06), (0.0, 0.09, 0.06))
TOUCHING = ((0.30, 0.0, 0.11), (-0.29, 0.05, 0.11), (0.02, -0.30, 0.11), (0.05, 0.31, 0.11), (0.38, 0.36, 0.11))


@pytest.mark.parametrize("side", [88, 120, 256, 360, 575])
def test_finds_nucleus_and_cell_at_any_resolution(drawn, side):
    image, truth = drawn(side)
    mask = segment([image])[0]
    assert dice(mask == 2, truth == 2) > 0.93
    assert dice(mask > 0, truth > 0) > 0.93


def test_keeps_all_lobes_of_a_segmented_nucleus(drawn):
    image, truth = drawn(nucleus=LOBES)
    nucleus = segment([image])[0] == 2
    assert all(nucleus[round(300 * (0.5 + y)), round(300 * (0.5 + x))] for x, y, _ in LOBES)
    assert dice(nucleus, truth == 2) > 0.9


def test_leaves_out_red_cells_that_touch(drawn):
    image, truth = drawn(red_cells=TOUCHING)
    cell = segment([image])[0] > 0
    assert dice(cell, truth > 0) > 0.9
    assert not any(cell[round(300 * (0.5 + y)), round(300 * (0.5 + x))] for x, y, _ in TOUCHING)


def test_takes_the_centre_cell_not_its_neighbour(drawn):
    image, truth = drawn()
    neighbour, _ = drawn(seed=1)
    image[:, 225:] = neighbour[:, 113:188]  # the middle of another cell, cut off by the border
    cell = segment([image])[0] > 0
    assert not cell[:, 240:].any()
    assert dice(cell, truth > 0) > 0.85


@pytest.mark.parametrize("shape", [(88, 120), (120, 88), (300, 140), (575, 575), (363, 360)])
def test_masks_have_the_shape_of_their_image(drawn, shape):
    image = drawn(600)[0][: shape[0], : shape[1]]
    mask = segment([image])[0]
    assert mask.shape == shape
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) <= {0, 1, 2}


def test_ragged_lists_keep_order_and_do_not_depend_on_company_or_threads(drawn):
    images = [drawn(side, seed=side)[0] for side in (300, 88, 575, 120)]
    alone = [segment([image])[0] for image in images]
    together, quality = segment(images, return_quality=True)
    threaded, quality_threaded = segment(images, return_quality=True, n_jobs=2)
    for a, b, c in zip(alone, together, threaded, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    np.testing.assert_array_equal(quality, quality_threaded)


def blank(value, side=200):
    return np.full((side, side, 3), value, np.uint8)


@pytest.mark.parametrize(
    "image",
    [blank(0), blank(128), blank(255), blank(200, 7), blank(200, 1), np.zeros((5, 300, 3), np.uint8)],
    ids=["dark", "grey", "white", "7 px", "1 px", "strip"],
)
def test_an_image_without_cell_gets_a_flagged_fallback(image):
    masks, quality = segment([image], return_quality=True)
    assert quality[0] == 0
    assert masks[0].shape == image.shape[:2]
    assert (masks[0] == 2).any()


@pytest.mark.parametrize("side", [88, 120, 300, 575])
def test_noise_gives_a_mask_with_one_cell(side):
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    masks, quality = segment([noise], return_quality=True)
    assert cv2.connectedComponents((masks[0] > 0).astype(np.uint8))[0] == 2
    assert 0 <= quality[0] <= 1


@settings(max_examples=25, deadline=None)
@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(0, 40), st.integers(0, 40), st.just(3)), elements=st.integers(0, 255))
)
def test_never_dies(image):
    masks, quality = segment([image], return_quality=True)
    assert masks[0].shape == image.shape[:2]
    assert 0 <= quality[0] <= 1


def test_quality_is_higher_for_a_clear_cell_than_for_a_faint_one(drawn):
    clear, _ = drawn()
    faint = (0.08 * clear + 0.92 * 220).astype(np.uint8)
    _, quality = segment([clear, faint], return_quality=True)
    assert quality[0] > 0.9
    assert quality[0] > quality[1]


def test_an_empty_list_gives_an_empty_list():
    assert segment([]) == []
    masks, quality = segment([], return_quality=True)
    assert masks == []
    assert quality.shape == (0,)


@pytest.mark.parametrize("bad", [np.zeros((20, 20), np.uint8), np.zeros((20, 20, 3)), "cell.png"])
def test_says_which_image_is_no_rgb_image(drawn, bad):
    with pytest.raises(UsageError, match="image 1"):
        segment([drawn(88)[0], bad])


def test_input_is_left_alone_and_may_be_a_view(drawn):
    image = drawn(200)[0]
    view, before = image[::-1, ::2], image.copy()
    segment([view])
    np.testing.assert_array_equal(image, before)


def test_version_is_a_string():
    assert isinstance(VERSION, str)
    assert VERSION


def disc(side, x, y, radius):
    return cv2.circle(np.zeros((side, side), np.uint8), (x, y), radius, 1, -1)


def test_specks_and_pinholes_go_but_lobes_and_the_hole_of_a_ring_stay():
    lobes = disc(120, 40, 60, 18) | disc(120, 90, 60, 10)
    ring = lobes & ~disc(120, 40, 60, 7)
    spoilt = ring | disc(120, 10, 10, 1)
    spoilt[60, 90] = 0
    np.testing.assert_array_equal(segmenter._without_specks(spoilt), ring)
    assert not segmenter._without_specks(np.zeros((9, 9), np.uint8)).any()


def test_a_seam_that_runs_off_the_cell_is_cut():
    cell = disc(96, 48, 48, 24)
    seam = cell.copy()
    seam[46:49, 70:] = 1
    assert dice(segmenter._without_spurs(seam > 0), cell > 0) > 0.99


@pytest.mark.parametrize("shape", [(96, 96), (60, 96), (96, 41)])
def test_a_box_of_the_enlarged_level_is_that_of_the_whole(shape):
    level = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 4, shape).astype(np.float32), (5, 5), 0)
    whole = cv2.resize(level, (363, 250), interpolation=cv2.INTER_LINEAR)
    box = slice(31, 200), slice(0, 363)
    np.testing.assert_allclose(segmenter._enlarge(level, box, 250, 363), whole[box], atol=0.1)

"""What `segment` promises for any image, and what it finds in drawn cells."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from leukobench.errors import UsageError
from leukobench.segmentation import VERSION, network, segment, segmenter
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
    assert dice(segmenter._without_spurs(seam) > 0, cell > 0) > 0.99


@pytest.mark.parametrize(("x", "y", "radius"), [(40, 60, 0), (40, 60, 1), (50, 50, 21)])
def test_pixels_of_an_outline_are_counted_without_drawing_it(x, y, radius):
    part = disc(120, x, y, radius)
    outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    assert segmenter._pixels(outlines[0]) == pytest.approx(np.count_nonzero(part), abs=0.5)


def test_the_central_part_is_large_and_near_the_centre_and_has_no_hole():
    parts = disc(96, 45, 50, 14) | disc(96, 80, 80, 14) | disc(96, 48, 20, 5)
    holed = parts & ~disc(96, 45, 50, 4)
    np.testing.assert_array_equal(segmenter._central_part(holed), disc(96, 45, 50, 14))
    assert not segmenter._central_part(np.zeros((9, 9), np.uint8)).any()


@pytest.mark.parametrize("shape", [(96, 72, 3), (150, 200, 3), (383, 384, 3), (900, 577, 3)])
def test_a_shrunk_image_keeps_its_means_whatever_the_steps(shape):
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, shape, np.uint8), (0, 0), shape[0] / 30)
    small = network.shrink(image)
    assert max(small.shape) == network.SIDE
    plain = cv2.resize(image, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - plain).max() <= 3

"""Corruptions: deterministic, of one shape, further from the picture the more severe, and what each is said to be."""

import cv2
import numpy as np
import pytest

from leukobench.errors import UsageError
from leukobench.preparation.corruptions import CORRUPTIONS, SEVERITIES, check_condition, conditions, corrupt


@pytest.fixture(scope="module")
def cell():
    """A drawn cell with a grain, off the middle, on bright glass."""
    image = np.full((112, 128, 3), (235, 230, 228), np.uint8)
    cv2.ellipse(image, (60, 50), (34, 28), 20, 0, 360, (190, 170, 215), -1)
    cv2.ellipse(image, (54, 54), (18, 14), 20, 0, 360, (90, 40, 130), -1)
    return np.clip(image + np.random.default_rng(0).normal(0, 4, image.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("condition", conditions())
def test_shape_type_and_seed(cell, condition):
    first = corrupt(cell, condition)
    assert (first.shape, first.dtype) == (cell.shape, np.uint8)
    assert not np.array_equal(first, cell)
    np.testing.assert_array_equal(first, corrupt(cell.copy(), condition))


@pytest.mark.parametrize("name", sorted({*CORRUPTIONS} - {"rotation"}))
def test_a_higher_severity_is_further_away(cell, name):
    away = [np.abs(corrupt(cell, f"{name}-{s}").astype(int) - cell).mean() for s in SEVERITIES]
    assert away == sorted(away)
    assert away[4] > 1.2 * away[0]


def test_two_pictures_draw_differently_and_one_draws_the_same_at_every_severity(cell):
    mirrored = cell[:, ::-1]
    seen = {
        bool(corrupt(each, "brightness-5").mean() > each.mean()) for each in (cell, *(cell + k for k in range(1, 6)))
    }
    assert seen == {True, False}
    ways = [corrupt(mirrored, f"brightness-{s}").mean() > mirrored.mean() for s in SEVERITIES]
    assert len(set(ways)) == 1


def test_amounts_are_what_the_table_says(cell):
    np.testing.assert_array_equal(corrupt(cell, "rotation-5"), cv2.rotate(cell, cv2.ROTATE_180))
    noise = corrupt(np.full((200, 200, 3), 128, np.uint8), "gaussian_noise-1").astype(float)
    assert noise.std() == pytest.approx(0.08 * 255, rel=0.02)
    assert corrupt(cell, "contrast-1").std(axis=(0, 1)) == pytest.approx(0.4 * cell.std(axis=(0, 1)), rel=0.02)
    # Lengths grow with the picture: what is twice as large is blurred twice as far.
    large = cv2.resize(cell, None, fx=4, fy=4)
    for name in ("gaussian_blur-3", "defocus_blur-3"):
        small = cv2.resize(corrupt(large, name), cell.shape[1::-1], interpolation=cv2.INTER_AREA).astype(int)
        assert np.abs(small - corrupt(cell, name))[8:-8, 8:-8].mean() < 2


@pytest.mark.parametrize(("condition", "words"), [("fog-1", "fog"), ("jpeg-9", "severity"), ("jpeg", "corruption")])
def test_what_is_none_is_refused(condition, words):
    with pytest.raises(UsageError, match=words):
        check_condition(condition)

"""Rounding and the noise of a sensor that a normaliser would blow up into colours."""

import cv2
import numpy as np
import pytest

from leukobench.imaging.stain import STAIN_NORMALISERS


def spread(image):
    """Largest difference between the channels of a pixel."""
    return int(np.ptp(image.astype(int), axis=2).max())


@pytest.mark.parametrize("name", STAIN_NORMALISERS)
def test_a_grey_picture_stays_grey(name):
    grey = np.full((120, 120, 3), 230, np.uint8)
    cv2.circle(grey, (60, 60), 30, (150, 150, 150), -1)
    cv2.circle(grey, (60, 60), 18, (70, 70, 70), -1)
    noisy = np.clip(grey.astype(int) + np.random.default_rng(0).integers(-1, 2, grey.shape), 0, 255).astype(np.uint8)
    assert spread(STAIN_NORMALISERS[name](grey)) == 0
    assert spread(STAIN_NORMALISERS[name](noisy)) <= spread(noisy) + 2


def test_a_channel_of_a_few_bright_pixels_is_no_light_to_correct():
    red = np.full((100, 100, 3), (200, 120, 0), np.uint8)
    red[0, :10, 2] = 3
    np.testing.assert_array_equal(STAIN_NORMALISERS["grey_world"](red), red)

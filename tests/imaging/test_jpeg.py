"""What JPEG does to pictures without a file is what libjpeg does, to the last bit."""

import cv2
import numpy as np
import pytest

from leukobench.imaging.jpeg import compressed
from leukobench.imaging.stain.steps import compress
from tests.segmentation.strict_arrays import STRICT, bare, dressed


def pictures(height, width):
    """Smooth colours, and one that is noise."""
    rng = np.random.default_rng(height * width)
    found = rng.integers(0, 256, (3, height, width, 3), np.uint8)
    found[1:] = [cv2.GaussianBlur(image, (0, 0), 2) for image in found[1:]]
    return found


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (1, 3), (5, 4), (8, 8), (16, 16), (17, 2), (33, 50), (50, 37)],
    ids=lambda shape: "x".join(map(str, shape)),
)
def test_pictures_of_any_size_come_back_as_libjpeg_gives_them(shape):
    images, qualities = pictures(*shape), [30, 71, 99]
    expected = [compress(image, quality) for image, quality in zip(images, qualities, strict=True)]
    np.testing.assert_array_equal(bare(compressed(STRICT.xp, dressed(images), qualities)), expected)


@pytest.mark.parametrize("quality", range(1, 100, 7))
def test_every_quality_has_libjpegs_tables(quality):
    image = pictures(24, 24)[1]
    np.testing.assert_array_equal(compressed(np, image[None], [quality])[0], compress(image, quality))

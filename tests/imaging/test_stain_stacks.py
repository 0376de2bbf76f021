"""The glass of a stack of pictures is that of each alone."""

import cv2
import numpy as np
import pytest

from leukobench.imaging.stain import background_colour, white_balance
from leukobench.imaging.stain.stacks import background_colours, white_balanced
from tests.segmentation.strict_arrays import STRICT, bare, dressed


@pytest.fixture(scope="module")
def pictures():
    """Cells on glass of several colours and sizes, with glare, without glass, and dark; and their masks."""
    rng = np.random.default_rng(0)
    found = []
    for side, glass in ((150, (240, 220, 200)), (60, (200, 210, 190)), (210, (90, 60, 70)), (97, (250, 180, 120))):
        image = rng.normal(glass, 4, (side, side + 11, 3))
        mask = cv2.circle(np.zeros((side, side + 11), np.uint8), (side // 2, side // 2), side // 4, 2, -1)
        image[mask > 0] = rng.normal((90, 40, 130), 9, (np.count_nonzero(mask), 3))
        image[:3] = 255
        found.append((np.clip(image, 0, 255).astype(np.uint8), mask))
    return found


def on_canvas(pictures):
    shapes = np.array([mask.shape for _, mask in pictures])
    images, masks = (np.zeros((len(pictures), *shapes.max(axis=0), *last), np.uint8) for last in ((3,), ()))
    valid = np.zeros(masks.shape, bool)
    for k, (image, mask) in enumerate(pictures):
        box = k, slice(len(mask)), slice(mask.shape[1])
        images[box], masks[box], valid[box] = image, mask, True
    return dressed(images), dressed(masks), dressed(valid)


@pytest.mark.parametrize("masked", [True, False])
def test_colours_and_balanced_pictures_are_those_of_each_alone(pictures, masked):
    images, masks, valid = on_canvas(pictures)
    colours = background_colours(STRICT.xp, images, valid, masks == 0 if masked else None)
    balanced = white_balanced(STRICT.xp, images, colours)
    for (image, mask), colour, found in zip(pictures, bare(colours), bare(balanced), strict=True):
        given = (image, mask) if masked else (image,)
        np.testing.assert_array_equal(colour, background_colour(*given))
        np.testing.assert_array_equal(found[: len(mask), : mask.shape[1]], white_balance(*given))


def test_white_stands_for_glass_that_does_not_show():
    dark = dressed(np.full((1, 40, 40, 3), 20, np.uint8))
    everywhere = dressed(np.ones((1, 40, 40), bool))
    assert bare(background_colours(STRICT.xp, dark, everywhere)).tolist() == [[255.0] * 3]
    assert bare(background_colours(STRICT.xp, dark + 200, everywhere, ~everywhere)).tolist() == [[255.0] * 3]

"""Copies of a stack of pictures: those of each picture alone, of the same draws."""

import cv2
import numpy as np
import pytest

from leukobench.imaging.stain import augment, background_colour, steps
from leukobench.imaging.stain import stack_augmentation as stacked
from leukobench.imaging.stain.augmentation import draw
from tests.segmentation.strict_arrays import STRICT, bare, dressed

COPIES = 12


@pytest.fixture(scope="module")
def images():
    """Cells on glass, their border not symmetrical, so that reflections and turns are seen."""
    found = []
    for k in range(COPIES):
        image = np.full((90, 77, 3), (238 - k, 228, 214), np.uint8)
        image = cv2.circle(image, (40, 44 - k), 25, (196, 180, 215), -1, cv2.LINE_AA)
        image = cv2.circle(image, (36, 40), 15, (92, 48, 136), -1, cv2.LINE_AA)
        image = cv2.circle(image, (70, 5 + k), 9, (214, 160, 156), -1, cv2.LINE_AA)
        found.append(np.clip(image + np.random.default_rng(k).normal(0, 3, image.shape), 0, 255).astype(np.uint8))
    return np.stack(found)


@pytest.fixture(scope="module")
def drawn(images):
    drawn = [draw(np.random.default_rng(seed), images.shape[1:]) for seed in range(COPIES)]
    # each step is taken by some and left out by others
    assert {each.mirrored for each in drawn} == {each.grain is None for each in drawn} == {True, False}
    assert {each.quality < 100 for each in drawn} == {each.blur > 0.2 for each in drawn} == {True, False}
    return drawn


@pytest.mark.parametrize(
    ("step", "alone"),
    [
        ("exposed", lambda image, d: steps.expose(image, d.gamma, d.tilt, d.fall)),
        ("turned", lambda image, d: steps.turn(image, d.degrees, d.scale, d.mirrored)),
        ("blurred", lambda image, d: steps.blur(image, d.blur)),
        ("with_grain", lambda image, d: image if d.grain is None else steps.add_grain(image, d.noise, d.grain)),
    ],
)
def test_each_step_is_that_of_one_picture_but_for_rounding(images, drawn, step, alone):
    found = bare(getattr(stacked, step)(STRICT.xp, dressed(images.copy()), drawn)).astype(int)
    expected = [alone(image, each) for image, each in zip(images, drawn, strict=True)]
    assert np.abs(found - expected).max() <= 1
    assert np.mean(found != expected) < 0.01


def test_stain_is_mixed_as_in_one_picture(images, drawn):
    own = np.stack([background_colour(image) for image in images])
    found = bare(stacked.restained(STRICT.xp, dressed(images), drawn, dressed(own))).astype(int)
    expected = [steps.restain(image, each.matrix, each.glass) for image, each in zip(images, drawn, strict=True)]
    assert np.abs(found - expected).max() <= 1
    assert np.mean(found != expected) < 0.01


def test_copies_are_those_of_the_same_seeds(images, drawn):
    own = dressed(np.stack([background_colour(image) for image in images]))
    found = bare(stacked.augmented(STRICT.xp, dressed(images), drawn, own)).astype(int)
    expected = np.stack([augment(image, np.random.default_rng(seed))[0] for seed, image in enumerate(images)])
    # a grey value more or less may fall to another step of JPEG's tables
    assert np.abs(found - expected).mean(axis=(1, 2, 3)).max() < 0.2
    assert np.abs(found - expected).max() <= 12

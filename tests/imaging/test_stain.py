"""Colour of the glass, normalisers of stain, and augmented copies."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leukobench.datasets.phantom import DOMAINS, render_cell
from leukobench.errors import UsageError
from leukobench.imaging.stain import (
    STAIN_NORMALISERS,
    Augmentation,
    augment,
    background_colour,
    get_stain_normaliser,
    macenko,
    normalise,
    reinhard,
    steps,
    white_balance,
)

CODES = ("NE", "EO", "BA", "LY", "MO")
WHITE = [255.0, 255.0, 255.0]
ONE_DRAW = dict.fromkeys(Augmentation.__dataclass_fields__, 0) | {"glass": (1, 1), "warmth": (0, 0), "share": 1}


@st.composite
def images(draw):
    """Any RGB image: noise, or a few flat colours in blocks."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    colours = rng.integers(0, 256, (draw(st.integers(1, 6)), 3))
    blocks = colours[rng.integers(0, len(colours), (height // 8 + 1, width // 8 + 1))]
    image = np.repeat(np.repeat(blocks, 8, 0), 8, 1)[:height, :width]
    return np.clip(image + rng.normal(0, draw(st.sampled_from([0, 3, 80])), image.shape), 0, 255).astype(np.uint8)


def smear(glass, seed=0, noise=1.5):
    """Glass with a red cell and a nucleus on it, and the mask of the latter."""
    image = np.full((120, 130, 3), glass, np.float32)
    mask = np.zeros((120, 130), np.uint8)
    cv2.circle(image, (30, 30), 22, tuple(0.75 * np.array(glass)), -1)
    cv2.circle(image, (65, 60), 25, (90, 45, 130), -1)
    cv2.circle(mask, (65, 60), 25, 2, -1)
    noisy = image + np.random.default_rng(seed).normal(0, noise, image.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8), mask


@settings(max_examples=60, deadline=None)
@given(st.integers(150, 250), st.integers(150, 250), st.integers(150, 250), st.booleans(), st.integers(0, 9))
def test_the_glass_is_found_and_balanced_to_white(red, green, blue, masked, seed):
    image, mask = smear((red, green, blue), seed)
    mask = mask if masked else None
    np.testing.assert_allclose(background_colour(image, mask), (red, green, blue), atol=1.5)
    balanced = white_balance(image, mask)
    np.testing.assert_allclose(background_colour(balanced, mask), WHITE, atol=2)


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_glass_of_a_drawn_cell_is_the_laboratorys(domain):
    truth = 255 * (0.98 * np.array(DOMAINS[domain].background) + 0.02)
    found = [background_colour(c.image, c.mask) for c in (render_cell("NE", domain, rng=k) for k in range(15))]
    np.testing.assert_allclose(np.median(found, axis=0), np.minimum(truth, 255), rtol=0.08)  # light falls off


def test_where_no_glass_shows_the_background_is_white_and_nothing_changes():
    image, _ = smear((230, 220, 210))
    dark = np.full((50, 50, 3), (60, 20, 80), np.uint8)
    assert background_colour(image, np.ones(image.shape[:2], np.uint8)).tolist() == WHITE
    assert background_colour(dark).tolist() == WHITE
    np.testing.assert_array_equal(white_balance(dark), dark)


def test_a_speck_of_glare_is_not_glass():
    image, mask = smear((200, 190, 180))
    image[100:104, 100:104] = 255
    np.testing.assert_allclose(background_colour(image, mask), (200, 190, 180), atol=1.5)


@settings(max_examples=60, deadline=None)
@given(images(), st.sampled_from(sorted(STAIN_NORMALISERS)), st.booleans())
def test_every_normaliser_gives_an_image_of_the_same_kind(image, name, masked):
    before = image.copy()
    mask = np.indices(image.shape[:2]).sum(0).astype(np.uint8) % 3 if masked else None
    once, twice = (STAIN_NORMALISERS[name](image, mask) for _ in range(2))
    assert once.shape == image.shape
    assert once.dtype == np.uint8
    np.testing.assert_array_equal(once, twice)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(("name", "most"), [("none", 0), ("grey_world", 1), ("white_balance", 2), ("reinhard", 3)])
@pytest.mark.parametrize("code", CODES)
def test_normalising_twice_is_normalising_once(name, most, code):
    for seed in range(3):
        once = STAIN_NORMALISERS[name](render_cell(code, "raabin", rng=seed).image)
        twice = STAIN_NORMALISERS[name](once).astype(int)
        assert np.mean(np.abs(twice - once)) <= most


def test_grey_world_leaves_a_grey_mean():
    balanced = STAIN_NORMALISERS["grey_world"](smear((200, 190, 180))[0])
    assert np.ptp(balanced.reshape(-1, 3).mean(0)) < 1


def test_reinhard_reaches_the_reference():
    lab = cv2.cvtColor(reinhard(render_cell("EO", "munich", rng=1).image), cv2.COLOR_RGB2LAB)
    mean, std = (moment.ravel() for moment in cv2.meanStdDev(lab))
    np.testing.assert_allclose(mean, normalise.REFERENCE_LAB_MEAN, atol=2)
    np.testing.assert_allclose(std, normalise.REFERENCE_LAB_STD, rtol=0.15)


def test_macenko_finds_the_stains_that_were_mixed():
    stains = np.array([[0.70, 0.69, 0.18], [0.20, 0.80, 0.56]])
    stains /= np.linalg.norm(stains, axis=1, keepdims=True)
    rng = np.random.default_rng(0)
    share = rng.uniform(0, 1, (5000, 1)).round()  # pure pixels of either, and of both
    amounts = np.hstack([share, 1 - share]) * rng.uniform(0.8, 2.0, (5000, 1)) + rng.uniform(0, 0.01, (5000, 2))
    found, high = normalise.stain_vectors(amounts @ stains)
    np.testing.assert_allclose(found, stains, atol=0.02)
    np.testing.assert_allclose(high, np.percentile(amounts, 99, axis=0), rtol=0.03)


def test_macenko_brings_two_laboratories_together():
    here, there = (
        np.mean([macenko(render_cell(code, d, rng=k).image).mean((0, 1)) for k, code in enumerate(CODES)], 0)
        for d in ("barcelona", "cvb")
    )
    apart = [np.mean([render_cell(c, d, rng=k).image.mean((0, 1)) for k, c in enumerate(CODES)], 0) for d in DOMAINS]
    assert np.abs(here - there).max() < np.abs(apart[0] - apart[3]).max()


@pytest.mark.parametrize("image", [np.full((40, 40, 3), 200, np.uint8), np.zeros((40, 40, 3), np.uint8)])
@pytest.mark.parametrize("name", ["reinhard", "macenko"])
def test_a_blank_image_stays_as_it_is(name, image):
    np.testing.assert_array_equal(STAIN_NORMALISERS[name](image), image)


def test_the_reference_is_that_of_the_drawn_cells():
    cells = [render_cell(code, "barcelona", rng=k) for k, code in enumerate(CODES * 10)]
    lab = cv2.cvtColor(np.concatenate([cell.image for cell in cells]), cv2.COLOR_RGB2LAB)
    mean, std = (moment.ravel() for moment in cv2.meanStdDev(lab))
    np.testing.assert_allclose(mean, normalise.REFERENCE_LAB_MEAN, atol=0.1)
    np.testing.assert_allclose(std, normalise.REFERENCE_LAB_STD, atol=0.1)
    densities = [np.log((background_colour(c.image, c.mask) + 1) / (c.image.reshape(-1, 3) + 1.0)) for c in cells]
    stains, amounts = zip(*map(normalise.stain_vectors, densities), strict=True)
    np.testing.assert_allclose(np.median(stains, axis=0), normalise.REFERENCE_STAINS, atol=0.02)
    np.testing.assert_allclose(np.median(amounts, axis=0), normalise.REFERENCE_CONCENTRATIONS, rtol=0.05)


def test_an_unknown_normaliser_names_the_nearest():
    assert get_stain_normaliser("macenko") is macenko
    with pytest.raises(UsageError, match="did you mean 'reinhard'"):
        get_stain_normaliser("reinhart")


@settings(max_examples=60, deadline=None)
@given(images(), st.integers(0, 2**32 - 1), st.floats(0, 2))
def test_augmented_copies_keep_shape_and_type_and_follow_the_seed(image, seed, strength):
    before = image.copy()
    (copy, scale), (again, same) = (augment(image, np.random.default_rng(seed), strength) for _ in range(2))
    assert copy.shape == image.shape
    assert copy.dtype == np.uint8
    assert scale == same
    np.testing.assert_array_equal(copy, again)
    np.testing.assert_array_equal(image, before)


@settings(max_examples=30, deadline=None)
@given(images(), st.integers(0, 2**32 - 1))
def test_strength_zero_is_the_image_itself(image, seed):
    copy, scale = augment(image, np.random.default_rng(seed), strength=0)
    assert scale == 1
    np.testing.assert_array_equal(copy, image)


@settings(max_examples=30, deadline=None)
@given(images())
def test_every_step_has_a_setting_that_changes_nothing(image):
    glass = background_colour(image)
    for copy in (
        steps.restain(image, np.eye(3), glass),
        steps.expose(image, 1.0),
        steps.turn(image, 0, 1.0, False),
        steps.blur(image, 0.0),
        steps.add_noise(image, 0.0, None),
        steps.compress(image, 100),
    ):
        np.testing.assert_array_equal(copy, image)


def test_restaining_moves_the_glass_where_it_should_and_leaves_it_empty():
    image, mask = smear((235, 225, 205))
    matrix = np.eye(3) + 0.15 * np.random.default_rng(0).standard_normal((3, 3))
    other = steps.restain(image, matrix, (210, 215, 220))
    np.testing.assert_allclose(background_colour(other, mask), (210, 215, 220), atol=2)


def test_the_scale_is_the_magnification():
    image = np.full((200, 200, 3), 230, np.uint8)
    cv2.circle(image, (100, 100), 40, (90, 40, 130), -1)
    for seed in range(10):
        copy, scale = augment(image, np.random.default_rng(seed), ranges=Augmentation(**ONE_DRAW | {"rescale": 0.3}))
        area = np.count_nonzero(copy[..., 1] < 135)
        assert area == pytest.approx(scale**2 * np.pi * 40**2, rel=0.03)


def test_noise_has_the_deviation_asked_for():
    noisy = steps.add_noise(np.full((100, 100, 3), 128, np.uint8), 5.0, np.random.default_rng(0))
    assert np.std(noisy.astype(float)) == pytest.approx(5.0, rel=0.05)


def test_copies_differ_more_at_more_strength():
    cell = render_cell("EO", "barcelona", rng=0).image
    apart = [
        np.mean([np.abs(augment(cell, np.random.default_rng(k), s)[0].astype(int) - cell).mean() for k in range(20)])
        for s in (0.25, 0.5, 1.0)
    ]
    assert apart[0] < apart[1] < apart[2]

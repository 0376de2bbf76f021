"""The discriminant that learns the colours of one image."""

import cv2
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from leukobench.segmentation import own_colours

CHROMATIN, CYTOPLASM = (100, 50, 140), (190, 160, 200)


@pytest.fixture
def two_colours():
    """Roots of a picture whose left half is chromatin, and the mask of that half."""
    rgb = np.full((40, 40, 3), CYTOPLASM, np.float32)
    rgb[:, :20] = CHROMATIN
    rgb += np.random.default_rng(0).normal(0, 6, rgb.shape)
    left = np.zeros((40, 40), bool)
    left[:, :20] = True
    return own_colours.roots_of(rgb.astype(np.uint8)), left


def test_roots_are_half_the_square_root():
    np.testing.assert_allclose(own_colours.roots_of(np.array([[[0, 4, 255]]], np.uint8))[0, 0], [0, 1, 255**0.5 / 2])


def test_tells_two_materials_apart_within_its_bounds(two_colours):
    roots, left = two_colours
    score = own_colours.fit(roots, left, ~left).score(roots)
    np.testing.assert_array_equal(score > 0, left)
    assert np.abs(score).max() <= own_colours.MOST


def test_direction_is_that_of_scikit_learn(two_colours):
    roots, left = two_colours
    found = own_colours.fit(roots, left, ~left).direction
    expected = LinearDiscriminantAnalysis(solver="lsqr").fit(roots.reshape(-1, 3), left.ravel()).coef_[0]
    cosine = found @ expected / np.linalg.norm(found) / np.linalg.norm(expected)
    assert cosine > 0.99


def test_too_small_a_sample_gives_no_rule(two_colours):
    roots, left = two_colours
    few = np.zeros_like(left)
    few.flat[: own_colours.LEAST_SAMPLE - 1] = True
    assert own_colours.fit(roots, few, ~left) is None
    assert own_colours.fit(roots, left, few) is None


def test_cell_is_left_to_the_network_where_it_is_sure_of_nothing(two_colours):
    roots, _ = two_colours
    logits = np.zeros((2, *roots.shape[:2]), np.float32)
    np.testing.assert_array_equal(own_colours.adapt_cell(roots, logits), logits[0])
    assert own_colours.fit_nucleus(roots, logits) is None


def test_red_cells_are_taken_off_a_cell_that_took_them_in():
    rgb = np.full((60, 60, 3), (240, 235, 230), np.uint8)
    cv2.circle(rgb, (30, 30), 18, CYTOPLASM, -1)
    cv2.circle(rgb, (30, 30), 9, CHROMATIN, -1)
    rgb[:, 50:] = (225, 150, 140)
    inside = cv2.circle(np.zeros((60, 60), np.float32), (30, 30), 18, 1.0, -1)
    logits = np.stack([np.where(inside > 0, 4, -4), np.full((60, 60), -4)]).astype(np.float32)
    logits[1][cv2.circle(np.zeros((60, 60), np.uint8), (30, 30), 9, 1, -1) > 0] = 4
    logits[0][20:40, 50:54] = 1  # a part of a red cell, not quite sure
    cell = own_colours.adapt_cell(own_colours.roots_of(rgb), logits)
    assert (cell[20:40, 50:54] < 0).all()
    assert (cell[inside > 0] > 0).all()

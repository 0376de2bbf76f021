"""Granules that the network took for chromatin, and the rim of a thick cell."""

import cv2
import numpy as np
import pytest

from leukobench.segmentation import granules
from leukobench.segmentation.bench import dice

SIDE = 96
CHROMATIN, EOSIN, AZURE = (0.5, 1.4, 0.5), (0.35, 0.9, 0.55), (0.35, 0.9, 0.2)  # density in R, G, B


def disc(x, y, radius):
    return cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (x, y), radius, 1, -1)


def packed(filling):
    """Density, cell and nucleus of a cell whose cytoplasm is full of something dark."""
    cell, nucleus = disc(48, 48, 30) > 0, disc(40, 48, 15) > 0
    density = np.zeros((3, SIDE, SIDE), np.float32)
    density[:, cell] = np.array(filling)[:, None]
    density[:, nucleus] = np.array(CHROMATIN)[:, None]
    density += np.random.default_rng(0).normal(0, 0.03, density.shape).astype(np.float32)
    return density, cell, nucleus


def all_nucleus(cell):
    return np.where(cell, 3, -3).astype(np.float32)


@pytest.mark.parametrize("strength", [0.5, 1, 1.5])
def test_granules_are_taken_off_whatever_the_strength_of_the_stain(strength):
    density, cell, nucleus = packed(EOSIN)
    found = granules.without_granules(strength * density, cell, all_nucleus(cell)) > 2
    inner = cv2.erode(cell.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert dice(found & inner, nucleus & inner) > 0.95


def test_what_lies_beyond_the_cell_has_no_say():
    density, cell, _ = packed(EOSIN)
    near = slice(14, 83), slice(14, 83)  # the cell reaches from 18 to 78
    found = granules.without_granules(density, cell, all_nucleus(cell))
    cut = np.ascontiguousarray(density[:, *near]), np.ascontiguousarray(cell[near]), all_nucleus(cell[near])
    np.testing.assert_array_equal(granules.without_granules(*cut), found[near])


@pytest.mark.parametrize("filling", [AZURE, CHROMATIN], ids=["basophilic cytoplasm", "nothing but chromatin"])
def test_what_has_no_eosin_in_it_is_left_alone(filling):
    density, cell, _ = packed(filling)
    assert granules.without_granules(density, cell, all_nucleus(cell)) is None


def test_granules_that_the_network_left_out_need_no_correction():
    density, cell, nucleus = packed(EOSIN)
    assert granules.without_granules(density, cell, np.where(nucleus, 3, -3).astype(np.float32)) is None


def test_scattered_grains_are_texture():
    density, cell, _ = packed(CHROMATIN)
    grain = np.zeros((SIDE, SIDE), bool)
    grain[::4, ::2] = True
    density[:, grain & cell] = np.array((0.1, 0.2, 0.6))[:, None]
    assert granules.without_granules(density, cell, all_nucleus(cell)) is None


def test_an_empty_cell_and_a_cell_without_nucleus_are_left_alone():
    density, cell, _ = packed(EOSIN)
    assert granules.without_granules(density, np.zeros_like(cell), all_nucleus(cell)) is None
    assert granules.without_granules(density, cell, np.full(cell.shape, -3, np.float32)) is None


def test_the_rim_goes_and_a_nucleus_at_the_rim_stays():
    cell = disc(48, 48, 40)
    rim = cell & ~disc(48, 48, 38)
    lobe = disc(30, 48, 18)
    left = granules.without_rim(rim | lobe, cell)
    assert left[48, 87] == 0
    assert np.count_nonzero(left & lobe) > 0.99 * np.count_nonzero(lobe)
    assert np.count_nonzero(left & rim & ~disc(30, 48, 22)) < 0.1 * np.count_nonzero(rim)

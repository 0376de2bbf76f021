"""Crops that train: as large as their epoch says, and changed as much as pictures are elsewhere."""

from dataclasses import replace

import numpy as np
import pytest

from leukobench.imaging.stain import augment, background_colour
from leukobench.models.network.augmentation import COLOURS, elsewhere, prepare
from leukobench.models.network.draws import sides_of
from leukobench.preparation.crops import SIDE


def cell(side=SIDE):
    """A dark nucleus in a paler cell on glass."""
    distance = np.hypot(*np.mgrid[:side, :side] - (side - 1) / 2) / side
    image = np.full((side, side, 3), (230, 215, 205), np.uint8)
    image[distance < 0.25], image[distance < 0.15] = (200, 160, 190), (90, 40, 130)
    return image


@pytest.mark.parametrize("known", [False, True])
def test_crops_are_changed_as_pictures_are(known):
    image = cell(64)
    glass = background_colour(image) if known else None
    ranges = replace(COLOURS["stain"], compression=0.0)  # which makes more of a grey value
    for seed in range(100):
        once, fast = (np.random.default_rng(seed) for _ in range(2))
        expected, found = augment(image, once, 1.2, ranges)[0], elsewhere(image, fast, 1.2, ranges, glass)
        assert np.abs(found.astype(int) - expected).max() <= 2
        assert once.random() == fast.random()  # the same has been drawn


def test_nothing_is_changed_without_strength():
    image = cell(64)
    rng = np.random.default_rng(0)
    kept = [prepare(image, 60, rng, strength=0.0, grey=0.0) for _ in range(20)]
    alone = prepare(image, 64)
    moved = {
        next(m for m in range(25) if (crop == alone[m // 5 : m // 5 + 60, m % 5 : m % 5 + 60]).all()) for crop in kept
    }
    assert len(moved) > 5


@pytest.mark.parametrize(
    ("network", "size", "epochs", "small", "expected"),
    [
        ("mobilenet_v2", 112, 8, 0.6, [80] * 5 + [112] * 3),
        ("mobilenet_v2", 112, 1, 0.6, [112]),
        ("mobilenet_v2", 112, 4, 1.0, [80] * 3 + [112]),
        ("mobilenet_v2", 112, 4, 0.0, [112] * 4),
        ("mobilenet_v2", 70, 2, 0.6, [64, 70]),
        ("mobilenet_v2", 24, 2, 0.6, [24, 24]),
        ("lenet", 112, 2, 0.6, [64, 64]),
        ("lenet", 24, 2, 0.6, [24, 24]),
    ],
)
def test_small_crops_come_first_and_the_last_epoch_is_of_full_size(network, size, epochs, small, expected):
    assert sides_of(network, size, epochs, small) == expected


def test_an_epoch_sees_all_of_a_field_at_its_side():
    pytest.importorskip("torch", reason="needs the extra `deep`")
    pytest.importorskip("skorch", reason="needs the extra `deep`")
    from leukobench.models.network.training import Crops

    settings = {"strength": 0.0, "grey": 0.0}
    crops = Crops(cell()[None], [0], [0], 112, 0, sides=[80, 80, 112], **settings)
    seen = [crops[epoch, 3, 0][0] for epoch in (1, 2, 3)]
    assert [each.shape[0] for each in seen] == [80, 80, 112]
    assert crops[0][0].shape[0] == 112  # what judges is of full size
    dark = [(each[..., 1] < 100).mean() for each in seen]  # the nucleus has its share of the field at either side
    assert dark == pytest.approx([np.pi * 0.15**2 * (SIDE / 112) ** 2] * 3, rel=0.05)

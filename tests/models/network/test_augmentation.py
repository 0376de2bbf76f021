"""Crops that train: as large as their epoch says, and changed as much as pictures are elsewhere."""

from dataclasses import replace

import numpy as np
import pytest

from leukobench.imaging.stain import augment, background_colour
from leukobench.models.network.augmentation import COLOURS, elsewhere, prepare
from leukobench.models.network.classifier import NetworkClassifier
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


def test_lenet_trains_on_crops_of_the_side_that_it_sees(monkeypatch):
    pytest.importorskip("torch", reason="needs the extra `deep`")
    pytest.importorskip("skorch", reason="needs the extra `deep`")
    from leukobench.models.network import training

    told = []
    monkeypatch.setattr(training, "train", lambda module, *crops, **settings: told.extend(crops[:2]) or [])
    X = np.tile(cell().reshape(1, -1), (12, 1))
    settings = {"strength": 0.0, "grey": 0.0}
    NetworkClassifier("lenet", **settings).fit(X, np.tile(["LY", "NE"], 6))
    small, whole = (crops[0][0] for crops in told)
    assert (small.shape[0], whole.shape[0]) == (64, 112)
    assert told[0].settings["um_per_px"] == pytest.approx(0.2 * SIDE / 91)
    for crop in (small, whole):  # the nucleus has its share of the field at either side
        assert (crop[..., 1] < 100).mean() == pytest.approx(np.pi * 0.15**2 * (SIDE / 112) ** 2, rel=0.05)

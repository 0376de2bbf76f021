"""Drawn scenes, and the NumPy network against its PyTorch twin."""

import numpy as np
import pytest

from leukobench.segmentation import network
from leukobench.segmentation.scenes import LAYERS, SIDE, Noise, colourise, draw_scene


@pytest.fixture(scope="module")
def scenes():
    rng = np.random.default_rng(5)
    noise = Noise(rng)
    return [draw_scene(rng, noise) for _ in range(12)]


def test_scenes_hold_one_cell_in_the_middle_with_its_nucleus_inside(scenes):
    for layers, (cell, nucleus) in scenes:
        assert layers.shape == (len(LAYERS), SIDE, SIDE)
        y, x = np.nonzero(cell > 127)
        assert abs(y.mean() - SIDE / 2) < 0.25 * SIDE
        assert abs(x.mean() - SIDE / 2) < 0.25 * SIDE
        assert not (nucleus > cell.astype(int) + 3).any()
    assert sum((nucleus > 127).any() for _, (_, nucleus) in scenes) >= 9


def test_colour_is_new_each_time_and_a_function_of_the_seed(scenes):
    layers, labels = scenes[0]
    first, truth = colourise(layers, labels, np.random.default_rng(1), 96)
    again, _ = colourise(layers, labels, np.random.default_rng(1), 96)
    other, _ = colourise(layers, labels, np.random.default_rng(2), 96)
    assert first.shape == (96, 96, 3)
    assert truth.shape == (2, 96, 96)
    assert 0 <= truth.min() <= truth.max() <= 1
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_normalised_picture_does_not_depend_on_exposure(scenes):
    rgb, _ = colourise(*scenes[1], np.random.default_rng(3), 96)
    rgb = np.clip(rgb, 40, 180)
    brighter = np.round(rgb * 1.3).astype(np.uint8)
    difference = network.normalise(rgb) - network.normalise(brighter)
    assert np.abs(difference).mean() < 0.05


def test_numpy_network_equals_its_torch_twin():
    torch = pytest.importorskip("torch")
    from leukobench.segmentation.train import build_network, fold

    torch.manual_seed(0)
    twin = build_network()
    twin.train()
    for _ in range(3):  # so that the running statistics are not trivial
        twin(torch.rand(2, 4, 96, 96))
    twin.eval()
    picture = np.random.default_rng(0).random((4, 96, 96), dtype=np.float32)
    with torch.no_grad():
        expected = twin(torch.from_numpy(picture)[None])[0].numpy()
    stored = fold(twin)
    layers = {name.split(".")[0] for name in stored}
    weights = {name: (stored[f"{name}.weight"], stored[f"{name}.bias"][:, None]) for name in layers}
    np.testing.assert_allclose(network.predict(picture, weights), expected, atol=1e-5)


@pytest.mark.slow
def test_a_short_training_learns(tmp_path):
    pytest.importorskip("torch")
    from leukobench.segmentation import train

    lines = []
    weights = train.train(scenes=40, steps=2, report=lines.append)
    train.save_weights(tmp_path / "weights.npz", weights, "a test")
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as stored:
        assert str(stored["origin"]) == "a test"
        assert all(np.isfinite(stored[name]).all() for name in weights)


def test_shipped_weights_are_small_and_name_their_origin():
    from importlib.resources import files

    path = files("leukobench.segmentation") / network.WEIGHTS
    assert len(path.read_bytes()) < 200_000
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        assert "drawn scenes" in str(stored["origin"])

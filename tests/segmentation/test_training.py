"""Drawn scenes, and the network's file against the network in PyTorch."""

import numpy as np
import pytest

from leukobench.segmentation import network
from leukobench.segmentation.appearance import colourise
from leukobench.segmentation.outlines import SIDE
from leukobench.segmentation.scenes import LAYERS, Noise, draw_scene


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


def test_the_file_gives_what_the_network_in_torch_gives(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from leukobench.segmentation.train import build_network, save_network

    torch.manual_seed(0)
    twin = build_network()
    twin.train()
    for _ in range(3):  # so that the running statistics are not trivial
        twin(torch.rand(2, 4, 96, 96))
    twin.eval()
    picture = np.random.default_rng(0).random((4, 96, 96), dtype=np.float32)
    with torch.no_grad():
        expected = twin(torch.from_numpy(picture)[None])[0].numpy()
    save_network(tmp_path / "network.onnx", twin, "a test")
    session = network.open_file(tmp_path / "network.onnx")
    monkeypatch.setattr(network, "load_network", lambda: session)
    # weights are kept as half floats
    np.testing.assert_allclose(network.predict(picture), expected, atol=3e-3)
    assert session.get_modelmeta().custom_metadata_map["origin"] == "a test"
    assert __file__.encode() not in (tmp_path / "network.onnx").read_bytes()


@pytest.mark.slow
def test_a_short_training_learns(tmp_path):
    pytest.importorskip("torch")
    from leukobench.segmentation import train

    lines = []
    fitted = train.train(scenes=40, steps=2, report=lines.append)
    assert all(values.isfinite().all() for values in fitted.state_dict().values())


def test_the_shipped_file_is_small_and_names_its_origin():
    assert network.file().stat().st_size < 225_000
    assert "drawn scenes" in network.load_network().get_modelmeta().custom_metadata_map["origin"]

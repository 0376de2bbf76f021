"""Grad-CAM on crops whose class is told by a disc in a corner, so that where to look is known."""

import numpy as np
import pytest
import torch

from leukobench.errors import UsageError
from leukobench.models.network import explain
from leukobench.models.network.architecture import Network
from leukobench.models.network.classifier import NetworkClassifier
from leukobench.models.network.explain import grad_cam, overlay

SIDE, RADIUS = 48, 9


def cells(n, seed=0):
    """Rows of crops on glass with a dark (1) or a bright (0) disc away from the middle; labels and true places."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    middles = rng.integers(RADIUS + 2, SIDE - RADIUS - 2, (n, 2))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    discs = np.hypot(rows - middles[:, 0, None, None], columns - middles[:, 1, None, None]) < RADIUS
    images = np.where(discs, np.where(y == 1, 40, 190)[:, None, None], 235)[..., None]
    images = images + rng.integers(-9, 10, (n, SIDE, SIDE, 3))
    return images.clip(0, 255).astype(np.uint8).reshape(n, -1), np.array(["pale", "dark"])[y], discs


@pytest.fixture(scope="module")
def trained():
    X, y, _ = cells(200)
    return NetworkClassifier("lenet", epochs=3, strength=0.5, colour="none", grey=0.0, learning_rate=2e-3).fit(X, y)


def test_the_map_lies_on_what_tells_the_class(trained):
    X, y, discs = cells(40, seed=1)
    assert (trained.predict(X) == y).mean() > 0.9
    dark = y == "dark"
    maps = grad_cam(trained, X[dark])
    on_disc = np.sum(maps * discs[dark], axis=(1, 2)) / maps.sum((1, 2))
    share_of_area = discs[dark].mean((1, 2))
    assert (on_disc > share_of_area).all()
    assert np.median(on_disc / share_of_area) > 3
    peaks = [np.unravel_index(each.argmax(), each.shape) for each in maps]
    assert np.mean([disc[peak] for disc, peak in zip(discs[dark], peaks, strict=True)]) > 0.8


def test_maps_have_the_field_s_shape_lie_between_0_and_1_and_repeat(trained):
    X, _, _ = cells(7, seed=2)
    maps = grad_cam(trained, X)
    assert maps.shape == (7, SIDE, SIDE)
    assert maps.dtype == np.float32
    assert maps.min() >= 0
    assert set(maps.max((1, 2)).tolist()) <= {0.0, 1.0}
    np.testing.assert_array_equal(maps, grad_cam(trained, X))
    np.testing.assert_array_equal(maps, grad_cam(trained, X, trained.predict(X)))
    np.testing.assert_allclose(maps[2:3], grad_cam(trained, X[2:3]), atol=1e-5)
    assert not np.array_equal(grad_cam(trained, X, "dark"), grad_cam(trained, X, "pale"))
    assert trained.field_of(X).shape == (7, SIDE, SIDE, 3)


def test_a_mirrored_crop_has_the_mirrored_map(trained):
    X, _, _ = cells(4, seed=3)
    mirrored = X.reshape(4, SIDE, SIDE, 3)[:, :, ::-1].reshape(4, -1)
    np.testing.assert_allclose(grad_cam(trained, mirrored, "dark"), grad_cam(trained, X, "dark")[:, :, ::-1], atol=1e-3)


def test_the_classifier_stays_as_it_was(trained):
    X, _, _ = cells(6, seed=4)
    before = trained.predict_proba(X)
    state = {name: value.clone() for name, value in trained.module_.state_dict().items()}
    slopes = {name: value.grad for name, value in trained.module_.named_parameters()}
    needed = {name: value.requires_grad for name, value in trained.module_.named_parameters()}
    random = torch.get_rng_state()
    grad_cam(trained, X)
    np.testing.assert_array_equal(trained.predict_proba(X), before)
    assert all(torch.equal(value, state[name]) for name, value in trained.module_.state_dict().items())
    assert all(value.grad is slopes[name] for name, value in trained.module_.named_parameters())
    assert needed == {name: value.requires_grad for name, value in trained.module_.named_parameters()}
    assert not any(module._forward_hooks for module in trained.module_.modules())
    assert not trained.module_.training
    assert torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("settings", [{"adapt": True}, {"mixstyle": 1.0}, {"norm": "group"}], ids=str)
def test_variants_have_maps_that_repeat(settings, monkeypatch):
    monkeypatch.setattr("leukobench.models.network.draws.LEAST_DRAWS", 64)
    X, y, _ = cells(70, seed=5)
    model = NetworkClassifier("lenet", epochs=1, **settings).fit(X, y)
    maps = grad_cam(model, X)
    np.testing.assert_array_equal(maps, grad_cam(model, X))
    assert maps.any(axis=(1, 2)).mean() >= 0.5  # of two classes one may have none


def tiny(layers, dim=4):
    """A classifier around a backbone of one's own, with weights that are drawn and kept."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network(torch.nn.Sequential(*layers), dim, 2, 127.5, 127.5).eval()
    model = NetworkClassifier()
    model.classes_, model.size_, model.temperature_, model.n_features_in_ = np.array([0, 1]), 32, 1.0, 3 * 32 * 32
    model.module_ = network.requires_grad_(False)
    return model


class Shared(torch.nn.Module):
    """One activation that is called twice, works in place, and is followed by a step in place."""

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Conv2d(3, 4, 5, 2), torch.nn.Conv2d(4, 4, 3)
        self.act = torch.nn.ReLU(inplace=True)

    def forward(self, x):
        return self.act(self.second(self.act(self.first(x)))).mul_(2).mean((2, 3))


def test_map_of_a_frozen_network_is_the_formula_of_the_paper():
    convolution = torch.nn.Conv2d(3, 4, 5, 4)
    model = tiny([convolution, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()])
    X = np.random.default_rng(0).integers(0, 256, (3, 3 * 32 * 32)).astype(np.uint8)
    expected = []
    for view in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        crops = torch.from_numpy(np.ascontiguousarray(model.field_of(X)[:, :: view[0], :: view[1]]))
        maps = convolution((crops.permute(0, 3, 1, 2).float() - 127.5) / 127.5)
        weights = model.module_.head.weight[1] / maps[0, 0].numel()  # slope of a logit over a mean
        expected.append((weights[:, None, None] * maps).sum(1).clamp(min=0).numpy()[:, :: view[0], :: view[1]])
    expected = np.sum(expected, axis=0)
    got = grad_cam(model, X, 1)
    middles = np.round((np.arange(7) + 0.5) * 32 / 7 - 0.5).astype(int)
    for want, have in zip(expected, got, strict=True):
        assert np.corrcoef(want.ravel(), have[np.ix_(middles, middles)].ravel())[0, 1] > 0.95


def test_a_layer_that_is_called_twice_gives_its_last_map():
    model = tiny([Shared()])
    X = np.random.default_rng(1).integers(0, 256, (2, 3 * 32 * 32)).astype(np.uint8)
    layer, call = explain.last_map(model.module_, model.field_of(X))
    assert (type(layer), call) == (torch.nn.ReLU, 2)
    assert grad_cam(model, X, 0).shape == (2, 32, 32)


def test_backbones_of_tokens_and_unknown_classes_are_refused(trained):
    tokens = [torch.nn.Conv2d(3, 4, 8, 8), torch.nn.Flatten(2), torch.nn.AdaptiveAvgPool1d(1), torch.nn.Flatten()]
    X = np.zeros((2, 3 * 32 * 32), np.uint8)
    with pytest.raises(UsageError, match="convolutional network"):
        grad_cam(tiny(tokens), X)
    with pytest.raises(ValueError, match="'grey' is none of the classes"):
        grad_cam(trained, cells(2)[0], "grey")


def test_picture_shows_the_crop_as_it_is_where_the_map_is_0():
    crop = np.full((32, 32, 3), 200, np.uint8)
    heat = np.zeros((32, 32))
    heat[:, 16:] = 1
    picture = overlay(crop, heat, "NE .97")
    assert picture.dtype == np.uint8
    assert (picture[:224, :224] == 200).all()
    assert (picture[:224, 224 : 224 + 100] == 200).all()
    red, _, blue = picture[:224, -50:].reshape(-1, 3).mean(0)
    assert red > blue  # hot is red
    assert (picture[224:] < 128).any()  # the caption
    assert (overlay(crop, heat)[224:] == 255).all()

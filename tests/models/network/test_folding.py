"""Normalisations that are settled are part of their convolutions, and the network answers as before."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra `deep`")

import torch  # after the skip

from leukobench.models.network import architecture
from leukobench.models.network.answering import logits_of
from leukobench.models.network.folding import fold, folded


def block():
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, bias=False), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.BatchNorm2d(8)
    )
    for layer in layers:
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.uniform_(-1, 1)
            layer.running_var.uniform_(0.5, 2)
    return layers.eval()


def kinds(module):
    return [type(layer).__name__ for layer in module]


def test_a_folded_copy_answers_the_same_and_the_network_stays():
    whole, images = block(), torch.rand(2, 3, 9, 9)
    with torch.no_grad():
        copy = folded(whole)
        torch.testing.assert_close(copy(images), whole(images), rtol=1e-4, atol=1e-5)
    assert kinds(copy) == ["Conv2d", "Identity", "ReLU", "BatchNorm2d"]  # the last one follows no convolution
    assert kinds(whole) == ["Conv2d", "BatchNorm2d", "ReLU", "BatchNorm2d"]


@pytest.mark.parametrize("left", [0, 1])
def test_what_still_learns_is_not_folded(left):
    layers = block()
    assert kinds(fold(layers, {layers[left]}))[:2] == ["Conv2d", "BatchNorm2d"]
    assert kinds(fold(layers, {layers[0], layers[1]}))[:2] == ["Conv2d", "Identity"]


@pytest.mark.parametrize("settled", [False, True])
def test_frozen_layers_are_folded_for_good_where_their_statistics_stay(settled):
    network = architecture.build_network("mobilenet_v2", 3, size=32, frozen=0.17, settled=settled).train()
    names = architecture.layers(network.backbone)
    assert len(names) == (95 if settled else 104)
    first = network.backbone.features[0]
    assert isinstance(first[1], torch.nn.Identity if settled else torch.nn.BatchNorm2d)
    network(torch.zeros(4, 32, 32, 3, dtype=torch.uint8))[0].sum().backward()
    learning = {name for name, weight in network.named_parameters() if weight.grad is not None}
    assert not any(name.startswith("backbone.features.3.") for name in learning)
    assert any(name.startswith("backbone.features.4.") for name in learning)


def test_the_same_weights_give_the_same_logits_folded_or_not():
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    networks = []
    for settled in (False, True):
        torch.manual_seed(0)
        networks.append(architecture.build_network("mobilenet_v2", 3, size=32, frozen=0.17, settled=settled).eval())
    with torch.no_grad():
        plain = networks[0](torch.from_numpy(pictures))[0].numpy()
    for network in networks:
        (logits,) = logits_of(network, [pictures], "cpu")
        np.testing.assert_allclose(logits, plain, rtol=1e-3, atol=1e-3 * np.abs(plain).max())

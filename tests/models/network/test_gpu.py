"""Fine-tuning on a CUDA device. What was run on one: results/gpu/README.md."""

import numpy as np
import pytest

from leukobench.models.network.classifier import NetworkClassifier

pytest.importorskip("torch", reason="needs the extra `deep`")

import torch  # after the skip

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.mark.parametrize("network", ["lenet", "mobilenet_v2"])
def test_a_network_trained_on_the_device_learns_and_predicts_the_same_on_the_cpu(network):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    distance = np.hypot(*np.mgrid[:64, :64] - 31.5)
    image = np.where(distance[None] < 8 + 10 * y[:, None, None], 70, 235)[..., None]
    X = (image + rng.integers(-9, 10, (80, 64, 64, 3))).astype(np.uint8).reshape(80, -1)
    model = NetworkClassifier(network, epochs=4, device="cuda").fit(X, y)
    on_device = model.predict_proba(X)
    assert (on_device.argmax(1) == y).mean() > 0.9
    np.testing.assert_allclose(model.set_params(device="cpu").predict_proba(X), on_device, atol=0.02)


def test_crops_that_lie_there_are_predicted_alike_in_half_precision():
    cupy = pytest.importorskip("cupy")
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    X = (rng.integers(0, 30, (80, 64 * 64 * 3)) + 90 + 60 * y[:, None]).astype(np.uint8)
    model = NetworkClassifier("lenet", epochs=2, device="cuda").fit(X, y)
    np.testing.assert_allclose(model.predict_proba(cupy.asarray(X)), model.predict_proba(X), atol=0.02)

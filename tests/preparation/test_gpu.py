"""Views on a CUDA device: `python -m pytest tests/preparation/test_gpu.py -m gpu`."""

import numpy as np
import pytest

from leukobench.devices import array_library, cuda_is_available
from leukobench.features import feature_names
from leukobench.features.viewed import view_features
from leukobench.imaging.jpeg import compressed
from leukobench.imaging.stain.steps import compress
from leukobench.preparation.stacked_views import seen_stacks
from leukobench.preparation.views import VIEWS, apply_view
from leukobench.segmentation.bench import dice

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not cuda_is_available(), reason="no CUDA device: see results/gpu/README.md"),
]


def test_jpeg_loses_there_what_libjpeg_loses():
    xp = array_library("cuda").xp
    images = np.random.default_rng(0).integers(0, 256, (4, 70, 61, 3), np.uint8)
    expected = [compress(image, quality) for image, quality in zip(images, (40, 60, 80, 95), strict=True)]
    np.testing.assert_array_equal(compressed(xp, xp.asarray(images), (40, 60, 80, 95)).get(), expected)


@pytest.mark.real
@pytest.mark.parametrize(
    ("part", "scale"), [(slice(0, 100, 4), 0.2), (slice(100, 400, 10), None)], ids=["cvb", "jiangxi"]
)
def test_pictures_and_masks_of_real_cells_are_those_of_the_host(real_cells, part, scale):
    images, view = real_cells[0][part], VIEWS["augmented"]
    expected = apply_view(images, view, scale)
    scales = [np.nan if scale is None else scale] * len(images)
    grey, same, moved = [], [], []
    for stack in seen_stacks(array_library("cuda"), zip(images, scales, strict=True), view):
        for k, (place, (height, width)) in enumerate(zip(stack.numbers, stack.shapes.tolist(), strict=True)):
            picture, mask = expected.pictures[place], expected.masks[place]
            moved.append(picture.shape[:2] != (height, width))
            if not moved[-1]:
                grey.append(np.abs(stack.pictures[k, :height, :width].get().astype(int) - picture).mean())
                found = stack.masks[k, :height, :width].get()
                same.append([dice(found >= level, mask >= level) for level in (2, 1)])
    print("grey values", np.mean(grey).round(3), np.max(grey).round(3), "Dice", np.mean(same, axis=0).round(4))
    print("pictures of another size", np.mean(moved).round(4))
    assert np.mean(grey) < 0.5
    assert (np.median(same, axis=0) > 0.995).all()
    assert (np.mean(same, axis=0) > 0.98).all()
    assert np.mean(moved) < 0.5


@pytest.mark.real
def test_features_of_copies_are_those_of_the_host(real_cells):
    images, view = real_cells[0][100:400:10], VIEWS["augmented"]
    found, expected = (view_features(images, view, um_per_px=0.2, device=device) for device in ("cuda", "cpu"))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    names, size = feature_names("core"), np.nanstd(expected, axis=(0, 1))
    apart = np.nanmedian(abs(found - expected) / np.where(size > 0, size, 1), axis=(0, 1))
    print("median differences in standard deviations", dict(zip(names, apart.round(4).tolist(), strict=True)))
    # Chromatin that was magnified is smooth: one grey value decides which way its binary patterns go.
    smooth = np.array(["lbp" in name for name in names])
    assert np.median(apart) < 0.02
    assert apart[~smooth].max() < 0.2
    assert apart[smooth].max() < 0.5

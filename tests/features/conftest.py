"""Real cells with expert masks, and small drawn ones."""

import cv2
import numpy as np
import pytest

from leukobench.features import extract_features


def read_cells(root):
    """Images and label masks of CVB (100) and Jiangxi (300)."""
    images, masks = [], []
    for folder in ("cvb/Dataset 2", "jiangxi/Dataset 1"):
        for path in sorted((root / folder).glob("*.bmp")):
            grey = cv2.imread(str(path.with_suffix(".png")), cv2.IMREAD_GRAYSCALE)
            images.append(cv2.imread(str(path))[..., ::-1].copy())
            masks.append(np.digitize(grey, (64, 192)).astype(np.uint8))
    return images, masks


@pytest.fixture(scope="session")
def real_cells(data_root):
    """(images, masks) of all 400 CVB and Jiangxi cells."""
    return read_cells(data_root)


def draw_cell(seed=0, height=60, width=52):
    """A two-lobed cell of noisy colours, with its mask."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    u, v = (y - height * 0.5) / height, (x - width * 0.48) / width
    mask = (u**2 + v**2 + 0.4 * u * v**2 + 0.3 * v**3 < 0.15).astype(np.uint8)
    mask[((u + 0.1) ** 2 + (v - 0.08) ** 2 < 0.02) | ((u - 0.12) ** 2 + (v + 0.1) ** 2 < 0.025)] = 2
    colour = np.array([(235, 225, 215), (205, 160, 190), (95, 45, 130)])[mask]
    return np.clip(colour + rng.normal(0, 12, colour.shape), 0, 255).astype(np.uint8), mask


@pytest.fixture(scope="session")
def real_reference(real_cells):
    """Reference values of the full set on all 400 cells."""
    return extract_features(*real_cells, device="reference", feature_set="full")


def worst_difference(values, reference):
    """Largest difference over columns, relative to the value or, near zero, to the column's typical size."""
    values, reference = np.asarray(values, float), np.asarray(reference, float)
    assert np.array_equal(np.isnan(values), np.isnan(reference))
    size = np.maximum(abs(reference), np.nanmedian(abs(reference), axis=0))
    return np.nanmax(abs(values - reference) / np.where(size > 0, size, 1))


@pytest.fixture(scope="session")
def difference():
    """The function :func:`worst_difference`."""
    return worst_difference


@pytest.fixture(scope="session")
def drawn_cells():
    """Twelve drawn cells of different sizes: (images, masks)."""
    return tuple(zip(*(draw_cell(seed, 40 + 9 * seed, 37 + 5 * seed) for seed in range(12)), strict=True))


@pytest.fixture
def cell():
    """(image, mask) of a drawn cell."""
    return draw_cell()

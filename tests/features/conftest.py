"""Real cells with expert masks, and small drawn ones."""

import cv2
import numpy as np
import pytest


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
    mask = (u**2 + v**2 < 0.16).astype(np.uint8)
    mask[((u + 0.1) ** 2 + (v - 0.08) ** 2 < 0.02) | ((u - 0.12) ** 2 + (v + 0.1) ** 2 < 0.025)] = 2
    colour = np.array([(235, 225, 215), (205, 160, 190), (95, 45, 130)])[mask]
    return np.clip(colour + rng.normal(0, 12, colour.shape), 0, 255).astype(np.uint8), mask


@pytest.fixture
def cell():
    """(image, mask) of a drawn cell."""
    return draw_cell()

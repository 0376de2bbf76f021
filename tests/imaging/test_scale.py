"""Pixel size from red cells."""

import cv2
import numpy as np
import pytest

from leukobench.imaging.scale import RED_CELL_UM, estimate_dataset_scale, estimate_um_per_px, red_cell_diameters

PLACES = ((0.2, 0.2), (0.8, 0.22), (0.22, 0.78), (0.78, 0.8), (0.5, 0.15))


def field(side=360, diameter=60, places=PLACES, seed=0):
    """A smear with a leukocyte in the middle and red cells of one size around it."""
    rng = np.random.default_rng(seed)
    image = np.full((side, side, 3), (238, 228, 214), np.uint8)
    for x, y in places:
        cv2.circle(image, (round(x * side), round(y * side)), round(diameter / 2), (212, 160, 156), -1, cv2.LINE_AA)
    cv2.circle(image, (side // 2, side // 2), round(0.12 * side), (92, 48, 136), -1, cv2.LINE_AA)
    return np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("side", "diameter"), [(360, 60), (360, 80), (575, 110), (200, 36)])
def test_red_cells_give_the_pixel_size(side, diameter):
    um_per_px, confidence = estimate_um_per_px(field(side, diameter))
    assert um_per_px == pytest.approx(RED_CELL_UM / diameter, rel=0.06)
    assert confidence > 0.8


def test_without_red_cells_there_is_no_estimate():
    um_per_px, confidence = estimate_um_per_px(field(places=()))
    assert np.isnan(um_per_px)
    assert confidence == 0


@pytest.mark.parametrize("value", [0, 128, 255])
def test_blank_images_give_no_estimate(value):
    assert np.isnan(estimate_um_per_px(np.full((300, 300, 3), value, np.uint8))[0])


def test_tiny_images_give_no_estimate():
    assert np.isnan(estimate_um_per_px(np.zeros((10, 10, 3), np.uint8))[0])


def test_platelets_are_no_red_cells():
    image = field()
    for x, y in ((60, 180), (300, 180), (180, 310), (120, 330)):
        cv2.circle(image, (x, y), 10, (190, 150, 190), -1)
    assert estimate_um_per_px(image)[0] == pytest.approx(RED_CELL_UM / 60, rel=0.06)


def test_cells_cut_off_by_the_border_are_not_measured():
    assert len(red_cell_diameters(field(places=((0.0, 0.3), (1.0, 0.7), (0.25, 0.25))))) == 1


def test_the_mask_leaves_the_leukocyte_out():
    image = np.full((300, 300, 3), (238, 228, 214), np.uint8)
    cv2.circle(image, (150, 150), 40, (212, 160, 156), -1)
    mask = np.zeros((300, 300), np.uint8)
    cv2.circle(mask, (150, 150), 44, 1, -1)
    assert np.isnan(estimate_um_per_px(image, mask)[0])


def test_dataset_scale_is_the_median_over_images_that_show_red_cells():
    images = [field(diameter=d, seed=d) for d in (58, 60, 62)] + [field(places=())]
    um_per_px, spread, n = estimate_dataset_scale(images)
    assert um_per_px == pytest.approx(0.12, rel=0.05)
    assert spread < 0.1
    assert n == 3
    assert np.isnan(estimate_dataset_scale([images[-1]])[0])


@pytest.mark.real
@pytest.mark.parametrize(("name", "known"), [("barcelona", 0.100), ("munich", 0.0725), ("raabin", 0.058)])
def test_estimate_agrees_with_the_known_pixel_size(data_root, name, known):
    from leukobench.datasets import get_dataset
    from leukobench.imaging.io import ImageError, read_image

    images = []
    for record in get_dataset(name).read(data_root)[::5][:60]:
        try:
            images.append(read_image(record.path))
        except ImageError:  # planted traps of the release
            continue
    um_per_px, _, n = estimate_dataset_scale(images)
    assert n >= 10
    assert um_per_px == pytest.approx(known, rel=0.1)

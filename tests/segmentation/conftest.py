"""Drawn cells whose masks are known."""

import cv2
import numpy as np
import pytest

GLASS, RED_CELL, CYTOPLASM, CHROMATIN = (238, 228, 214), (214, 160, 156), (196, 190, 220), (92, 48, 136)


def draw_cell(side=300, nucleus=((0, 0, 0.13),), cell_radius=0.2, red_cells=(), seed=0):
    """A cell in the middle, all lengths in image sides: lobes as (x, y, radius) off the centre, red cells likewise.

    Returns the image and its label mask.
    """

    def disc(canvas, x, y, radius, value):
        place = tuple(round(side * (0.5 + offset)) for offset in (x, y))
        return cv2.circle(canvas, place, round(side * radius), value, -1, cv2.LINE_AA)

    image = np.full((side, side, 3), GLASS, np.uint8)
    mask = np.zeros((side, side), np.uint8)
    for x, y, radius in red_cells:
        disc(image, x, y, radius, RED_CELL)
    disc(image, 0, 0, cell_radius, CYTOPLASM)
    cv2.circle(mask, (round(side / 2),) * 2, round(side * cell_radius), 1, -1)
    for x, y, radius in nucleus:
        disc(image, x, y, radius, CHROMATIN)
        cv2.circle(mask, tuple(round(side * (0.5 + offset)) for offset in (x, y)), round(side * radius), 2, -1)
    grain = np.random.default_rng(seed).normal(0, 3, image.shape)
    image = np.clip(cv2.GaussianBlur(image, (3, 3), 0) + grain, 0, 255).astype(np.uint8)
    return image, mask


@pytest.fixture(scope="session")
def drawn():
    """The function `draw_cell`."""
    return draw_cell


def blob(side, *discs):
    """Discs as (x, y, radius) in px; a mask of zeros and ones."""
    mask = np.zeros((side, side), np.uint8)
    for x, y, radius in discs:
        cv2.circle(mask, (x, y), radius, 1, -1)
    return mask


def granulated(side=160):
    """A cell full of what is as dark as its chromatin, and red."""
    lobes = ((-0.14, 0, 0.09), (0.14, 0, 0.09))
    image = draw_cell(side, nucleus=lobes, cell_radius=0.3)[0]
    full = blob(side, (side // 2, side // 2, 46))
    full &= ~blob(side, *((round(side * (0.5 + x)), round(side * 0.5), round(side * radius)) for x, _, radius in lobes))
    noise = np.random.default_rng(0).normal(0, 6, image.shape)
    return np.where(full[..., None] > 0, np.clip((110, 90, 90) + noise, 0, 255), image).astype(np.uint8)


@pytest.fixture(scope="session")
def images():
    """Cells of many sizes and shapes, granulated ones among them, and what holds none."""
    return [
        draw_cell(300, nucleus=((-0.09, -0.06, 0.06), (0.08, -0.07, 0.06), (0.0, 0.09, 0.06)))[0],
        draw_cell(88, seed=1)[0],
        draw_cell(200)[0][:140],
        draw_cell(200, seed=2)[0][:, 20:],
        draw_cell(400, cell_radius=0.3)[0],
        granulated(),
        np.full((120, 110, 3), 128, np.uint8),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((5, 130, 3), np.uint8),
        np.random.default_rng(0).integers(0, 256, (150, 150, 3), np.uint8),
    ]

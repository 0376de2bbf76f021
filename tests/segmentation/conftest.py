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

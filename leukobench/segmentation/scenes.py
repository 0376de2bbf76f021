"""Training scenes: drawn leukocytes among red cells, in more stains and cameras than any laboratory has.

The pixel model of `leukobench.segmentation` learns from these drawings alone, so no expert mask of any
dataset takes part in it. Realism is not the aim; breadth is (domain randomisation, Tobin 2017). A scene is
a stack of concentrations, one layer per stained material, and an exact label mask. Colour comes later
and anew each time (`appearance.colourise`): light falls off exponentially with the stain it crosses (Beer-Lambert).
"""

import cv2
import numpy as np

from leukobench.segmentation.outlines import (
    ANGLES,
    FINE,
    SIDE,
    TURN,
    cell_outline,
    draw_dot,
    draw_nucleus,
    paint,
    unit_vector,
    wavy,
)

LAYERS = ("chromatin", "cytoplasm", "dark granules", "eosinophilic granules", "haemoglobin", "debris")
CHROMATIN, CYTOPLASM, DARK, EOSIN, HAEMOGLOBIN, DEBRIS = range(len(LAYERS))


class Noise:
    """Smooth random fields, made once and then cut out at random places."""

    def __init__(self, rng, widths=(1.0, 2.0, 4.0, 8.0, 20.0)):
        self.fields = {}
        for width in widths:
            field = cv2.GaussianBlur(rng.standard_normal((640, 640)).astype(np.float32), (0, 0), width)
            self.fields[width] = field / field.std()

    def cut(self, rng, low=1.0, high=8.0, side=FINE):
        """A square (side, side) of a field of a random width between low and high, from a random place."""
        widths = [width for width in self.fields if low <= width <= high]
        field = self.fields[widths[rng.integers(len(widths))]]
        y, x = rng.integers(0, len(field) - side, 2)
        return field[y : y + side, x : x + side]


def draw_scene(rng, noise):
    """One scene.

    Parameters
    ----------
    rng : numpy.random.Generator
    noise : Noise

    Returns
    -------
    layers : uint8 array, shape (6, 128, 128)
        Concentrations of the `LAYERS`; 100 is a typical full stain, 255 the most.
    labels : uint8 array, shape (2, 128, 128)
        Coverage of whole cell and nucleus, 0 to 255.
    """
    layers = np.zeros((len(LAYERS), FINE, FINE), np.float32)
    platelet = rng.random() < 0.05
    radius = FINE * (rng.uniform(0.05, 0.14) if platelet else rng.uniform(0.11, 0.40))
    centre = FINE * (0.5 + rng.normal(0, 0.035, 2))
    cell = cell_outline(rng, radius)
    inside = paint(centre, cell)
    nucleus = np.zeros_like(inside) if platelet else draw_nucleus(rng, centre, cell, radius, inside)
    if platelet:
        _fill_platelet(rng, noise, layers, inside)
    else:
        _fill_leukocyte(rng, noise, layers, inside, nucleus, centre, radius)
    # a red cell is 7.2 um across, a leukocyte 8 to 22, a platelet 2 to 4
    red_radius = radius * (rng.uniform(1.6, 3.0) if platelet else rng.uniform(0.36, 1.0))
    _red_cells(rng, noise, layers[HAEMOGLOBIN], inside, centre, cell, min(red_radius, 0.24 * FINE))
    if rng.random() < 0.22:
        _neighbour_leukocyte(rng, noise, layers, inside, centre, radius)
    _specks(rng, noise, layers, inside, radius)
    small = [cv2.resize(layer, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for layer in layers]
    truth = [cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for part in (inside, nucleus)]
    return np.clip(np.stack(small) * 100, 0, 255).astype(np.uint8), np.clip(np.stack(truth) * 255, 0, 255).astype(
        np.uint8
    )


def _fill_leukocyte(rng, noise, layers, inside, nucleus, centre, radius):
    texture = rng.uniform(0.03, 0.4)
    chromatin = 1 + texture * noise.cut(rng, 2, 8) + 0.4 * texture * noise.cut(rng, 1, 2)
    if rng.random() < 0.3:  # a darker or paler rim
        depth = cv2.distanceTransform((nucleus > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        chromatin *= 1 + rng.uniform(-0.35, 0.5) * np.exp(-depth / rng.uniform(2, 6))
    layers[CHROMATIN] += nucleus * np.clip(chromatin, 0.3, 2)
    y, x = np.mgrid[:FINE, :FINE].astype(np.float32)
    out = np.hypot(x - centre[0], y - centre[1]) / radius
    density = 1 + rng.uniform(-0.5, 0.6) * (out - 0.6) + rng.uniform(0.02, 0.35) * noise.cut(rng, 1, 20)
    depth = cv2.distanceTransform((inside > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    if rng.random() < 0.35:  # membrane
        density *= 1 + rng.uniform(-0.5, 1.5) * np.exp(-depth / rng.uniform(1.5, 5))
    if rng.random() < 0.2:  # pale court beside the nucleus
        spread = cv2.GaussianBlur(nucleus, (0, 0), radius * rng.uniform(0.05, 0.2))
        density *= 1 - rng.uniform(0.2, 0.8) * np.clip(spread * 2, 0, 1)
    under = rng.uniform(0, 1)
    layers[CYTOPLASM] += inside * np.clip(density, 0.1, 3) * (1 - nucleus * (1 - under))
    if rng.random() < 0.5:
        _granules(rng, layers, inside, nucleus, radius)
    if rng.random() < 0.25:  # an eosinophil packed with granules too dense to tell apart
        grain = np.clip(1 + rng.uniform(0.05, 0.7) * noise.cut(rng, 1, 4), 0, 2.5)
        where = np.clip(1 + rng.uniform(0, 1) * noise.cut(rng, 8, 20), 0, 1.2)
        layers[EOSIN] += inside * (1 - rng.uniform(0.7, 1) * nucleus) * grain * where * rng.uniform(0.3, 1.1)
    if rng.random() < 0.22:
        holes = np.zeros_like(inside)
        for _ in range(rng.integers(1, 14)):
            place = centre + radius * rng.uniform(0, 1) * unit_vector(rng)
            draw_dot(holes, place, radius * rng.uniform(0.02, 0.13))
        holes = cv2.GaussianBlur(holes, (3, 3), 0)
        for layer in (CHROMATIN, CYTOPLASM, DARK, EOSIN):
            layers[layer] *= 1 - rng.uniform(0.3, 1) * holes


def _granules(rng, layers, inside, nucleus, radius):
    size = rng.choice([0.012, 0.025, 0.05, 0.09]) * rng.uniform(0.7, 1.3)
    count = int(np.clip(rng.uniform(0.1, 0.9) / size**2 * 0.6, 10, 260))
    canvas = np.zeros_like(inside)
    middle = np.argwhere(inside > 0.5)
    for y, x in middle[rng.integers(0, len(middle), count)]:
        draw_dot(canvas, (x, y), radius * size * rng.uniform(0.6, 1.3), rng.uniform(0.5, 1.2))
    canvas = cv2.GaussianBlur(canvas, (3, 3), 0) * inside
    over_nucleus = rng.random() < 0.35
    layers[rng.choice([DARK, EOSIN])] += canvas * (1 if over_nucleus else 1 - nucleus) * rng.uniform(0.3, 1.5)


def _fill_platelet(rng, noise, layers, inside):
    depth = cv2.distanceTransform((inside > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    depth /= max(depth.max(), 1)
    layers[CYTOPLASM] += inside * rng.uniform(0.3, 1.2)
    grain = np.clip(1 + 0.5 * noise.cut(rng, 1, 4), 0, 2) * np.clip(depth * 2 - rng.uniform(0, 0.6), 0, 1)
    layers[DARK] += inside * grain * rng.uniform(0.4, 1.2)


def _red_cells(rng, noise, layer, inside, centre, cell, red_radius):
    crowd = rng.choice([0, 4, 9, 16, 26], p=[0.07, 0.13, 0.3, 0.32, 0.18])
    pallor, sharp = rng.uniform(0, 0.95), rng.uniform(1.5, 6)
    ghosts = rng.random() < 0.15  # only the rims take up stain
    cut_by_cell = rng.random() < 0.6
    keep_off = cv2.dilate(inside, np.ones((3, 3), np.uint8)) if rng.random() < 0.5 else inside
    crenated = rng.random() < 0.1
    overlap = rng.random() < 0.3
    spread = rng.choice([0.02, 0.06, 0.14])
    y, x = np.mgrid[:FINE, :FINE].astype(np.float32)
    touching = rng.integers(0, 10)
    snug = rng.uniform(0.75, 1.05)  # how far off the leukocyte, in radii, those in contact lie
    done = []
    for number in range(crowd):
        size = red_radius * rng.uniform(0.8, 1.15)
        if number < touching:  # in contact with the leukocyte
            angle = rng.uniform(0, TURN)
            reach = np.interp(angle, ANGLES, cell, period=TURN) + size * snug * rng.uniform(0.93, 1.07)
            place = centre + reach * np.array([np.cos(angle), np.sin(angle)])
        else:
            place = rng.uniform(-0.1, 1.1, 2) * FINE
            angle = np.arctan2(place[1] - centre[1], place[0] - centre[0])
            if np.hypot(*(place - centre)) < np.interp(angle, ANGLES, cell, period=TURN) + 0.9 * size:
                continue
        if not overlap and any(np.hypot(*(place - other)) < (size + reach) * 0.95 for other, reach in done):
            continue
        done.append((place, size))
        outline = wavy(rng, size, spread)
        if crenated:
            outline = outline * (1 + 0.12 * np.cos(rng.integers(8, 15) * ANGLES))
        disc = paint(place, outline, rng.uniform(0, TURN), rng.uniform(1, 1.2))
        out = np.hypot(x - place[0], y - place[1]) / size
        if ghosts:
            density = np.exp(-(((out - 0.92) / 0.1) ** 2)) * rng.uniform(0.5, 1) + 0.05
        else:
            density = (1 - pallor * np.exp(-((out * 1.6) ** sharp))) * rng.uniform(0.85, 1.15)
        if cut_by_cell:
            disc = disc * (1 - keep_off)
        layer += disc * density.astype(np.float32)
    layer *= 1 + 0.04 * noise.cut(rng, 1, 8)


def _neighbour_leukocyte(rng, noise, layers, inside, centre, radius):
    for _ in range(rng.integers(1, 3)):
        size = radius * rng.uniform(0.6, 1.3)
        place = centre + (radius + size) * rng.uniform(0.98, 1.8) * unit_vector(rng)
        outline = cell_outline(rng, size)
        body = paint(place, outline) * (1 - inside)
        kernel = draw_nucleus(rng, place, outline, size, body) if body.sum() > 200 else body
        layers[HAEMOGLOBIN] *= 1 - body
        layers[CHROMATIN] += kernel * np.clip(1 + 0.2 * noise.cut(rng, 2, 8), 0.3, 2)
        layers[CYTOPLASM] += body * np.clip(1 + 0.2 * noise.cut(rng, 1, 8), 0.2, 2)


def _specks(rng, noise, layers, inside, radius):
    """Platelets and precipitate around the cell."""
    for _ in range(rng.poisson(2.5)):
        size = FINE * rng.uniform(0.006, 0.035)
        body = paint(rng.uniform(0, 1, 2) * FINE, wavy(rng, size, 0.2)) * (1 - inside)
        layers[rng.choice([CHROMATIN, DARK, CYTOPLASM])] += (
            body * rng.uniform(0.3, 1) * np.clip(1 + 0.3 * noise.cut(rng, 1, 2), 0.2, 2)
        )
    if rng.random() < 0.15:
        layers[DEBRIS] += (
            np.clip(noise.cut(rng, 8, 20) - rng.uniform(0.5, 2), 0, 1) * rng.uniform(0.1, 0.6) * (1 - inside)
        )

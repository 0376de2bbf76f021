"""Nuclei: round, bean-shaped, folded, band and lobed, drawn to a given area inside a cell of a given radius."""

import numpy as np

from leukobench.datasets.phantom.shapes import TURN, circle, dent, ellipse, outline

REACH = 0.93  # nuclei keep within this share of the cell's radius


def draw_nucleus(rng, shape, window, area, cell_radius):
    """Draw a nucleus.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : {"round", "bean", "folded", "band", "bilobed", "segmented"}
        Its form.
    window : Window
        The pixel grid.
    area : float
        Area to aim at, in square micrometres; lobes that overlap come out a little smaller.
    cell_radius : float
        Radius of a disc of the cell's area, in micrometres.

    Returns
    -------
    coverage : ndarray of uint8, shape of the window
    lobes : int
        Number of lobes.
    """
    if shape in ("segmented", "bilobed"):
        lobes = 2 if shape == "bilobed" else int(rng.choice([2, 3, 4, 5], p=[0.15, 0.45, 0.3, 0.1]))
        return _lobed(rng, window, area, cell_radius, lobes), lobes
    if shape == "band":
        return _band(rng, window, area, cell_radius), 1
    return _blob(rng, shape, window, area, cell_radius), 1


def _unit(angle):
    return np.array([np.cos(angle), np.sin(angle)])


def _blob(rng, shape, window, area, cell_radius):
    at = rng.uniform(0, TURN)
    radii = circle(rng, {"round": 0.06, "bean": 0.08, "folded": 0.16}[shape])
    if shape == "bean":
        radii = radii * (1 - rng.uniform(0.25, 0.6) * dent(at, rng.uniform(0.4, 0.8)))
    elif shape == "folded":
        for offset in np.cumsum(rng.uniform(1.2, 2.6, rng.integers(2, 4))):
            radii = radii * (1 - rng.uniform(0.15, 0.5) * dent(at + offset, rng.uniform(0.25, 0.5)))
    points = outline(radii, area)
    points = points - points.mean(0)
    slack = max(REACH * cell_radius - np.hypot(*points.T).max(), 0.0)
    # the notch faces the middle of the cell, the back of the nucleus lies near the membrane
    drift = -_unit(at) if shape == "bean" else _unit(rng.uniform(0, TURN))
    return window.polygons([points + drift * slack * rng.uniform(0.2, 1.0)])


def _band(rng, window, area, cell_radius):
    width = rng.uniform(0.46, 0.62) * np.sqrt(area / 2)
    length = area / width
    bend = min(length / (cell_radius * rng.uniform(0.42, 0.58)), 0.68 * TURN)
    along = np.linspace(-0.5, 0.5, 40)
    heading = bend * along + rng.normal(0, 0.25) * np.sin(TURN * along + rng.uniform(0, TURN)) + rng.uniform(0, TURN)
    path = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1) * (length - width) / len(along), 0)
    half = 0.5 * width * (1 + rng.uniform(0.05, 0.22) * np.cos(2 * TURN * along + rng.uniform(-0.6, 0.6)))
    path = _within(path - path.mean(0), half, cell_radius)
    return window.discs(path, half)


def _lobed(rng, window, area, cell_radius, count):
    share = rng.uniform(0.6, 1.4, count)
    radius = np.sqrt(area * share / share.sum() / np.pi)
    step = (radius[:-1] + radius[1:]) * rng.uniform(0.95, 1.35, count - 1)
    curl = rng.choice([-1, 1]) * rng.uniform(0.6, 1.2) * 4.6 / count
    heading = rng.uniform(0, TURN) + curl * np.arange(count) + rng.normal(0, 0.3, count)
    moves = step[:, None] * np.stack([np.cos(heading), np.sin(heading)], 1)[:-1]
    centres = np.vstack([np.zeros((1, 2)), np.cumsum(moves, 0)])
    centres = centres - np.average(centres, axis=0, weights=share)
    centres = _within(centres + rng.normal(0, 0.08 * cell_radius, 2), radius, cell_radius)
    stretch = rng.uniform(1.0, 1.28, count)
    lobes = [ellipse(rng, *lobe) for lobe in zip(centres, radius, stretch, heading, strict=True)]
    strand = window.line(centres, rng.uniform(0.4, 0.9))
    return np.maximum(window.polygons(lobes), strand)


def _within(centres, radii, cell_radius):
    """Pull discs back into the cell."""
    distance = np.maximum(np.hypot(*centres.T), 1e-6)
    room = np.maximum(REACH * cell_radius - radii, 0.0)
    return centres * np.minimum(1.0, room / distance)[:, None]


def crease(rng, window, cell_radius):
    """Draw the fold that runs over a monocyte's nucleus, as coverage."""
    at, bow = rng.uniform(0, TURN), rng.uniform(-0.4, 0.4)
    along = np.linspace(-0.6, 0.6, 12)[:, None] * cell_radius
    points = along * _unit(at) + bow * cell_radius * (1 - (along / cell_radius / 0.6) ** 2) * _unit(at + TURN / 4)
    return window.line(points + rng.normal(0, 0.15 * cell_radius, 2), 0.25)

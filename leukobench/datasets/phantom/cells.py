"""The drawing of one leukocyte, as stain concentrations with an exact mask."""

from dataclasses import dataclass

import numpy as np

from leukobench.datasets.phantom.kinds import CELLS, TYPICAL
from leukobench.datasets.phantom.nuclei import crease, draw_nucleus
from leukobench.datasets.phantom.shapes import Window, circle, outline, press

AZURE, EOSIN, HAEMOGLOBIN = range(3)


@dataclass(frozen=True)
class Leukocyte:
    """One drawn cell.

    Parameters
    ----------
    stain : ndarray of float32, shape (side, side, 3)
        Concentrations of azure, eosin and haemoglobin-like orange.
    coverage : ndarray of float32, shape (side, side)
        0 outside to 1 inside the cell.
    mask : ndarray of uint8, shape (side, side)
        0 background, 1 cytoplasm, 2 nucleus.
    code, form : str
        What was drawn: keys of `CELLS` and of its forms.
    diameter : float
        Diameter of a disc of the cell's area, in micrometres.
    nucleus_shape : str
    lobes : int
    """

    stain: np.ndarray
    coverage: np.ndarray
    mask: np.ndarray
    code: str
    form: str
    diameter: float
    nucleus_shape: str
    lobes: int


def draw_leukocyte(rng, code, um_per_px, scale=1.0, unusual=0.0, granularity=1.0):
    """Draw one leukocyte.

    Parameters
    ----------
    rng : numpy.random.Generator
    code : str
        Key of `CELLS`.
    um_per_px : float
        Size of a pixel.
    scale : float, default 1.0
        Flattening on the smear: how much larger than usual the cell lies there.
    unusual : float, default 0.0
        How often another form than the typical one is drawn.
    granularity : float, default 1.0
        How strongly the stain brings out granules.

    Returns
    -------
    Leukocyte
    """
    others = [form for form in CELLS[code] if form != TYPICAL]
    form = str(rng.choice(others)) if rng.random() < unusual else TYPICAL
    kind = CELLS[code][form]
    diameter = scale * _between(rng, *kind.diameter)
    radius = diameter / 2
    window = Window(1.55 * radius + 0.5, um_per_px)
    radii = press(rng, circle(rng, kind.roughness), rng.integers(0, 4))
    edge = outline(radii, np.pi * radius**2)
    cell = window.polygons([edge])
    shape = str(rng.choice(list(kind.nuclei), p=list(kind.nuclei.values())))
    share = _between(rng, *kind.nc_ratio)
    nucleus, lobes = draw_nucleus(rng, shape, window, share * np.pi * radius**2, radius)
    nucleus = np.minimum(nucleus, window.polygons([edge * 0.95]))
    mask = (cell >= 128).astype(np.uint8) + (nucleus >= 128)
    coverage = cell.astype(np.float32) / 255
    stain = _fill(rng, kind, window, coverage, nucleus.astype(np.float32) / 255, mask, shape, radius, granularity)
    return Leukocyte(stain, coverage, mask, code, form, diameter, shape, lobes)


def _between(rng, low, high):
    """Draw from a bell over a range; never outside it."""
    return low + (high - low) * rng.beta(2.0, 2.0)


def _fill(rng, kind, window, coverage, nucleus, mask, shape, radius, granularity):
    """Lay stain into a cell: cytoplasm, granules, vacuoles and nucleus."""
    stain = np.zeros((*window.shape, 3), np.float32)
    depth = window.blur(coverage, 0.9)  # falls towards the membrane
    body = coverage * (1 + kind.mottling * window.texture(rng, 0.35) + 0.1 * window.texture(rng, 2.0))
    body = body * (1 + kind.rim * (1 - depth) * 2) * np.exp(rng.normal(0, 0.16))
    chromatin = nucleus * _chromatin(rng, kind, window, nucleus, shape, radius) * np.exp(rng.normal(0, 0.10))
    bubbles = _vacuoles(rng, kind, window, mask)
    granules = _granules(rng, kind.granules, window, mask, radius) * coverage
    in_body = body * (1 - 0.85 * nucleus) * (1 - bubbles)
    tint = np.exp(rng.normal(0, 0.10, 2))  # cells of one smear take the stains unequally
    for channel in (AZURE, EOSIN):
        stain[..., channel] = kind.cytoplasm[channel] * tint[channel] * in_body + kind.chromatin[channel] * chromatin
    if kind.granules:
        shade = granules * (1 - 0.9 * bubbles) * granularity * np.exp(rng.normal(0, 0.14))
        stain += shade[..., None] * np.array(kind.granules.stain, np.float32)
    return np.maximum(stain, 0)


def _chromatin(rng, kind, window, nucleus, shape, radius):
    """Chromatin density: clumps, a darker nuclear membrane, and folds in monocytes."""
    grain, contrast = kind.clumping
    clumps = window.texture(rng, grain) + 0.7 * window.texture(rng, 2.2 * grain)
    density = 1 + contrast * clumps + 0.5 * nucleus * (1 - window.blur(nucleus, 0.22))
    if shape == "folded":
        density = density * (1 + 0.25 * window.blur(crease(rng, window, radius).astype(np.float32) / 255, 0.12))
    return np.maximum(density, 0.35)


def _vacuoles(rng, kind, window, mask):
    """Coverage of vacuoles, empty bubbles in the cytoplasm."""
    count = rng.integers(*kind.vacuoles)
    rows, columns = np.nonzero(mask == 1)
    if not count or not len(rows):
        return np.zeros(window.shape, np.float32)
    at = rng.integers(0, len(rows), count)
    centres = (np.stack([columns[at], rows[at]], 1) - window.half_px) * window.um_per_px
    bubbles = window.discs(centres, rng.uniform(0.18, 0.62, count))
    return window.blur(bubbles.astype(np.float32) / 255, 0.08) * 0.9


def _granules(rng, granules, window, mask, radius):
    """Height of granules, 0 to about 1; they crowd in one part of the cell more than in another."""
    if granules is None:
        return np.zeros(window.shape, np.float32)
    region = mask > 0 if granules.over_nucleus else mask == 1
    centres = window.scatter(rng, granules.spacing, rng.uniform(*granules.fill), region)
    crowd = rng.normal(0, 0.25, 2) @ centres.T / radius
    centres = centres[rng.random(len(centres)) < 0.9 + crowd]
    drawn = window.discs(centres, rng.uniform(*granules.radius, len(centres)), rng.uniform(120, 255, len(centres)))
    return drawn.astype(np.float32) / 255

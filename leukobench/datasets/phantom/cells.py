"""The five classes as numbers, and the drawing of one leukocyte as stain concentrations.

Sizes follow the textbooks for dried smears (Bain, Blood Cells, 5th ed.): lymphocytes 7 to 12 um, neutrophils and
eosinophils 12 to 15, basophils 10 to 14, monocytes 15 to 20. Concentrations are in units of the stain vectors of
`domains`; they were set so that the optical densities come near those of the expert-masked CVB pictures.
"""

from dataclasses import dataclass

import numpy as np

from leukobench.datasets.phantom.nuclei import crease, draw_nucleus
from leukobench.datasets.phantom.shapes import Window, circle, outline, press

AZURE, EOSIN, HAEMOGLOBIN = range(3)


@dataclass(frozen=True)
class Granules:
    """Granules of one kind.

    Parameters
    ----------
    stain : tuple of float
        Concentrations of azure, eosin and haemoglobin-like orange at full height.
    radius : tuple of float
        Smallest and largest radius in micrometres.
    spacing : float
        Distance of neighbours in micrometres.
    fill : tuple of float
        Smallest and largest share of places that hold a granule.
    over_nucleus : bool
        Whether they also lie over the nucleus.
    """

    stain: tuple
    radius: tuple
    spacing: float
    fill: tuple
    over_nucleus: bool = False


@dataclass(frozen=True)
class CellKind:
    """One class of leukocytes.

    Parameters
    ----------
    diameter : tuple of float
        Range of the diameter of a disc of the cell's area, in micrometres.
    nc_ratio : tuple of float
        Range of nucleus area over cell area.
    nuclei : dict of str to float
        Shapes of the nucleus and how often they come.
    chromatin : tuple of float
        Concentrations of azure and eosin in the nucleus.
    clumping : tuple of float
        Width of the chromatin's grains in micrometres and their contrast.
    cytoplasm : tuple of float
        Concentrations of azure and eosin in the cytoplasm.
    mottling : float
        Contrast of the cytoplasm.
    rim : float
        Share by which the cytoplasm's edge is darker (lighter if negative).
    granules : Granules or None
    vacuoles : tuple of int
        Range of their number.
    roughness : float
        Unevenness of the cell's outline.
    """

    diameter: tuple
    nc_ratio: tuple
    nuclei: dict
    chromatin: tuple
    clumping: tuple
    cytoplasm: tuple
    mottling: float
    rim: float
    granules: Granules | None
    vacuoles: tuple = (0, 1)
    roughness: float = 0.06


def _neutrophil(nuclei):
    fine = Granules((0.30, 0.34, 0.0), (0.10, 0.20), 0.48, (0.15, 0.75))
    return CellKind(
        (12, 15), (0.28, 0.42), nuclei, (1.12, 1.00), (0.55, 0.16), (0.13, 0.17), 0.16, 0.05, fine, (0, 3), 0.07
    )


CELLS = {
    "SNE": _neutrophil({"segmented": 1.0}),
    "BNE": _neutrophil({"band": 0.9, "bean": 0.1}),
    "EO": CellKind(
        diameter=(12, 15),
        nc_ratio=(0.26, 0.42),
        nuclei={"bilobed": 0.78, "segmented": 0.16, "band": 0.06},
        chromatin=(0.86, 0.74),
        clumping=(0.6, 0.14),
        cytoplasm=(0.12, 0.16),
        mottling=0.12,
        rim=0.0,
        granules=Granules((0.18, 0.62, 0.40), (0.30, 0.46), 0.72, (0.45, 0.97)),
        vacuoles=(0, 4),
    ),
    "BA": CellKind(
        diameter=(10, 14),
        nc_ratio=(0.38, 0.62),
        nuclei={"bilobed": 0.35, "folded": 0.35, "round": 0.15, "bean": 0.15},
        chromatin=(0.72, 0.58),
        clumping=(0.7, 0.12),
        cytoplasm=(0.20, 0.20),
        mottling=0.2,
        rim=0.1,
        granules=Granules((0.80, 0.85, 0.0), (0.28, 0.50), 0.80, (0.25, 0.9), over_nucleus=True),
        vacuoles=(0, 5),
        roughness=0.09,
    ),
    "LY": CellKind(
        diameter=(7, 12),
        nc_ratio=(0.50, 0.88),
        nuclei={"round": 0.78, "bean": 0.16, "folded": 0.06},
        chromatin=(0.98, 0.82),
        clumping=(0.8, 0.10),
        cytoplasm=(0.36, 0.12),
        mottling=0.14,
        rim=0.35,
        granules=None,
        vacuoles=(0, 2),
        roughness=0.08,
    ),
    "MO": CellKind(
        diameter=(15, 20),
        nc_ratio=(0.34, 0.58),
        nuclei={"bean": 0.42, "folded": 0.42, "round": 0.1, "band": 0.06},
        chromatin=(0.74, 0.62),
        clumping=(0.42, 0.22),
        cytoplasm=(0.30, 0.17),
        mottling=0.2,
        rim=0.1,
        granules=Granules((0.16, 0.18, 0.0), (0.08, 0.15), 0.55, (0.0, 0.35)),
        vacuoles=(0, 14),
        roughness=0.16,
    ),
}


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
    kind : str
        Key of `CELLS`.
    diameter : float
        Diameter of a disc of the cell's area, in micrometres.
    nucleus_shape : str
    lobes : int
    """

    stain: np.ndarray
    coverage: np.ndarray
    mask: np.ndarray
    kind: str
    diameter: float
    nucleus_shape: str
    lobes: int


def draw_leukocyte(rng, name, um_per_px, scale=1.0):
    """Draw one leukocyte.

    Parameters
    ----------
    rng : numpy.random.Generator
    name : str
        Key of `CELLS`.
    um_per_px : float
        Size of a pixel.
    scale : float, default 1.0
        Flattening on the smear: how much larger than usual the cell lies there.

    Returns
    -------
    Leukocyte
    """
    kind = CELLS[name]
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
    stain = _fill(rng, kind, window, coverage, nucleus.astype(np.float32) / 255, mask, shape, radius)
    return Leukocyte(stain, coverage, mask, name, diameter, shape, lobes)


def _between(rng, low, high):
    """Draw from a bell over a range; never outside it."""
    return low + (high - low) * rng.beta(2.0, 2.0)


def _fill(rng, kind, window, coverage, nucleus, mask, shape, radius):
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
        shade = granules * (1 - 0.9 * bubbles) * np.exp(rng.normal(0, 0.14))
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

"""Granulometry and Gabor energies of nucleus and cytoplasm, on a grid that makes every cell equally large.

s: standard deviation of grey in the region on the grid, 48 x 48 over the bounding square of the cell.
"""

import numpy as np
from scipy import ndimage

from leukobench.features.part import FeaturePart, features_from
from leukobench.features.tables import (
    GABOR_ORIENTATIONS,
    GABOR_WAVELENGTHS,
    GABOR_WIDTH,
    GRANULE_SIDES,
    GREY_WEIGHTS,
    GRID,
    NO_SPREAD,
)

_GRANULES = {
    "bright": "mean of (opening by the next smaller square - by {0} x {0}) / s on the grid",
    "dark": "mean of (closing by {0} x {0} - by the next smaller square) / s on the grid",
}
_GABOR = "{} over 4 orientations of the share of s^2 that a Gabor filter of wavelength {} passes, on the grid"


def _grid():
    for polarity, formula in _GRANULES.items():
        for side in GRANULE_SIDES:
            yield f"granules_{polarity}_{side}", "1", "rotation scale", formula.format(side), "Maragos 1989"
    for wavelength in GABOR_WAVELENGTHS:
        for over in ("mean", "range"):
            formula = _GABOR.format(over, wavelength)
            yield f"gabor_{wavelength}_{over}", "1", "rotation scale", formula, "Jain 1991"


GRID_TEXTURE = tuple(_grid())


def grid_part(image, mask):
    """Granulometry and Gabor energies of each region on the grid."""
    grey = (image.astype(np.int64) @ np.array(GREY_WEIGHTS) + 32768) >> 16
    row = {}
    for name, region in (("nucleus", mask == 2), ("cytoplasm", mask == 1)):
        if not region.any():
            continue
        values, inside = on_grid(grey, region, mask > 0)
        if not inside.any():
            continue
        values = np.where(inside, values - values[inside].mean(), 0.0)
        variance = (values[inside] ** 2).mean()
        if variance < (255 * NO_SPREAD) ** 2:
            continue
        values /= np.sqrt(variance)
        row |= {f"{name}_granules_bright_{k}": v for k, v in granules(values, inside).items()}
        row |= {f"{name}_granules_dark_{k}": v for k, v in granules(-values, inside).items()}
        row |= {f"{name}_gabor_{k}": v for k, v in _gabor_energies(values).items()}
    return row


def on_grid(grey, region, cell):
    """Mean grey of the region in each cell of the grid, and where the region fills more than half of that cell.

    The grid lies over the bounding square of the cell. Lengths are counted in 1 / (2 GRID) of a pixel: all are whole.
    """
    rows, columns = np.flatnonzero(cell.any(1)), np.flatnonzero(cell.any(0))
    side = max(np.ptp(rows), np.ptp(columns)) + 1
    down = _overlaps(GRID * (rows[0] + rows[-1] + 1 - side), side, cell.shape[0])
    across = _overlaps(GRID * (columns[0] + columns[-1] + 1 - side), side, cell.shape[1])
    total = down @ (grey * region) @ across.T
    covered = down @ region.astype(np.int64) @ across.T
    inside = 2 * covered > (2 * side) ** 2
    return np.divide(total, covered, where=inside, out=np.zeros((GRID, GRID))), inside


def _overlaps(start, side, pixels):
    """Length that each cell of the grid shares with each pixel along one axis."""
    cell, pixel = start + 2 * side * np.arange(GRID)[:, None], 2 * GRID * np.arange(pixels)
    return np.maximum(np.minimum(cell + 2 * side, pixel + 2 * GRID) - np.maximum(cell, pixel), 0)


def granules(values, inside):
    """What is lost in the mean from one opening to the next; what lies outside is left out of each window."""
    left, row = values[inside].mean(), {}
    for side in GRANULE_SIDES:
        square = {"size": (side, side), "mode": "constant"}
        eroded = ndimage.grey_erosion(np.where(inside, values, np.inf), cval=np.inf, **square)
        opened = ndimage.grey_dilation(np.where(inside, eroded, -np.inf), cval=-np.inf, **square)
        row[side] = left - opened[inside].mean()
        left = opened[inside].mean()
    return row


def _gabor_energies(values):
    """Mean and range over orientations of the share of power that a real Gabor filter passes; zero mean is given."""
    power = abs(np.fft.fft2(values)) ** 2
    power[GRID // 2] = power[:, GRID // 2] = 0.0  # the highest frequencies have no sign
    v, u = np.meshgrid(np.fft.fftfreq(GRID), np.fft.fftfreq(GRID), indexing="ij")
    row = {}
    for wavelength in GABOR_WAVELENGTHS:
        shares = []
        for angle in np.arange(GABOR_ORIENTATIONS) * np.pi / GABOR_ORIENTATIONS:
            passed = 0.0
            for sign in (1, -1):
                distance = np.hypot(v - sign * np.sin(angle) / wavelength, u - sign * np.cos(angle) / wavelength)
                passed += (power * np.exp(-((2 * np.pi * GABOR_WIDTH * wavelength * distance) ** 2))).sum()
            shares.append(passed / (GRID**2 * (values**2).sum()))
        row[f"{wavelength}_mean"], row[f"{wavelength}_range"] = np.mean(shares), np.ptp(shares)
    return row


PART = FeaturePart(
    "grid",
    features_from(GRID_TEXTURE, "nucleus", "cytoplasm", group="texture"),
    grid_part,
    sets=("extended",),
    version="1",
    numba="leukobench.features.backends.cpu.grid:grid_part",
    cuda="grid.cu",
)

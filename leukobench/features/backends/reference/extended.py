"""Extended features of the reference backend: Zernike moments; granules and Gabor energies on a fixed grid."""

import numpy as np
from scipy import ndimage

from leukobench.features.definitions import GABOR_WAVELENGTHS, GRANULE_SIDES, ZERNIKE, ZERNIKE_ORDER
from leukobench.features.tables import GABOR_ORIENTATIONS, GABOR_WIDTH, GREY_WEIGHTS, GRID, NO_SPREAD, ZERNIKE_XY


def zernike_part(mask):
    """Magnitudes of the Zernike moments of nucleus and cell."""
    row = {}
    for name, region in (("nucleus", mask == 2), ("cell", mask > 0)):
        if region.any():
            magnitudes = zernike_magnitudes(region)
            row |= {f"{name}_zernike_{n}_{m}": v for (n, m), v in zip(ZERNIKE, magnitudes, strict=True)}
    return row


def zernike_magnitudes(region):
    """|Z_nm| of the pixel squares, integrated exactly, in the disc about the centroid that just holds them."""
    y, x = np.nonzero(region)
    v, u = y - y.mean(), x - x.mean()
    radius = np.hypot(abs(v) + 0.5, abs(u) + 0.5).max()
    p = np.arange(1, ZERNIKE_ORDER + 2)[:, None]
    down = (((v + 0.5) / radius) ** p - ((v - 0.5) / radius) ** p) / p
    across = (((u + 0.5) / radius) ** p - ((u - 0.5) / radius) ** p) / p
    moments = across @ down.T
    return abs((ZERNIKE_XY * moments).sum((1, 2))) / np.pi


def grid_part(image, regions):
    """Granulometry and Gabor energies of each region on the grid."""
    grey = (image.astype(np.int64) @ np.array(GREY_WEIGHTS) + 32768) >> 16
    cell = np.logical_or.reduce(list(regions.values()))
    row = {}
    for name, region in regions.items():
        values, inside = on_grid(grey, region, cell)
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

"""Power spectrum on the grid, and what Gabor filters pass of it."""

import numpy as np
from numba import njit

from leukobench.features.backends.cpu.spaces import VECTOR
from leukobench.features.tables import GABOR_WEIGHTS, GRID

_WAVELENGTHS, _ORIENTATIONS, _, _HALF = GABOR_WEIGHTS.shape
_PHASE = 2 * np.pi * np.arange(GRID)[:, None] * np.arange(GRID) / GRID
_COS, _SIN = np.cos(_PHASE), np.sin(_PHASE)


@njit(nogil=True)
def gabor_energies(values, inside, cells, out):
    """Mean and range over orientations of the share of power that each wavelength's filters pass."""
    real, imaginary = np.zeros((GRID, _HALF)), np.zeros((GRID, _HALF))
    for y in range(GRID):
        for x in range(GRID):
            if inside[y + 1, x + 1]:
                _add_wave(real[y], imaginary[y], np.float64(values[y + 1, x + 1]), _COS[x], _SIN[x])
    passed = np.zeros((_WAVELENGTHS, _ORIENTATIONS))
    re, im = np.empty(_HALF), np.empty(_HALF)
    for v in range(GRID):
        re[:], im[:] = 0.0, 0.0
        for y in range(GRID):
            _add_row(re, im, real[y], imaginary[y], _COS[v, y], _SIN[v, y])
        for u in range(_HALF):
            re[u] = re[u] * re[u] + im[u] * im[u]
        for k in range(_WAVELENGTHS):
            for d in range(_ORIENTATIONS):
                passed[k, d] += _dot(re, GABOR_WEIGHTS[k, d, v])
    for k in range(_WAVELENGTHS):
        share = passed[k] / (GRID * GRID * cells)
        out[2 * k], out[2 * k + 1] = share.mean(), share.max() - share.min()


@njit(**VECTOR)
def _add_wave(real, imaginary, value, cos, sin):
    for u in range(_HALF):
        real[u] += value * cos[u]
        imaginary[u] -= value * sin[u]


@njit(**VECTOR)
def _add_row(re, im, real, imaginary, cos, sin):
    for u in range(_HALF):
        re[u] += cos * real[u] + sin * imaginary[u]
        im[u] += cos * imaginary[u] - sin * real[u]


@njit(**VECTOR)
def _dot(power, weights):
    total = 0.0
    for u in range(_HALF):
        total += power[u] * weights[u]
    return total

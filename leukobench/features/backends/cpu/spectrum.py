"""Power spectrum on the grid, and what Gabor filters pass of it."""

import numpy as np
from numba import njit

from leukobench.features.backends.cpu.spaces import VECTOR
from leukobench.features.tables import GABOR_WEIGHTS, GRID

_WAVELENGTHS, _ORIENTATIONS = GABOR_WEIGHTS.shape[:2]
_HALF = GRID // 2
"""Frequencies down and across that are below the highest, which has no weight."""
_FOLDED = _HALF + 1
_PHASE = 2 * np.pi * np.arange(_FOLDED)[:, None] * np.arange(_HALF) / GRID
_COS, _SIN = np.cos(_PHASE), np.sin(_PHASE)
_COS_DOWN, _SIN_DOWN = _COS.T.copy(), _SIN.T.copy()
_WEIGHTS = GABOR_WEIGHTS[..., :_HALF].reshape(_WAVELENGTHS, _ORIENTATIONS, -1).copy()


@njit(nogil=True)
def gabor_energies(values, cells, out):
    """Mean and range over orientations of the share of power that each wavelength's filters pass.

    From the middle on, cosines are mirrored and sines also change their sign: so sums and differences of mirrored
    values are all that waves are multiplied by, first down, then across.
    """
    even, odd = np.zeros((_FOLDED, GRID)), np.zeros((_FOLDED, GRID))
    even[0], even[_HALF] = values[0], values[_HALF]
    for y in range(1, _HALF):
        for x in range(GRID):
            even[y, x] = np.float64(values[y, x]) + np.float64(values[GRID - y, x])
            odd[y, x] = np.float64(values[y, x]) - np.float64(values[GRID - y, x])
    waves = np.empty((GRID, GRID))
    _multiply(_COS_DOWN, even, waves[:_HALF])
    _multiply(_SIN_DOWN, odd, waves[_HALF:])
    even, odd = np.zeros((GRID, _FOLDED)), np.zeros((GRID, _FOLDED))
    for v in range(GRID):
        even[v, 0], even[v, _HALF] = waves[v, 0], waves[v, _HALF]
        for x in range(1, _HALF):
            even[v, x], odd[v, x] = waves[v, x] + waves[v, GRID - x], waves[v, x] - waves[v, GRID - x]
    cosines, sines = np.empty((GRID, _HALF)), np.empty((GRID, _HALF))
    _multiply(even, _COS, cosines)
    _multiply(odd, _SIN, sines)
    power = np.zeros((GRID, _HALF))
    for v in range(_HALF):
        for u in range(_HALF):
            a, b, c, d = cosines[v, u], sines[v, u], cosines[_HALF + v, u], sines[_HALF + v, u]
            power[-v, u] = (a + d) ** 2 + (c - b) ** 2
            power[v, u] = (a - d) ** 2 + (c + b) ** 2
    share = np.empty(_ORIENTATIONS)
    for k in range(_WAVELENGTHS):
        for d in range(_ORIENTATIONS):
            share[d] = _dot(power.ravel(), _WEIGHTS[k, d]) / (GRID * GRID * cells)
        out[2 * k], out[2 * k + 1] = share.mean(), share.max() - share.min()


@njit(**VECTOR)
def _multiply(a, b, out):
    """Matrix product over `_FOLDED` terms: of a constant number, so that the compiler keeps sums in registers."""
    for i in range(np.uint64(out.shape[0])):
        for j in range(np.uint64(out.shape[1])):
            total = 0.0
            for k in range(np.uint64(_FOLDED)):
                total += a[i, k] * b[k, j]
            out[i, j] = total


@njit(**VECTOR)
def _dot(power, weights):
    total = 0.0
    for i in range(len(power)):
        total += power[i] * weights[i]
    return total

"""Zernike moments from runs: a run is a rectangle, whose moments are products of integrals along its sides."""

import numpy as np
from numba import njit

from leukobench.features.backends.cpu.runs import CELL, NUCLEUS, centroid
from leukobench.features.tables import ZERNIKE_XY

_SIZE = ZERNIKE_XY.shape[1]
_ORDERS = len(ZERNIKE_XY)
_REAL, _IMAGINARY = ZERNIKE_XY.real.copy(), ZERNIKE_XY.imag.copy()


@njit(nogil=True, forceinline=True)
def zernike_part(cell, out):
    """The part `zernike`: nucleus, then cell."""
    _magnitudes(cell.runs[NUCLEUS], cell.counts[NUCLEUS], out[:_ORDERS])
    _magnitudes(cell.runs[CELL], cell.counts[CELL], out[_ORDERS:])


@njit(nogil=True)
def _magnitudes(runs, n, out):
    if n == 0:
        return
    y0, x0, _ = centroid(runs, n)
    reach = 0.0
    for k in range(n):
        y, x = abs(runs[k, 0] - y0) + 0.5, max(x0 - runs[k, 1], runs[k, 2] - 1 - x0) + 0.5
        reach = max(reach, y * y + x * x)
    radius = np.sqrt(reach)
    moments, across, down = np.zeros((_SIZE, _SIZE)), np.empty(_SIZE), np.empty(_SIZE)
    for k in range(n):
        _integrate_powers((runs[k, 1] - 0.5 - x0) / radius, (runs[k, 2] - 0.5 - x0) / radius, across)
        _integrate_powers((runs[k, 0] - 0.5 - y0) / radius, (runs[k, 0] + 0.5 - y0) / radius, down)
        for p in range(_SIZE):
            for q in range(_SIZE - p):
                moments[p, q] += across[p] * down[q]
    for k in range(_ORDERS):
        real, imaginary = 0.0, 0.0
        for p in range(_SIZE):
            for q in range(_SIZE - p):
                real += _REAL[k, p, q] * moments[p, q]
                imaginary += _IMAGINARY[k, p, q] * moments[p, q]
        out[k] = np.sqrt(real * real + imaginary * imaginary) / np.pi


@njit(nogil=True)
def _integrate_powers(a, b, out):
    """Integrals of t^0 ... t^8 from a to b."""
    low, high = a, b
    for p in range(_SIZE):
        out[p] = (high - low) / (p + 1)
        low, high = low * a, high * b

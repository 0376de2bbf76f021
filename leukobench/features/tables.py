"""Numbers that every backend shares: colour matrices, look-up tables over one byte, integer weights.

The CPU kernels hold them as constants, the CUDA kernels get them uploaded, the reference uses those that fix a
definition (grey value, grey levels, LBP weights).
"""

from math import comb, factorial

import numpy as np

GREY_WEIGHTS = (13926, 46885, 4725)
"""Luma of ITU-R BT.709 as scikit-image has it, in 1/65536: grey = (w . rgb + 32768) >> 16."""

GLCM_LEVELS = 32
GLCM_SHIFT = 3
"""Grey level of the co-occurrence matrix = grey >> 3."""

LBP_SIDE, LBP_DIAGONAL = 29, 70
"""A diagonal neighbour at radius 1 lies at (cos 45, sin 45); bilinear interpolation compares it with the centre c by
(sqrt(2) - 1) ((h - c) + (v - c)) + (d - c) >= 0, h, v, d the pixels beside, above and across. 29/70 is sqrt(2) - 1 to
7e-5, and makes the comparison one of integers that fit 16 bits: the same on every machine."""

PERCENTS = (10, 25, 50, 75, 90)
PERCENTILE_BINS = 512
PERCENTILE_PART = 256
"""A pixel counts for the two nearest of the 513 nodes of a channel, in proportion, in 1/256: percentiles then move
smoothly with the values, in integers whose sum does not depend on order."""
PERCENTILE_RANGES = ((0.0, 100.0), (-128.0, 128.0), (-128.0, 128.0), (0.0, 1.0))
"""Ranges of lab_l, lab_a, lab_b and hsv_s, from the first node to the last."""

_unit = np.arange(256) / 255.0

SRGB_TO_LINEAR = np.where(_unit > 0.04045, ((_unit + 0.055) / 1.055) ** 2.4, _unit / 12.92).astype(np.float32)
OPTICAL_DENSITY = (np.log(np.maximum(_unit, 1e-6)) / np.log(1e-6)).astype(np.float32)

D65 = np.array([0.95047, 1.0, 1.08883])
XYZ_FROM_RGB = (
    np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
    / D65[:, None]
).astype(np.float32)
"""Linear sRGB to X/Xn, Y/Yn, Z/Zn."""

_RGB_FROM_HED = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
HED_FROM_OD = np.linalg.inv(_RGB_FROM_HED).astype(np.float32)
"""Ruifrok and Johnston's stain separation: row vector of optical densities times this."""


def _uniform_patterns():
    """Byte of eight comparisons -> number of neighbours up if at most two changes around the circle, else 9."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(1)
    return np.where(changes <= 2, bits.sum(1), 9).astype(np.uint8)


LBP_RIU2 = _uniform_patterns()

NO_SPREAD = 1e-6
"""Below this share of a channel's range a standard deviation is rounding, and counts as none; as close to a jump of the
hue (from 1 to 0 at red, or at the cut) a hue lies beyond it."""

NO_CHROMA = 5e-5
"""The same for a and b, where the six digits of the matrix above leave greys between black and white a deviation of
2e-5; hues whose mean on the circle is shorter point nowhere."""


ZERNIKE_ORDER = 8
ZERNIKE = tuple((n, m) for n in range(ZERNIKE_ORDER + 1) for m in range(n % 2, n + 1, 2) if (n, m) != (1, 1))
"""Degree and angular order; (1, 1) is zero about the centroid."""


def _zernike_polynomials():
    """(n + 1) V*_nm as a polynomial of x and y: coefficients of x^p y^q, of shape (orders, 9, 9), complex integers."""
    coefficients = np.zeros((len(ZERNIKE), ZERNIKE_ORDER + 1, ZERNIKE_ORDER + 1), complex)
    for of, (n, m) in zip(coefficients, ZERNIKE, strict=True):
        for s in range((n - m) // 2 + 1):
            h = (n - m) // 2 - s  # the term of R_nm in r^(m + 2h) becomes (x - iy)^m (x^2 + y^2)^h
            c = (-1) ** s * factorial(n - s) // (factorial(s) * factorial((n + m) // 2 - s) * factorial(h))
            for j in range(h + 1):
                for k in range(m + 1):
                    of[2 * (h - j) + m - k, 2 * j + k] += (n + 1) * c * comb(h, j) * comb(m, k) * (-1j) ** k
    return coefficients


ZERNIKE_XY = _zernike_polynomials()

GRID = 48
"""Cells per side of the grid that granulometry and Gabor filters see."""
GRANULE_SIDES = (3, 5, 7, 9)
"""From 3 by steps of 2: the kernels let a square grow by one cell all around."""
GABOR_WAVELENGTHS = (4, 8, 16)
GABOR_WIDTH = 0.56
"""Standard deviation of a Gabor filter's Gaussian in wavelengths: a bandwidth of one octave."""
GABOR_ORIENTATIONS = 4


def _gabor_weights():
    """Power that each Gabor filter passes of each frequency (down, across >= 0), negative ones counted with it.

    Shape (wavelengths, orientations, GRID, GRID / 2 + 1). The highest frequencies have no sign and get no weight.
    """
    f = np.fft.fftfreq(GRID)[:, None, None, None], np.arange(GRID // 2 + 1)[:, None, None] / GRID
    wavelength, angle = np.array(GABOR_WAVELENGTHS)[:, None], np.arange(GABOR_ORIENTATIONS) * np.pi / GABOR_ORIENTATIONS
    centre = np.sin(angle) / wavelength, np.cos(angle) / wavelength
    falloff = (2 * np.pi * GABOR_WIDTH * wavelength) ** 2
    weights = sum(
        np.exp(-falloff * ((f[0] - sign * centre[0]) ** 2 + (f[1] - sign * centre[1]) ** 2)) for sign in (1, -1)
    )
    weights[:, 1:] *= 2  # the column of frequency zero holds both signs itself
    weights[GRID // 2] = weights[:, -1] = 0
    return np.ascontiguousarray(weights.transpose(2, 3, 0, 1)).astype(np.float32)


GABOR_WEIGHTS = _gabor_weights()

"""Colour conversion of a block of pixels, in float32 loops that the compiler turns into vector code.

A block is one flat float32 array of rows of BLOCK values, a row per channel. Flat, with constant row starts: so the
compiler sees that rows do not overlap. Channels are scaled to span about 1; Lab is divided by 100.
"""

import numpy as np
from numba import njit

from leukobench.features.tables import HED_FROM_OD, NO_SPREAD, OPTICAL_DENSITY, SRGB_TO_LINEAR, XYZ_FROM_RGB

BLOCK = 512
CHANNELS = 12
R, G, B, HUE, SAT, VAL, LIGHT, A_STAR, B_STAR, STAIN_H, STAIN_E, STAIN_D = (k * BLOCK for k in range(CHANNELS))
X, Y, Z, OD_R, OD_G, OD_B = (k * BLOCK for k in range(CHANNELS, CHANNELS + 6))
ROWS = CHANNELS + 6

VECTOR = {"nogil": True, "fastmath": {"reassoc", "contract", "nsz", "nnan"}, "error_model": "numpy"}
"""Free order of sums and no care for NaN; divisions stay exact."""

_LINEAR_AND_DENSITY = np.stack([SRGB_TO_LINEAR, OPTICAL_DENSITY], 1).view(np.uint64)[:, 0].copy()
"""Both floats of a byte in one number: a processor looks up as many of these as of single ones."""

_F = np.float32
_ZERO, _ONE, _CUT, _THIRD, _SIXTH = _F(0), _F(1), _F(0.5 + NO_SPREAD), _F(1 / 3), _F(1 / 6)
_TINY, _BYTE = _F(1e-20), _F(1 / 255)
_LAB_KNEE, _LAB_SLOPE, _LAB_OFFSET = _F(0.008856), _F(7.787), _F(16 / 116)
_INVERSE_ROOT_BIAS = np.int32(0x54A20000)
_XR, _XG, _XB, _YR, _YG, _YB, _ZR, _ZG, _ZB = (_F(v) for v in XYZ_FROM_RGB.ravel())
_HR, _ER, _DR, _HG, _EG, _DG, _HB, _EB, _DB = (_F(v) for v in HED_FROM_OD.ravel())


@njit(**VECTOR)
def convert(pixels, capacity, p, centre, block, bits):
    """Fill the block with all channels of the packed pixels from p on; hue is the deviation from `centre`, in turns.

    `bits` is the block seen as int32. A block is always filled, with whatever lies behind the last pixel: only of a
    constant number of pixels the compiler knows that it stays within its row.
    """
    red, green, blue = pixels[p:], pixels[capacity + p :], pixels[2 * capacity + p :]  # indices from 0 are known to fit
    pairs = block[: 6 * BLOCK].view(np.uint64)  # room that the first six rows need only afterwards
    for i in range(BLOCK):
        pairs[i] = _LINEAR_AND_DENSITY[red[i]]
        pairs[BLOCK + i] = _LINEAR_AND_DENSITY[green[i]]
        pairs[2 * BLOCK + i] = _LINEAR_AND_DENSITY[blue[i]]
    for i in range(BLOCK):
        block[X + i], block[OD_R + i] = block[2 * i], block[2 * i + 1]
        block[Y + i], block[OD_G + i] = block[2 * (BLOCK + i)], block[2 * (BLOCK + i) + 1]
        block[Z + i], block[OD_B + i] = block[2 * (2 * BLOCK + i)], block[2 * (2 * BLOCK + i) + 1]
    for i in range(BLOCK):
        block[R + i], block[G + i], block[B + i] = _F(red[i]), _F(green[i]), _F(blue[i])
    _hsv(block, centre)
    _lab(block, bits)
    _hed(block)


@njit(**VECTOR)
def _hsv(block, centre):
    """Hue (turns from the centre, in [-1/2, 1/2), zero for grey), saturation, value; then R, G, B to [0, 1]."""
    for i in range(BLOCK):
        r, g, b = block[R + i], block[G + i], block[B + i]
        high, low = max(r, max(g, b)), min(r, min(g, b))
        chroma = high - low
        across, sector = r - g, _F(4)
        across, sector = (b - r, _F(2)) if high == g else (across, sector)
        across, sector = (g - b, _ZERO) if high == r else (across, sector)
        d = (across / max(chroma, _TINY) + sector) * _SIXTH - centre
        d = d - np.floor(d + _CUT)
        block[HUE + i] = d if chroma > _ZERO else _ZERO
        block[SAT + i] = chroma / max(high, _TINY)
        block[VAL + i] = high * _BYTE
    for i in range(BLOCK):
        block[R + i] *= _BYTE
        block[G + i] *= _BYTE
        block[B + i] *= _BYTE


@njit(**VECTOR)
def _lab(block, bits):
    """CIE L*a*b* over 100, D65, from linear R, G, B in the rows X, Y, Z."""
    for i in range(BLOCK):
        r, g, b = block[X + i], block[Y + i], block[Z + i]
        block[X + i] = _XR * r + _XG * g + _XB * b
        block[Y + i] = _YR * r + _YG * g + _YB * b
        block[Z + i] = _ZR * r + _ZG * g + _ZB * b
    for i in range(BLOCK):
        block[LIGHT + i], block[A_STAR + i], block[B_STAR + i] = block[X + i], block[Y + i], block[Z + i]
    for i in range(BLOCK):  # first guess of 1 / cube root, to 4 %: minus a third of the float's exponent
        bits[X + i] = _INVERSE_ROOT_BIAS - np.int32(_F(bits[X + i]) * _THIRD)
        bits[Y + i] = _INVERSE_ROOT_BIAS - np.int32(_F(bits[Y + i]) * _THIRD)
        bits[Z + i] = _INVERSE_ROOT_BIAS - np.int32(_F(bits[Z + i]) * _THIRD)
    for i in range(BLOCK):
        fx = _lab_curve(block[LIGHT + i], block[X + i])
        fy = _lab_curve(block[A_STAR + i], block[Y + i])
        fz = _lab_curve(block[B_STAR + i], block[Z + i])
        block[LIGHT + i] = _F(1.16) * fy - _F(0.16)
        block[A_STAR + i] = _F(5) * (fx - fy)
        block[B_STAR + i] = _F(2) * (fy - fz)


@njit(**VECTOR)
def _lab_curve(t, s):
    """Cube root of t from a guess s of t^(-1/3); CIE's line near black.

    With r = 1 - t s^3, t^(-1/3) = s (1 - r)^(-1/3): two steps of that series need no division.
    """
    r = _ONE - t * (s * s * s)
    s = s * (_ONE + r * (_THIRD + r * (_F(2 / 9) + r * _F(14 / 81))))
    r = _ONE - t * (s * s * s)
    s = s * (_ONE + r * (_THIRD + r * _F(2 / 9)))
    return t * (s * s) if t > _LAB_KNEE else _LAB_SLOPE * t + _LAB_OFFSET


@njit(**VECTOR)
def _hed(block):
    """Haematoxylin, eosin and DAB from optical densities, negative amounts cut off."""
    for i in range(BLOCK):
        r, g, b = block[OD_R + i], block[OD_G + i], block[OD_B + i]
        block[STAIN_H + i] = max(_HR * r + _HG * g + _HB * b, _ZERO)
        block[STAIN_E + i] = max(_ER * r + _EG * g + _EB * b, _ZERO)
        block[STAIN_D + i] = max(_DR * r + _DG * g + _DB * b, _ZERO)

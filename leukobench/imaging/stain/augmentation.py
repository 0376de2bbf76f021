"""One picture as another laboratory might have taken it: other stain, glass, light, scale, focus and compression.

Masks are not transformed: an augmented picture is segmented again, as the other laboratory's picture would be.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from leukobench.imaging.stain.background import WHITE
from leukobench.imaging.stain.steps import add_grain, blur, compress, expose, restain, turn

SIDE = 256  # px of the shorter side that blur is stated for


@dataclass(frozen=True)
class Augmentation:
    """How far one augmented picture may be from its original, at strength 1.

    They are what stains, lamps and cameras in routine use differ by, set by looking at augmented pictures of the source
    and never by a target's score.

    Parameters
    ----------
    mixing : float, default 0.12
        Standard deviation of each entry of the matrix that mixes optical densities, around the unit matrix.
    gain : float, default 0.30
        Most that a channel's optical density is raised or lowered, as a share.
    glass : tuple of float, default (0.75, 1.0)
        Range of the brightest channel of the new glass, as a share of white.
    warmth : tuple of float, default (-0.15, 0.35)
        Range of the logarithm of red over blue of the new glass. Lamps without a blue filter are yellow: that side is
        the longer one.
    tint : float, default 0.07
        Most that the logarithm of green lies off the line between red and blue.
    gamma : float, default 0.15
        Most that the logarithm of the camera's exponent differs from 0.
    illumination : float, default 0.12
        Most light lost from the middle to the corners, and from one side to the other, as a share.
    rescale : float, default 0.28
        Most that the logarithm of the magnification differs from 0.
    rotation : float, default 180.0
        Most that the picture is turned, in degrees.
    flip : float, default 0.5
        Probability of a mirror image.
    blur : float, default 1.3
        Largest standard deviation of the blur, in px of a picture whose shorter side is 256 px.
    noise : float, default 3.0
        Largest standard deviation of the sensor's noise, in grey values.
    compression : float, default 45.0
        Most that the JPEG quality lies below 100.
    share : float, default 0.5
        Probability of each of blur, noise and compression.
    """

    mixing: float = 0.12
    gain: float = 0.30
    glass: tuple = (0.75, 1.0)
    warmth: tuple = (-0.15, 0.35)
    tint: float = 0.07
    gamma: float = 0.15
    illumination: float = 0.12
    rescale: float = 0.28
    rotation: float = 180.0
    flip: float = 0.5
    blur: float = 1.3
    noise: float = 3.0
    compression: float = 45.0
    share: float = 0.5


def augment(image, rng, strength=1.0, ranges=None, glass=None):
    """Draw one augmented copy of a picture.

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3)
        RGB.
    rng : numpy.random.Generator
        Source of chance; the same state gives the same pixels.
    strength : float, default 1.0
        Factor on all ranges; 0 gives the picture itself.
    ranges : Augmentation or None, default None
        The ranges at strength 1; the defaults of `Augmentation` where None.
    glass : float array, shape (3,), or None, default None
        `background_colour` of the picture, where it is known already; several copies are made from one picture.

    Returns
    -------
    image : uint8 array, shape (H, W, 3)
    scale : float
        Magnification: the copy has um_per_px / scale micrometres per px.

    Examples
    --------
    >>> image = np.full((64, 64, 3), 220, np.uint8)
    >>> copy, scale = augment(image, np.random.default_rng(0))
    >>> copy.shape, 0.7 < scale < 1.4
    ((64, 64, 3), True)
    """
    if strength == 0:
        return image.copy(), 1.0
    drawn = draw(rng, image.shape, strength, ranges)
    image = restain(image, drawn.matrix, drawn.glass, strength, glass)
    image = expose(image, drawn.gamma, drawn.tilt, drawn.fall)
    image = turn(image, drawn.degrees, drawn.scale, drawn.mirrored)
    image = blur(image, drawn.blur)
    image = image if drawn.grain is None else add_grain(image, drawn.noise, drawn.grain)
    return compress(image, drawn.quality), drawn.scale


class Drawn(NamedTuple):
    """What chance has made of one copy: the arguments of the steps of `augment`, in their order."""

    matrix: np.ndarray
    glass: np.ndarray
    gamma: float
    tilt: np.ndarray
    fall: float
    scale: float
    degrees: float
    mirrored: bool
    blur: float
    noise: float
    grain: np.ndarray | None  # the bytes that noise is made from, where there is noise
    quality: float


def draw(rng, shape, strength=1.0, ranges=None):
    """All that `augment` draws for one copy.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
        Of the picture, (H, W, 3).
    strength, ranges
        As for `augment`.

    Returns
    -------
    Drawn

    Examples
    --------
    >>> drawn = draw(np.random.default_rng(0), (64, 64, 3))
    >>> drawn.scale == augment(np.full((64, 64, 3), 220, np.uint8), np.random.default_rng(0))[1]
    True
    """
    r = ranges or Augmentation()

    def either(most, size=None):
        return strength * most * rng.uniform(-1, 1, size)

    def sometimes(most):
        return strength * most * rng.uniform() * (rng.uniform() < r.share)

    matrix = np.eye(3) + strength * r.mixing * rng.standard_normal((3, 3))
    matrix *= 1 + either(r.gain, (3, 1))
    glass = _draw_glass(rng, r)
    gamma, tilt, fall = np.exp(either(r.gamma)), either(r.illumination, 2), abs(either(r.illumination))
    scale, degrees, mirrored = float(np.exp(either(r.rescale))), either(r.rotation), rng.uniform() < strength * r.flip
    sigma, noise = sometimes(r.blur) * min(shape[:2]) / SIDE, sometimes(r.noise)
    grain = rng.integers(0, 256, shape, np.uint8) if noise else None
    quality = 100 - sometimes(r.compression)
    return Drawn(matrix, glass, gamma, tilt, fall, scale, degrees, bool(mirrored), sigma, noise, grain, quality)


def _draw_glass(rng, ranges):
    """Colour of another laboratory's glass: a lamp between bluish and yellow, a little green or pink."""
    warmth, tint = rng.uniform(*ranges.warmth), ranges.tint * rng.uniform(-1, 1)
    colour = np.exp([warmth / 2, tint, -warmth / 2])
    return WHITE * rng.uniform(*ranges.glass) * colour / colour.max()

"""One picture as another laboratory might have taken it: other stain, glass, light, scale, focus and compression.

Stain is mixed in optical density (Beer-Lambert) against the picture's own glass, so a random matrix acts on what was
stained and leaves empty glass empty. Masks are not transformed: an augmented picture is segmented again, as the other
laboratory's picture would be.
"""

from dataclasses import dataclass
from statistics import NormalDist

import cv2
import numpy as np

from leukobench.imaging.stain.background import WHITE, background_colour, to_bytes

SIDE = 256  # px of the shorter side that blur is stated for
NORMAL = np.array([NormalDist().inv_cdf((k + 0.5) / 256) for k in range(256)])  # byte to quantile: fast noise


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
    r = ranges or Augmentation()

    def either(most, size=None):
        return strength * most * rng.uniform(-1, 1, size)

    def sometimes(most):
        return strength * most * rng.uniform() * (rng.uniform() < r.share)

    matrix = np.eye(3) + strength * r.mixing * rng.standard_normal((3, 3))
    matrix *= 1 + either(r.gain, (3, 1))
    image = restain(image, matrix, _draw_glass(rng, r), strength, glass)
    image = expose(image, np.exp(either(r.gamma)), either(r.illumination, 2), abs(either(r.illumination)))
    scale = float(np.exp(either(r.rescale)))
    image = turn(image, either(r.rotation), scale, bool(rng.uniform() < strength * r.flip))
    image = blur(image, sometimes(r.blur) * min(image.shape[:2]) / SIDE)
    image = add_noise(image, sometimes(r.noise), rng)
    return compress(image, 100 - sometimes(r.compression)), scale


def _draw_glass(rng, ranges):
    """Colour of another laboratory's glass: a lamp between bluish and yellow, a little green or pink."""
    warmth, tint = rng.uniform(*ranges.warmth), ranges.tint * rng.uniform(-1, 1)
    colour = np.exp([warmth / 2, tint, -warmth / 2])
    return WHITE * rng.uniform(*ranges.glass) * colour / colour.max()


def restain(image, matrix, glass, share=1.0, own=None):
    """Mix the optical densities of a picture, and lay it on another glass.

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3)
    matrix : float array, shape (3, 3)
        Takes optical densities in red, green and blue to those of the new picture.
    glass : float array, shape (3,)
        Colour of the new glass, 0 to 255.
    share : float, default 1.0
        How far the glass moves from its own colour (0) to the new one (1), in logarithms.
    own : float array, shape (3,), or None, default None
        `background_colour` of the picture, where it is known already.

    Returns
    -------
    uint8 array, shape (H, W, 3)
    """
    own = np.log((background_colour(image) if own is None else own) + 1)
    new = own + share * (np.log(np.add(glass, 1)) - own)
    tables = own - np.log(np.arange(256) + 1)[:, None]
    affine = np.column_stack([np.negative(matrix), new]).astype(np.float32)
    light = cv2.transform(cv2.LUT(image, tables.astype(np.float32)[None]), affine)
    return to_bytes(cv2.exp(light, light) - 1)


def expose(image, gamma, tilt=(0.0, 0.0), fall=0.0):
    """Change a picture's exponent and the evenness of its light.

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3)
    gamma : float
        Exponent on values from 0 to 1.
    tilt : pair of float, default (0, 0)
        Light gained from one side to the other, down and across, as a share.
    fall : float, default 0.0
        Light lost from the middle to the corners, as a share.

    Returns
    -------
    uint8 array, shape (H, W, 3)
    """
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in image.shape[:2])
    down, across = tilt[0] / 2 * y - fall / 2 * y**2, 1 + tilt[1] / 2 * x - fall / 2 * x**2
    light = np.add.outer(down, across).astype(np.float32)
    curve = (255 * (np.arange(256) / 255) ** gamma).astype(np.float32)
    return cv2.multiply(cv2.LUT(image, curve), cv2.merge([light] * 3), dtype=cv2.CV_8U)


def turn(image, degrees, scale, mirrored):
    """Turn, magnify and mirror a picture about its middle; its size stays, its border is reflected.

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3)
    degrees, scale : float
        Angle, and magnification.
    mirrored : bool

    Returns
    -------
    uint8 array, shape (H, W, 3)
    """
    height, width = image.shape[:2]
    centre = ((width - 1) / 2, (height - 1) / 2)
    picture = cv2.flip(image, 1) if mirrored else image
    affine = cv2.getRotationMatrix2D(centre, degrees, scale)
    return cv2.warpAffine(picture, affine, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def blur(image, sigma):
    """Blur by a Gaussian of a standard deviation in px; below 0.2 px there is nothing to blur."""
    return cv2.GaussianBlur(image, (0, 0), sigma) if sigma >= 0.2 else image


def add_noise(image, sigma, rng):
    """Add white noise of a standard deviation in grey values."""
    if sigma == 0:
        return image
    drawn = rng.integers(0, 256, image.shape, np.uint8)
    return to_bytes(image + cv2.LUT(drawn, (sigma * NORMAL).astype(np.float32)))


def compress(image, quality):
    """Write as JPEG of a quality and read back; at 100 the picture stays as it is."""
    if quality >= 100:
        return image
    blue_first = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    written = cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])[1]
    return cv2.imdecode(written, cv2.IMREAD_COLOR_RGB)

"""What is done to a picture so that it looks as another laboratory might have taken it, step by step.

Stain is mixed in optical density (Beer-Lambert) against the picture's own glass, so a random matrix acts on what was
stained and leaves empty glass empty.
"""

from statistics import NormalDist

import cv2
import numpy as np

from leukobench.imaging.stain.background import background_colour, to_bytes

NORMAL = np.array([NormalDist().inv_cdf((k + 0.5) / 256) for k in range(256)])  # byte to quantile: fast noise

LOGARITHMS = np.log(np.arange(256) + 1)[:, None]  # of bytes, so that black has one, too
DARKEST = 1e-3  # share of the light in the middle


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
    tables = own - LOGARITHMS
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
    light = _light(image.shape, tilt, fall)
    curve = (255 * (np.arange(256) / 255) ** gamma).astype(np.float32)
    return cv2.multiply(cv2.LUT(image, curve), cv2.merge([light] * 3), dtype=cv2.CV_8U)


def recolour(image, drawn, share, own):
    """`restain`, then `expose`, in one pass and a third of the time: a pixel is rounded once, at the end.

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3)
    drawn : leukobench.imaging.stain.augmentation.Drawn
    share : float
        As for `restain`.
    own : float array, shape (3,)
        `background_colour` of the picture.

    Returns
    -------
    uint8 array, shape (H, W, 3)
        What the two give, but for two grey values at most where `expose` makes dark pixels much brighter.
    """
    own, white = np.log(own + 1), LOGARITHMS[-1]
    new = own + share * (np.log(drawn.glass + 1) - own)
    affine = np.column_stack([-drawn.gamma * drawn.matrix, drawn.gamma * new + (1 - drawn.gamma) * white])
    light = cv2.transform(cv2.LUT(image, (own - LOGARITHMS).astype(np.float32)[None]), affine.astype(np.float32))
    cv2.min(light, (float(white[0]),) * 4, light)
    falling = cv2.log(cv2.max(_light(image.shape, drawn.tilt, drawn.fall), DARKEST))
    cv2.add(light, cv2.merge([falling] * 3), light)
    return cv2.subtract(cv2.exp(light, light), (1.0,) * 4, dtype=cv2.CV_8U)


def _light(shape, tilt, fall):
    """The light at each pixel, as a share of that in the middle, shape (H, W)."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape[:2])
    down, across = tilt[0] / 2 * y - fall / 2 * y**2, 1 + tilt[1] / 2 * x - fall / 2 * x**2
    return np.add.outer(down, across).astype(np.float32)


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


def taps(sigma):
    """The weights of `blur` along an axis, as OpenCV chooses them for bytes; float array of odd length."""
    return cv2.getGaussianKernel(round(6 * sigma + 1) | 1, sigma).ravel() if sigma >= 0.2 else np.ones(1)


def add_noise(image, sigma, rng):
    """Add white noise of a standard deviation in grey values."""
    return image if sigma == 0 else add_grain(image, sigma, rng.integers(0, 256, image.shape, np.uint8))


def add_grain(image, sigma, grain):
    """The same of bytes that were drawn, as many as the picture has."""
    return cv2.add(image, cv2.LUT(grain, (sigma * NORMAL).astype(np.float32)), dtype=cv2.CV_8U)


def compress(image, quality):
    """Write as JPEG of a quality and read back; at 100 the picture stays as it is."""
    if quality >= 100:
        return image
    blue_first = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    written = cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])[1]
    return cv2.imdecode(written, cv2.IMREAD_COLOR_RGB)

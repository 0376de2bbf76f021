"""Corruptions: what focus, camera, light, stain, scale and angle do to a picture, each at five severities.

Amounts are those of Hendrycks and Dietterich (ICLR 2019) where they have the corruption; lengths in px are stated for a
picture whose shorter side is 224 px, as theirs are, and grow with it. Their packages are not used: `imagecorruptions`
does not import beside NumPy 2 and SciPy 1.15, and `albumentations` brings another OpenCV.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from leukobench.errors import UsageError, unknown
from leukobench.imaging.stain.background import background_colour, to_bytes
from leukobench.imaging.stain.steps import add_noise, blur, compress, restain, turn

VERSION = "1"
"""Goes into cache keys; raised whenever a corruption would give other pixels."""

SIDE = 224  # px of the shorter side that lengths are stated for
SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Corruption:
    """A kind of corruption.

    Parameters
    ----------
    apply : callable
        (image, amount, rng) to an image of the same shape.
    amounts : tuple
        One per severity.
    description : str
        What the amounts are, and where they come from.
    """

    apply: Callable
    amounts: tuple
    description: str


def _length(image, px):
    return px * min(image.shape[:2]) / SIDE


def _filtered(image, kernel):
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)


def _defocus(image, radius, rng):
    radius = _length(image, radius)
    y, x = np.mgrid[-int(radius + 1) : int(radius + 2), -int(radius + 1) : int(radius + 2)]
    return _filtered(image, np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32))  # with a smooth rim


def _motion(image, length, rng):
    size = max(3, round(_length(image, length))) | 1
    line = np.zeros((size, size), np.float32)
    line[size // 2] = 1
    turned = cv2.getRotationMatrix2D((size // 2, size // 2), rng.uniform(0, 180), 1)
    return _filtered(image, cv2.warpAffine(line, turned, (size, size)))


def _brightness(image, amount, rng):
    """More or less of the value of HSV, as the picture's own draw says."""
    colour = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    colour[..., 2] = to_bytes(colour[..., 2] + rng.choice([-1, 1]) * 255 * amount)
    return cv2.cvtColor(colour, cv2.COLOR_HSV2RGB)


def _contrast(image, share, rng):
    mean = image.mean(axis=(0, 1))
    return to_bytes((image - mean) * share + mean)


def _stain(image, spread, rng):
    """Optical densities mixed by a random matrix, and a glass of another tint."""
    glass = background_colour(image) * np.exp(-spread * rng.uniform(0, 1, 3))
    return restain(image, np.eye(3) + spread * rng.standard_normal((3, 3)), glass)


def _magnification(image, factor, rng):
    return turn(image, 0.0, factor ** float(rng.choice([-1, 1])), False)


def _rotation(image, degrees, rng):
    return turn(image, float(rng.choice([-1, 1]) * degrees), 1.0, False)


HENDRYCKS = "as of Hendrycks and Dietterich"
CORRUPTIONS = {
    "gaussian_blur": Corruption(
        lambda image, sigma, rng: blur(image, _length(image, sigma)),
        (1, 2, 3, 4, 6),
        f"standard deviation, {HENDRYCKS}",
    ),
    "defocus_blur": Corruption(_defocus, (3, 4, 6, 8, 10), f"radius of the disc, {HENDRYCKS}"),
    "motion_blur": Corruption(_motion, (6, 10, 15, 20, 25), "length of the line, its angle drawn; ours"),
    "gaussian_noise": Corruption(
        lambda image, share, rng: add_noise(image, 255 * share, rng),
        (0.08, 0.12, 0.18, 0.26, 0.38),
        f"standard deviation as a share of white, {HENDRYCKS}",
    ),
    "jpeg": Corruption(
        lambda image, quality, rng: compress(image, quality), (25, 18, 15, 10, 7), f"quality, {HENDRYCKS}"
    ),
    "brightness": Corruption(
        _brightness, (0.1, 0.2, 0.3, 0.4, 0.5), f"share of white added to HSV's value, {HENDRYCKS}, or taken off"
    ),
    "contrast": Corruption(_contrast, (0.4, 0.3, 0.2, 0.1, 0.05), f"share that is left, {HENDRYCKS}"),
    "stain": Corruption(
        _stain,
        (0.06, 0.12, 0.18, 0.24, 0.30),
        "spread of the matrix that mixes optical densities, and of the glass; ours",
    ),
    "magnification": Corruption(
        _magnification, (1.1, 1.25, 1.5, 1.75, 2.0), "factor, up or down, that nobody tells the model of; ours"
    ),
    "rotation": Corruption(_rotation, (15, 45, 90, 135, 180), "degrees, to either side; ours"),
}


def conditions(names=None):
    """Every corruption at every severity.

    Parameters
    ----------
    names : iterable of str, optional
        Of corruptions; default all.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> conditions(["jpeg"])
    ('jpeg-1', 'jpeg-2', 'jpeg-3', 'jpeg-4', 'jpeg-5')
    """
    return tuple(f"{name}-{severity}" for name in names or CORRUPTIONS for severity in SEVERITIES)


def check_condition(condition):
    """Refuse what is no corruption with its severity; gives both.

    Raises
    ------
    UsageError
        There is no such corruption or severity.

    Examples
    --------
    >>> check_condition("jpeg-3")
    ('jpeg', 3)
    """
    name, _, severity = condition.rpartition("-")
    if name not in CORRUPTIONS:
        raise unknown("corruption", name or condition, CORRUPTIONS)
    if severity not in map(str, SEVERITIES):
        raise UsageError(f"'{condition}' has no severity of 1 to 5", f"such as {name}-3")
    return name, int(severity)


def corrupt(image, condition):
    """An image as it would look under a condition.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        RGB.
    condition : str
        A corruption and its severity, such as "jpeg-3".

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        What is drawn by chance depends on the pixels and the corruption alone, and is the same at all severities.

    Raises
    ------
    UsageError
        There is no such condition.

    Examples
    --------
    >>> image = np.full((64, 64, 3), 200, np.uint8)
    >>> image[20:44, 20:44] = 40
    >>> bool(corrupt(image, "contrast-5").std() < corrupt(image, "contrast-1").std() < image.std())
    True
    """
    name, severity = check_condition(condition)
    image = np.ascontiguousarray(image)
    corruption, rng = CORRUPTIONS[name], np.random.default_rng((zlib.crc32(image), zlib.crc32(name.encode())))
    return corruption.apply(image, corruption.amounts[severity - 1], rng)

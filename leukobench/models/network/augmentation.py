"""What becomes of a crop before a network sees it: other laboratories' stains in training, white glass always."""

import cv2
import numpy as np

from leukobench.imaging.stain import Augmentation, background_colour, white_balance
from leukobench.imaging.stain.augmentation import draw
from leukobench.imaging.stain.steps import add_grain, blur, compress, recolour, turn
from leukobench.preparation.worlds import TRAINING, draw_world, said, show

COLOURS = {
    "stain": Augmentation(),
    "none": Augmentation(mixing=0.0, gain=0.0, gamma=0.0, illumination=0.0, noise=0.0, compression=0.0),
    "strong": Augmentation(mixing=0.24, gain=0.5, gamma=0.3, noise=6.0),
}
"""How far colours are changed in training; "none" leaves geometry and focus."""

WORLDS = "worlds"  # in place of these: each crop from a simulated laboratory of its own
UM_PER_PX = 0.2  # of a crop
MISJUDGED = 0.18  # spread of the logarithm of a scale that nobody told, as a typical cell's size gives it

JITTER = 5 / 112  # of the field's side: how far the middle of a crop is moved at most


def prepare(image, size, rng=None, *, strength=1.0, colour="stain", grey=0.0, glass=None, um_per_px=UM_PER_PX):
    """The network's field of a crop, on white glass; augmented before that where it is for training.

    The white balance comes last, as it does for the picture of another laboratory, so that the network meets its
    mistakes in training.

    Parameters
    ----------
    image : uint8 array, shape (side, side, 3)
    size : int
        Of the field, in px; at most `side`.
    rng : numpy.random.Generator or None, default None
        None is no augmentation.
    strength : float, default 1.0
        Factor on the ranges of `colour`.
    colour : str, default "stain"
        A key of `COLOURS`, or "worlds" (`leukobench.preparation.worlds`), which has no strength.
    grey : float, default 0.0
        Probability that the crop loses its colour.
    glass : float array, shape (3,), or None, default None
        `background_colour` of the crop, where it is known already.
    um_per_px : float, default 0.2
        Of the crop.

    Returns
    -------
    uint8 array, shape (size, size, 3)

    Examples
    --------
    >>> prepare(np.full((20, 20, 3), 200, np.uint8), 16)[0, 0].tolist()
    [255, 255, 255]
    """
    top = left = (image.shape[0] - size) // 2
    if rng is not None:
        if colour == WORLDS:
            image = _in_a_world(image, rng, um_per_px)
        elif strength:
            image = elsewhere(image, rng, strength, COLOURS[colour], glass)
        reach = min(top, round(JITTER * size))
        top, left = (top + int(step) for step in rng.integers(-reach, reach + 1, 2))
    image = white_balance(image)[top : top + size, left : left + size]
    if rng is not None and rng.random() < grey:
        image = np.broadcast_to(image.mean(2, keepdims=True).astype(np.uint8), image.shape)
    return np.ascontiguousarray(image)


def shrunk(images, factor):
    """Crops at another scale.

    Parameters
    ----------
    images : uint8 array, shape (n, side, side, 3)
    factor : float
        At most 1.

    Returns
    -------
    images : uint8 array, shape (n, factor * side, factor * side, 3)
    um_per_px : float
        Their scale.

    Examples
    --------
    >>> images, scale = shrunk(np.zeros((2, 160, 160, 3), np.uint8), 64 / 112)
    >>> images.shape, round(scale, 2)
    ((2, 91, 91, 3), 0.35)
    """
    if factor == 1:
        return images, UM_PER_PX
    side = round(factor * images.shape[1])
    small = [cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in images]
    return np.stack(small), UM_PER_PX * images.shape[1] / side


def elsewhere(image, rng, strength, ranges, glass):
    """What `leukobench.imaging.stain.augment` gives from the same chance, but for rounding, in less time."""
    drawn = draw(rng, image.shape, strength, ranges)
    image = recolour(image, drawn, strength, background_colour(image) if glass is None else glass)
    image = blur(turn(image, drawn.degrees, drawn.scale, drawn.mirrored), drawn.blur)
    image = image if drawn.grain is None else add_grain(image, drawn.noise, drawn.grain)
    return compress(image, drawn.quality)


def _in_a_world(image, rng, um_per_px):
    """A crop as another laboratory would have taken the picture, and as that would have been prepared."""
    world = draw_world(TRAINING, int(rng.integers(2**31)))
    picture, scale = show(image, um_per_px, world, rng)
    scale = said(scale, world) if world.known else scale * np.exp(MISJUDGED * rng.standard_normal())
    factor = scale / um_per_px
    side, (height, width) = image.shape[0], picture.shape[:2]
    middle = (side - 1) / 2 - factor * (np.array([width, height]) - 1) / 2
    affine = np.column_stack([factor * np.eye(2), middle])
    if factor < 0.7:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.45 * (1 / factor - 1))
    glass = background_colour(picture).tolist()
    return cv2.warpAffine(picture, affine, (side, side), borderMode=cv2.BORDER_CONSTANT, borderValue=glass)

"""Views: at what scale and on what glass a cell is measured, and copies as other laboratories might have taken it.

A model that is trained in one laboratory meets other microscopes and stains in the next. A view takes out of the image
what the image itself can tell (micrometres, the colour of the glass), and shows a model in training what cannot be
taken out: each copy is changed as a picture, then segmented and measured like any other.
"""

import functools
import zlib
from dataclasses import asdict, dataclass
from typing import NamedTuple

import cv2
import numpy as np

from leukobench.cache import settings
from leukobench.errors import unknown
from leukobench.imaging.check import check_images
from leukobench.imaging.scale import check_um_per_px, estimate_um_per_px
from leukobench.imaging.stain import Augmentation, augment, background_colour, get_stain_normaliser
from leukobench.preparation import in_view, worlds
from leukobench.segmentation import centred_ellipses, segment, segmentation_key

VIEW_VERSION = "3"
"""Goes into cache keys; raised whenever a view would give other pixels, or another scale of them."""

DECIDING = (
    __name__,
    "leukobench.imaging.scale",
    *(f"leukobench.imaging.stain.{name}" for name in ("augmentation", "background", "normalise")),
)
"""Modules whose constants go into cache keys."""

LEAST_CONFIDENCE = 0.2  # of a scale that is estimated from red cells; below it the scale is unknown
TYPICAL_CELL_UM = 12.5  # diameter that a cell of unknown scale is given: between a lymphocyte's and a monocyte's
LONGEST_SIDE = 180  # px that an image of unknown scale is shrunk to before copies are made: about a field of 36 um
SIZE_SPREAD = 0.1  # relative standard deviation of cell sizes between smears, in copies
LEAST_LINEAR = 0.55  # magnification below which bilinear interpolation would leave pixels out
LEAST_FACTOR, MOST_FACTOR = 0.15, 4.0  # bounds of a magnification, against scales that cannot be;
MAGNIFIED_SIDE = 720  # px that a thumbnail may be magnified to beyond them: a field of 144 um at 0.2 um per px


@dataclass(frozen=True)
class View:
    """How images are prepared before features are taken.

    Parameters
    ----------
    um_per_px : float or None, default None
        Scale that every cell is brought to. The image's own scale is the card's, else estimated from its red cells;
        where none shows, the cell gets a typical diameter and its lengths are missing. None leaves images as they are.
    stain : str, default "none"
        A key of `leukobench.imaging.stain.STAIN_NORMALISERS`.
    copies : int, default 0
        Augmented copies of each image for training. Every second one hides its scale.
    worlds : bool, default False
        Whether each copy is of a simulated laboratory of its own (`leukobench.preparation.worlds`), with its crop and
        what it says of its scale, in place of a change within `Augmentation`'s ranges.
    segmented : bool, default True
        Find the cell; else ellipses in the middle of the image stand for it, to tell what segmentation is worth.
    description : str, default ""
        What it is, for `leukobench models ls` and the docs.
    developed_on : tuple of str, default ()
        Datasets that were in view when it was chosen; it changes no pixel.
    """

    um_per_px: float | None = None
    stain: str = "none"
    copies: int = 0
    worlds: bool = False
    segmented: bool = True
    description: str = ""
    developed_on: tuple = ()


VIEWS = {
    "scale": View(0.2, description="brought to 0.2 um per px", developed_on=in_view.IN_VIEW),
    "white_balance": View(stain="white_balance", description="glass made white"),
    "grey_world": View(stain="grey_world", description="grey-world colour constancy"),
    "reinhard": View(stain="reinhard", description="Reinhard's colour transfer"),
    "macenko": View(stain="macenko", description="Macenko's stain normalisation"),
    "canonical": View(0.2, "white_balance", description="0.2 um per px on white glass", developed_on=in_view.IN_VIEW),
    "copies": View(copies=8, description="as it is, with 8 augmented copies in training", developed_on=in_view.IN_VIEW),
    "augmented": View(
        *(0.2, "white_balance", 8),
        description="0.2 um per px on white glass, with 8 augmented copies in training",
        developed_on=in_view.IN_VIEW,
    ),
    "worlds": View(
        *(0.2, "white_balance", 8, True),
        description="0.2 um per px on white glass, with copies of 8 simulated laboratories in training",
        developed_on=in_view.IN_VIEW,
    ),
    "many_worlds": View(
        *(0.2, "white_balance", 32, True),
        description="0.2 um per px on white glass, with copies of 32 simulated laboratories in training",
        developed_on=in_view.IN_VIEW,
    ),
    "unsegmented": View(
        *(0.2, "white_balance", 8),
        segmented=False,
        description="augmented, but not segmented",
        developed_on=in_view.IN_VIEW,
    ),
}


def get_view(name):
    """Look up a view.

    Parameters
    ----------
    name : str
        A key of `VIEWS`.

    Returns
    -------
    View

    Raises
    ------
    UsageError
        Where there is no such view.

    Examples
    --------
    >>> get_view("augmented").copies
    8
    """
    if name not in VIEWS:
        raise unknown("view", name, VIEWS)
    return VIEWS[name]


def view_key(view):
    """What the pixels and masks of a view depend on, as plain values: nothing of features."""
    unused = {"description", "developed_on"} | ({"worlds"} if not view.worlds else set())
    parameters = {name: value for name, value in asdict(view).items() if name not in unused}
    parts = {"view": VIEW_VERSION, "settings": settings(*DECIDING), "segmentation": segmentation_key()}
    copies = {"worlds": worlds.VERSION} if view.worlds else {"ranges": asdict(Augmentation())}
    return parameters | parts | (copies if view.copies else {})


class Seen(NamedTuple):
    """What is seen through a view: lists of one per image and copy, each image first, then its copies.

    Parameters
    ----------
    pictures, masks : list of ndarray of uint8
    um_per_px : list of float
        Of each picture: that of the view but for the rounding of its sides and for the bounds of a magnification; NaN
        where the scale is unknown.
    """

    pictures: list
    masks: list
    um_per_px: list


def apply_view(images, view, um_per_px=None, masks=None):
    """Images and their augmented copies as pictures, seen through a view.

    Parameters
    ----------
    images : sequence of ndarray of uint8, shape (H, W, 3)
        RGB, each of its own size.
    view : View
    um_per_px : float, sequence of float or None, default None
        Micrometres per pixel, of all or of each image; None and NaN are unknown.
    masks : sequence of (ndarray of uint8 or None) or None, default None
        Label masks of somebody's own, which take the place of the segmentation in what is no copy.

    Returns
    -------
    Seen

    Raises
    ------
    UsageError
        Where an image is no RGB array of 8 bits, or a pixel size is none.
    """
    images = check_images(images)
    scales = check_um_per_px(um_per_px, len(images)).tolist()
    masks = [None] * len(images) if masks is None else masks
    cells = [cell for each in zip(images, scales, masks, strict=True) for cell in _apply(*each, view)]
    return Seen(*([cell[k] for cell in cells] for k in range(3)))


def _apply(image, um_per_px, mask, view):
    """(picture, mask, micrometres per px or NaN) of an image, then of each of its copies."""
    if view.um_per_px is not None:
        image, um_per_px = at_most(image, um_per_px, view.um_per_px, mask)
    pictures = [(image, um_per_px), *_copies(image, um_per_px, view)]
    masks = [mask] + [None] * view.copies
    if view.segmented:
        found = iter(segment([picture for (picture, _), own in zip(pictures, masks, strict=True) if own is None]))
        masks = [next(found) if own is None else own for own in masks]
    return [rescale(*picture, view, each) for picture, each in zip(pictures, masks, strict=True)]


def _copies(image, um_per_px, view):
    """Copies of an image, each with its scale."""
    if not view.copies:
        return []
    make = _in_a_world if view.worlds else functools.partial(_altered, glass=background_colour(image))
    return [
        make(image, um_per_px, number, rng) for number, rng in enumerate(sources_of_chance(image, view.copies), start=1)
    ]


def sources_of_chance(image, copies):
    """A random generator for each copy: of the image's pixels, so that a copy does not depend on the batch."""
    seed = zlib.crc32(np.ascontiguousarray(image))
    return [np.random.default_rng((seed, number)) for number in range(1, copies + 1)]


def _altered(image, um_per_px, number, rng, glass):
    """A copy of an image, and what it says of its scale."""
    copy, magnified = augment(image, rng, glass=glass)
    return copy, scale_of_copy(um_per_px / magnified, number, rng)


def scale_of_copy(um_per_px, number, rng):
    """What a copy says of its scale: that of a smear with other sizes of cells; every second one hides it."""
    scale = um_per_px * np.exp(SIZE_SPREAD * rng.standard_normal())
    return scale if number % 2 else np.nan


def _in_a_world(image, um_per_px, number, rng):
    """A copy as a simulated laboratory would have taken it, and what that says of its scale."""
    world = worlds.draw_world(worlds.TRAINING, int(rng.integers(2**31)))
    copy, scale = worlds.show(image, um_per_px, world, rng)
    return copy, np.nan if np.isnan(um_per_px) else worlds.said(scale, world)


def at_most(image, um_per_px, target, mask=None):
    """Shrink an image to no more pixels than a scale needs, after estimating its own scale where that is not known.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
    um_per_px : float
        NaN where unknown.
    target : float
        Micrometres per pixel that it will be brought to.
    mask : ndarray of uint8 or None, default None
        Its label mask; None segments it where that is needed.

    Returns
    -------
    image : ndarray of uint8
    um_per_px : float
        Its scale now; NaN where unknown and no red cell tells it.
    """
    if np.isnan(um_per_px):
        found, confidence = estimate_um_per_px(image, segment([image])[0] if mask is None else mask)
        um_per_px = found if confidence >= LEAST_CONFIDENCE else np.nan
    factor = LONGEST_SIDE / max(image.shape[:2]) if np.isnan(um_per_px) else um_per_px / target
    if factor >= 1:
        return image, um_per_px
    small = _resize(image, max(factor, LEAST_FACTOR))
    return small, um_per_px * lengthened(image.shape, small.shape)


def rescale(image, um_per_px, view, mask=None):
    """Segment a picture, and bring it to the view's scale and stain.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
    um_per_px : float
        NaN where unknown: the cell then gets a typical diameter.
    view : View
    mask : ndarray of uint8 or None, default None
        Label mask of the picture, in whatever number of pixels; None segments it.

    Returns
    -------
    picture, mask : ndarray of uint8
    um_per_px : float
        Of the picture; NaN where the scale is unknown.
    """
    normalise = get_stain_normaliser(view.stain)
    if not view.segmented:
        mask = centred_ellipses(*image.shape[:2])
    elif mask is None:
        (mask,) = segment([image])
    elif mask.shape != image.shape[:2]:
        mask = cv2.resize(mask, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    if view.um_per_px is None:
        return normalise(image, mask), mask, um_per_px
    factor = magnification(image.shape[:2], um_per_px, np.count_nonzero(mask), view.um_per_px)
    layers = [_resize(255 * (mask >= label).view(np.uint8), factor) > 127 for label in (1, 2)]
    mask = layers[0].astype(np.uint8) + (layers[0] & layers[1])
    picture = _resize(image, factor)
    return normalise(picture, mask), mask, um_per_px * lengthened(image.shape, picture.shape)


def magnification(shape, um_per_px, pixels, target):
    """By how much a picture is magnified to be at a scale.

    Parameters
    ----------
    shape : pair of int
        Its height and width, in px.
    um_per_px : float
        NaN where unknown.
    pixels : int
        How many the cell has, which decides where the scale is unknown: then it gets a typical diameter.
    target : float
        Micrometres per pixel.

    Returns
    -------
    float
    """
    if np.isnan(um_per_px):
        # of a disc of the cell's area, or of the whole picture where there is no cell
        um_per_px = TYPICAL_CELL_UM / (2 * np.sqrt((pixels or shape[0] * shape[1]) / np.pi))
    return float(np.clip(um_per_px / target, LEAST_FACTOR, max(MOST_FACTOR, MAGNIFIED_SIDE / max(shape))))


def magnified(shape, factor):
    """Height and width of a picture that is magnified."""
    return tuple(max(1, round(side * factor)) for side in shape)


def _resize(image, factor):
    interpolation = cv2.INTER_AREA if factor < LEAST_LINEAR else cv2.INTER_LINEAR
    return cv2.resize(image, magnified(image.shape[:2], factor)[::-1], interpolation=interpolation)


def lengthened(before, after):
    """How many times as long a pixel has become: of the sides that there are, which are whole numbers of pixels."""
    return float(np.sqrt(before[0] * before[1] / (after[0] * after[1])))

"""Squares around cells, of images and of their copies in simulated laboratories, for networks that are tried here."""

import dataclasses
from unittest import mock

import cv2
import numpy as np

from leukobench.imaging.crop import centre_crop
from leukobench.imaging.io import read_image
from leukobench.inputs import locate
from leukobench.preparation import views
from leukobench.preparation.conditions import show_under

VIEW = views.get_view("worlds")
SIDE = 128  # px of a square: a field of 20 um fits into it however it is turned


def squares(root, sample, copies=0, turn=0):
    """An image of a file under its condition, then its copies, around the middle.

    Parameters
    ----------
    root : path-like
    sample : namedtuple
        With path, sha256, um_per_px and, where it is shown under one, condition.
    copies, turn : int, default 0
        As of `squares_of`.

    Returns
    -------
    uint8 array, shape (1 + copies, SIDE, SIDE, 4)
        R, G, B and the label mask.
    """
    image = read_image(locate(root, sample.path), sample.sha256)
    return squares_of(image, sample.um_per_px, getattr(sample, "condition", ""), copies, turn)


def squares_of(image, um_per_px, condition="", copies=0, turn=0, finer=1):
    """An image under its condition, then its copies, around the middle.

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3)
    um_per_px : float
        NaN where unknown.
    condition : str, default ""
    copies : int, default 0
        Each of a simulated laboratory that trains.
    turn : int, default 0
        Quarter turns of the image before it is copied, which give it other laboratories.
    finer : int, default 1
        Times as many pixels to a micrometre as the view has.

    Returns
    -------
    uint8 array, shape (1 + copies, SIDE * finer, SIDE * finer, 4)
        R, G, B and the label mask.
    """
    cv2.setNumThreads(1)
    image, scale = show_under(image, um_per_px, condition)
    view = dataclasses.replace(VIEW, copies=copies, um_per_px=VIEW.um_per_px / finer)
    with mock.patch.object(views, "LONGEST_SIDE", views.LONGEST_SIDE * finer):  # which stands for the view's own scale
        seen = views.apply_view([np.ascontiguousarray(np.rot90(image, turn))], view, [scale])
    cut = [
        (centre_crop(picture, SIDE * finer), centre_crop(mask, SIDE * finer, fill=0))
        for picture, mask in zip(seen.pictures, seen.masks, strict=True)
    ]
    return np.stack([np.dstack(layers) for layers in cut])

"""Squares around cells, of images and of their copies in simulated laboratories, for networks that are tried here."""

import dataclasses

import cv2
import numpy as np

from leukobench.imaging.crop import centre_crop
from leukobench.imaging.io import read_image
from leukobench.inputs import locate
from leukobench.preparation.conditions import show_under
from leukobench.preparation.views import apply_view, get_view

VIEW = get_view("worlds")
SIDE = 128  # px of a square: a field of 20 um fits into it however it is turned


def squares(root, sample, copies=0, turn=0):
    """An image under its condition, then its copies, around the middle.

    Parameters
    ----------
    root : path-like
    sample : namedtuple
        With path, sha256, um_per_px and, where it is shown under one, condition.
    copies : int, default 0
        Each of a simulated laboratory that trains.
    turn : int, default 0
        Quarter turns of the image before it is copied, which give it other laboratories.

    Returns
    -------
    uint8 array, shape (1 + copies, SIDE, SIDE, 4)
        R, G, B and the label mask.
    """
    cv2.setNumThreads(1)
    condition = getattr(sample, "condition", "")
    image, scale = show_under(read_image(locate(root, sample.path), sample.sha256), sample.um_per_px, condition)
    view = dataclasses.replace(VIEW, copies=copies)
    seen = apply_view([np.ascontiguousarray(np.rot90(image, turn))], view, [scale])
    cut = [
        (centre_crop(picture, SIDE), centre_crop(mask, SIDE, fill=0))
        for picture, mask in zip(seen.pictures, seen.masks, strict=True)
    ]
    return np.stack([np.dstack(layers) for layers in cut])

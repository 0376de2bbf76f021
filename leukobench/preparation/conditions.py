"""Conditions that images are shown under: a corruption with its severity, or a simulated laboratory with its number."""

import zlib

import numpy as np

from leukobench.preparation import corruptions, worlds

WORLD = "world"
WORLDS = tuple(f"{WORLD}-{number}" for number in range(worlds.NUMBER))
"""The simulated laboratories that models are chosen in."""


def check_condition(condition):
    """Refuse what is no condition.

    Raises
    ------
    UsageError
        There is no such corruption, severity or world.

    Examples
    --------
    >>> check_condition("jpeg-3"), check_condition("world-3")
    (None, None)
    """
    if condition not in WORLDS:
        corruptions.check_condition(condition)


def versions(conditions):
    """What the pixels of conditions depend on, as plain values.

    Examples
    --------
    >>> versions(["jpeg-3"])
    {'corruptions': '1'}
    """
    kinds = {each in WORLDS for each in conditions}
    return {
        name: version
        for name, version, there in (
            ("corruptions", corruptions.VERSION, False in kinds),
            ("worlds", worlds.VERSION, True in kinds),
        )
        if there
    }


def show_under(image, um_per_px, condition):
    """An image as it would look under a condition.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        RGB.
    um_per_px : float
        NaN where unknown.
    condition : str
        Empty leaves it as it is.

    Returns
    -------
    image : ndarray of uint8
        What is drawn by chance depends on the pixels and the condition alone.
    um_per_px : float
        What is said of its scale: of a corruption as before, of a world what that says, which may be nothing.

    Examples
    --------
    >>> image = np.full((64, 64, 3), 200, np.uint8)
    >>> show_under(image, 0.1, "jpeg-3")[1]
    0.1
    """
    if not condition:
        return image, um_per_px
    if condition not in WORLDS:
        return corruptions.corrupt(image, condition), um_per_px
    number = WORLDS.index(condition)
    rng = np.random.default_rng((zlib.crc32(np.ascontiguousarray(image)), number))
    world = worlds.draw_world(worlds.CHOOSING, number)
    shown, scale = worlds.show(image, um_per_px, world, rng)
    return shown, um_per_px if np.isnan(um_per_px) else worlds.said(scale, world)

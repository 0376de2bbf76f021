"""The colour of the empty glass of a stack of pictures at once, and its balance, in array code for either device.

The way is that of `background_colour` and `white_balance`, and so are the constants.
"""

import numpy as np

from leukobench.imaging.stain.background import (
    LEAST_GREEN,
    LEAST_HEIGHT,
    LEAST_SHARE,
    MOST_SATURATION,
    SAMPLE,
    SMOOTHING,
    WHITE,
    WINDOW,
)


def background_colours(xp, images, valid, free=None):
    """Colour of the empty glass of each picture.

    Parameters
    ----------
    xp : module
        The array library.
    images : uint8 array, shape (n, H, W, 3)
        RGB.
    valid : bool array, shape (n, H, W)
        Which pixels a picture has, in the upper left corner.
    free : bool array, shape (n, H, W), or None, default None
        Which of them may be glass.

    Returns
    -------
    float array, shape (n, 3)
        White where no glass shows.
    """
    n, height, width = valid.shape
    sides = xp.stack([valid[:, :, 0].sum(axis=1), valid[:, 0].sum(axis=1)], axis=1)
    step = xp.maximum(1, xp.rint(xp.sqrt(sides[:, 0] * sides[:, 1] / SAMPLE))).astype(xp.int64)[:, None, None]
    looked = valid & (xp.arange(height)[None, :, None] % step == 0) & (xp.arange(width)[None, None, :] % step == 0)
    looked = looked if free is None else looked & free
    at = xp.flatnonzero(looked)
    pixels, owner = images.reshape(-1, 3)[at].astype(xp.int64), at // (height * width)
    high = pixels.max(axis=1)
    # as bytes are: what is cut off is no grey value
    pale = (high - pixels.min(axis=1) <= xp.floor(MOST_SATURATION * high)) & (pixels[:, 1] >= LEAST_GREEN)
    pixels, owner = pixels[pale], owner[pale]
    mode = _brightest_modes(xp, _counts(xp, owner, pixels[:, 1], n), LEAST_SHARE * looked.sum(axis=(1, 2)))
    glass = xp.abs(pixels[:, 1] - mode[owner]) <= WINDOW
    pixels, owner = pixels[glass], owner[glass]
    medians = [_medians(xp, _counts(xp, owner, pixels[:, channel], n)) for channel in range(3)]
    return xp.where(mode[:, None] >= 0, xp.stack(medians, axis=1), WHITE)


def white_balanced(xp, images, colours):
    """Pictures (n, H, W, 3) with their channels scaled so that a colour each, (n, 3), is white."""
    return xp.clip(xp.rint(images * (WHITE / colours)[:, None, None, :]), 0, 255).astype(xp.uint8)


def _counts(xp, owner, values, n):
    """How often each grey value occurs in each picture; float array, shape (n, 256)."""
    return xp.bincount(256 * owner + values, minlength=256 * n).reshape(n, 256).astype(xp.float64)


def _brightest_modes(xp, counts, least):
    """Brightest grey value of each that is a mode of some height and holds enough pixels; -1 if there is none."""
    held = xp.matmul(counts, xp.asarray(_convolution(np.ones(2 * WINDOW + 1))))
    # exactly, since neighbours are compared
    smooth = xp.rint(1e6 * xp.matmul(counts, xp.asarray(_convolution(SMOOTHING))))
    around = xp.pad(smooth, ((0, 0), (1, 1)))
    peaks = (smooth >= around[:, :-2]) & (smooth > around[:, 2:])
    firm = peaks & (smooth >= LEAST_HEIGHT * smooth.max(axis=1, keepdims=True)) & (held >= least[:, None])
    firm &= (counts.sum(axis=1) >= xp.maximum(least, 1))[:, None]
    return xp.where(firm.any(axis=1), 255 - xp.argmax(firm[:, ::-1], axis=1), -1)


def _convolution(kernel):
    """The matrix that convolves 256 counts, as many again."""
    return np.array([np.convolve(row, kernel, "same") for row in np.eye(256)])


def _medians(xp, counts):
    below = xp.cumsum(counts, axis=1)
    return xp.argmax(below >= below[:, -1:] / 2, axis=1).astype(xp.float64)

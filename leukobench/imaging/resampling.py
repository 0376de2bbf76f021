"""Pictures of a stack brought to sizes of their own, in array code for either device, as OpenCV's `resize` does it.

Rows and columns are products with matrices. These are made where they are needed: every copy has a size of its own.
"""

import numpy as np

WEIGHTS = 1 << 25
"""Most numbers of such matrices at a time: those of long strips have many more than the pictures."""


def resized(xp, planes, before, after, averaged):
    """Planes at other sizes.

    Parameters
    ----------
    xp : module
        The array library.
    planes : float32 array of that library, shape (n, k, H, W)
        Each in the upper left corner.
    before, after : int ndarray, shape (n, 2)
        Height and width of each plane, and what they become.
    averaged : bool ndarray, shape (n,)
        Whether pixels are averaged (`INTER_AREA`); else there is a line between them (`INTER_LINEAR`).

    Returns
    -------
    float32 array, shape (n, k, highest, widest)
        0 beyond each plane's own size.
    """
    sides = zip(before.T, after.T, planes.shape[2:], strict=True)
    rows, columns = (_weights(xp, *each, averaged) for each in sides)
    planes = xp.concatenate([xp.matmul(some[:, None], planes) for some in rows], axis=2)
    return xp.concatenate([xp.matmul(planes, some.transpose(0, 2, 1)[:, None]) for some in columns], axis=3)


def _weights(xp, before, after, room, averaged):
    """What each pixel after is made of, some pixels at a time; float32, shape (n, some of the most after, room)."""
    step = xp.asarray((before / after).astype(np.float32))[:, None, None]
    last = xp.asarray((before - 1).astype(np.float32))[:, None, None]
    here = xp.arange(room, dtype=xp.float32)[None, None, :]
    most, some = int(after.max()), max(1, WEIGHTS // (len(before) * room))
    for first in range(0, most, some):
        there = xp.arange(first, min(first + some, most), dtype=xp.float32)[None, :, None]
        lines = xp.clip(1 - xp.abs(xp.clip((there + 0.5) * step - 0.5, 0, last) - here), 0, 1)
        areas = xp.clip(xp.minimum((there + 1) * step, here + 1) - xp.maximum(there * step, here), 0, 1) / step
        weights = xp.where(xp.asarray(averaged)[:, None, None], areas, lines)
        yield weights * (there < xp.asarray(after)[:, None, None])

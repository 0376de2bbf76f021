"""What segmentation does to one mask, done to a stack of them at once, in array code that runs on either device.

Masks are bool arrays of shape (n, H, W), one image after the other; nothing reaches from one image into the next.
"""

import cv2
import numpy as np

IN_PLANE = np.zeros((2, 3, 3, 3), bool)
IN_PLANE[0, 1], IN_PLANE[1, 1] = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), True
BY_SIDES, BY_CORNERS = IN_PLANE
LEVELS = 256  # of a histogram


def quantile(xp, values, inside, share, span):
    """`network.quantile` of each plane's values inside a mask; infinite where there are none.

    Histograms find it, since sorting takes a device longer than all else: to a 65536th of the span, exactly for bytes
    in a span of 256.

    Parameters
    ----------
    xp : module
        The array library.
    values : array, shape (..., H, W)
    inside : bool array that broadcasts to it
    share : float
    span : tuple of float
        What the values lie between.

    Returns
    -------
    float32 array, shape (...)
    """
    planes, (low, high) = values.shape[:-2], span
    inside = xp.broadcast_to(inside, values.shape).reshape(-1, values.shape[-2] * values.shape[-1])
    code = xp.clip((values.reshape(inside.shape) - low) * (LEVELS**2 / (high - low)), 0, LEVELS**2 - 1).astype(xp.int32)
    pixels = xp.count_nonzero(inside, axis=1)
    wanted = (share * pixels).astype(xp.int64)
    coarse, before = _place(xp, xp.where(inside, code // LEVELS, LEVELS), wanted)
    fine, _ = _place(xp, xp.where(inside & (code // LEVELS == coarse[:, None]), code % LEVELS, LEVELS), wanted - before)
    found = low + (coarse * LEVELS + fine) * ((high - low) / LEVELS**2)
    return xp.where(pixels > 0, found, np.inf).astype(xp.float32).reshape(planes)


def _place(xp, levels, wanted):
    """The level at which so many values of a row lie below, and how many do; level 256 does not count."""
    rows = len(levels)
    numbers = levels + (LEVELS + 1) * xp.arange(rows)[:, None]
    counts = xp.bincount(numbers.reshape(-1), minlength=(LEVELS + 1) * rows).reshape(rows, LEVELS + 1)[:, :LEVELS]
    below = xp.cumsum(counts, axis=1)
    at = xp.argmax(below > wanted[:, None], axis=1)
    return at, xp.take_along_axis(below - counts, at[:, None], axis=1)[:, 0]


def count(xp, masks):
    """Pixels of each mask; int array, shape (n,)."""
    return xp.count_nonzero(masks, axis=(1, 2))


def mean(xp, values, masks):
    """Mean of each plane's values under its mask, 0 where that is empty; shape (n,)."""
    return (values * masks).sum(axis=(1, 2)) / xp.maximum(count(xp, masks), 1)


class Parts:
    """The connected parts of all masks of a stack, told apart and measured.

    Parameters
    ----------
    arrays : leukobench.devices.Arrays
    masks : bool array, shape (n, H, W)
    structure : BY_SIDES or BY_CORNERS
        Whether pixels that share only a corner belong together.

    Attributes
    ----------
    labels : int array, shape (n, H, W)
        0 outside, else the number of the part among those of all images.
    """

    def __init__(self, arrays, masks, structure):
        self.xp = arrays.xp
        self.labels, self.number = arrays.ndimage.label(masks, structure)

    def sums(self, where, *weights):
        """Sums of weights over the pixels `where` of each part, of None their number; arrays, label 0 first."""
        xp = self.xp
        # only these take part: so many additions to the count of the background would wait for one another
        at = xp.flatnonzero(where)
        labels = self.labels.reshape(-1)[at]
        given = [None if each is None else xp.broadcast_to(each, where.shape).reshape(-1)[at] for each in weights]
        return [xp.bincount(labels, weights=each, minlength=self.number + 1) for each in given]

    def of(self, values):
        """For each pixel the value of its part."""
        return values[self.labels]

    def best(self, weights):
        """Of each image the part of the greatest weight, as masks; a weight is above 0."""
        xp, flat = self.xp, self.labels.reshape(len(self.labels), -1)
        weights = weights.copy()
        weights[:1] = 0
        at = xp.argmax(weights[flat], axis=1)
        chosen = xp.take_along_axis(flat, at[:, None], axis=1)[:, :, None]
        return (self.labels == chosen) & (chosen > 0)


def boundary(xp, masks):
    """The pixels that have a side in common with what is outside."""
    framed = xp.pad(masks, ((0, 0), (1, 1), (1, 1)))
    return masks & ~(framed[:, 2:, 1:-1] & framed[:, :-2, 1:-1] & framed[:, 1:-1, 2:] & framed[:, 1:-1, :-2])


class Holes(Parts):
    """What masks enclose: parts of their background that reach no border of the image."""

    def __init__(self, arrays, masks):
        super().__init__(arrays, ~arrays.xp.pad(masks, ((0, 0), (1, 1), (1, 1))), BY_SIDES)
        outside = self.labels[:, :1, :1]
        self.labels = (self.labels * (self.labels != outside))[:, 1:-1, 1:-1]


def largest_part(arrays, masks):
    """Of each mask the part with the most pixels."""
    parts = Parts(arrays, masks, BY_CORNERS)
    return parts.best(*parts.sums(masks, None))


def without_small(arrays, masks, least):
    """Masks without small parts, and then without small holes; `least` is an area for each image, in px.

    Areas are those of the polygon through an outline's pixels, as OpenCV gives them: by Pick's theorem (1899) half the
    outline and a pixel less than a part holds, and half the outline and a pixel more than a hole does.
    """
    xp = arrays.xp
    least = least[:, None, None]
    parts = Parts(arrays, masks, BY_CORNERS)
    (area,) = parts.sums(masks, 1 - boundary(xp, masks) / 2)
    masks = masks & (parts.of(area - 1) >= least)
    holes = Holes(arrays, masks)
    within = holes.labels > 0
    (area,) = holes.sums(within, 1 + boundary(xp, within) / 2)
    return masks | (within & (holes.of(area + 1) < least))


def discs(arrays, reach):
    """Half the width of each row of discs, as `eroded` takes it: OpenCV's ellipses of so many px to each side.

    Parameters
    ----------
    arrays : leukobench.devices.Arrays
    reach : float array of that library, shape (n,)
        Whole numbers.

    Returns
    -------
    int array of that library, shape (n, 2 * furthest + 1)
        -1 where a disc has no such row.
    """
    furthest = int(reach.max())
    table = np.full((furthest + 1, 2 * furthest + 1), -1)
    for radius in range(furthest + 1):
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
        table[radius, furthest - radius : furthest + radius + 1] = (disc.sum(axis=1) - 1) // 2
    return arrays.xp.asarray(table)[reach.astype(arrays.xp.int64)]


def eroded(xp, masks, halves, beyond=True):
    """Erosion by an element of its own for each image.

    Parameters
    ----------
    xp : module
    masks : bool array, shape (n, H, W)
    halves : int array, shape (n, 2 R + 1)
        Half the width of the element's rows, from `discs`.
    beyond : bool, default True
        What is taken to lie beyond the border.

    Returns
    -------
    bool array, shape (n, H, W)
    """
    n, height, width = masks.shape
    reach = halves.shape[1] // 2
    side = ((0, 0), (reach, reach), (reach, reach))
    missing = xp.pad(~masks, side, constant_values=not beyond)
    # a row of the element fits where no pixel is missing between its ends
    missing = xp.pad(xp.cumsum(missing, axis=2, dtype=xp.int32), ((0, 0), (0, 0), (1, 0)))
    across, flat = missing.shape[2], missing.reshape(-1)
    here = (xp.arange(n)[:, None, None] * missing.shape[1] + xp.arange(height)[None, :, None]) * across
    here = (here + xp.arange(width) + reach).astype(xp.int64 if flat.size > np.iinfo(np.int32).max else xp.int32)
    fits = xp.ones(masks.shape, bool)
    for row in range(2 * reach + 1):
        half = halves[:, row, None, None].astype(here.dtype)
        # of a row that an element does not have both ends are one place
        first, last = xp.minimum(-half, 0), half + 1
        fits &= flat[here + (row * across + last)] == flat[here + (row * across + first)]
    return fits


def opened(xp, masks, halves):
    """Opening by an element of its own for each image; a border takes nothing off, as in OpenCV."""
    return ~eroded(xp, ~eroded(xp, masks, halves), halves)


def box_sum(xp, planes, side):
    """Sum over squares of so many pixels, the border repeated; shape as before."""
    reach = side // 2
    framed = xp.pad(planes, (*((0, 0),) * (planes.ndim - 2), (reach, reach), (reach, reach)), mode="edge")
    height, width = planes.shape[-2:]
    rows = sum(framed[..., dy : dy + height, :] for dy in range(side))
    return sum(rows[..., dx : dx + width] for dx in range(side))

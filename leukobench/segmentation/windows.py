"""Where the small pictures of a stack of images lie, and windows of the images around what was found in them.

Shrinking and enlarging are products with matrices, made by OpenCV's own interpolation.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from leukobench.segmentation.network import SIDE, shrinking_steps
from leukobench.segmentation.segmenter import CENTRED, FALLBACK_AXES, SPUR
from leukobench.segmentation.stacks import BY_CORNERS, Holes, Parts, boundary, count, discs, opened


class SmallPictures:
    """The small pictures of a stack: where on its square each lies, and the way there and back."""

    def __init__(self, xp, shapes):
        self.xp = xp
        # an image without pixels is taken for one pixel of the canvas
        shapes = np.maximum(shapes, 1)
        different, which = np.unique(shapes, axis=0, return_inverse=True)
        self.high, self.wide = different.max(axis=0).tolist()
        lenses = [_lens(*shape) for shape in different.tolist()]
        sides = [(side, 0) for side in (self.high, self.wide)]
        self.down = [_stacked(xp, [lens.down[axis] for lens in lenses], (SIDE, sides[axis][0])) for axis in (0, 1)]
        self.up = [_stacked(xp, [lens.up[axis] for lens in lenses], (sides[axis][0], SIDE)) for axis in (0, 1)]
        self.which = xp.asarray(which.reshape(-1))
        self.shapes = xp.asarray(shapes)
        places = xp.asarray(np.array([lens.place for lens in lenses]))[self.which]
        self.top, self.left, self.height, self.width = (places[:, k, None, None] for k in range(4))
        y, x = xp.arange(SIDE)[None, :, None] - self.top, xp.arange(SIDE)[None, None, :] - self.left
        self.within = (y >= 0) & (y < self.height) & (x >= 0) & (x < self.width)
        self.even_rows = y % 2 == 0

    def shrink(self, images):
        """Grey values of the small pictures, a shorter side filled up by its border; float32, (n, 3, SIDE, SIDE)."""
        xp = self.xp
        rows, columns = (self.of_all(matrices) for matrices in self.down)
        planes = images[:, : self.high, : self.wide].transpose(0, 3, 1, 2).astype(xp.float32)
        return xp.rint(xp.matmul(xp.matmul(rows[:, None], planes), columns.transpose(0, 2, 1)[:, None]))

    def of_all(self, matrices):
        """One for each image; one for all where they have one shape."""
        return matrices if len(matrices) == 1 else matrices[self.which]

    def on_canvas(self, high, wide):
        """Which pixels of a canvas an image has; bool array, shape (n, high, wide)."""
        xp, shapes = self.xp, self.shapes[:, :, None, None]
        return (xp.arange(high)[None, :, None] < shapes[:, 0]) & (xp.arange(wide)[None, None, :] < shapes[:, 1])

    def central_part(self, arrays, masks):
        """Of each mask the part that is large and near the centre, its holes closed."""
        xp = self.xp
        masks = masks | (Holes(arrays, masks).labels > 0)
        parts = Parts(arrays, masks, BY_CORNERS)
        y, x = xp.arange(SIDE)[None, :, None] - self.top + 0.5, xp.arange(SIDE)[None, None, :] - self.left + 0.5
        side = xp.minimum(self.height, self.width)
        edge, down, across = parts.sums(
            boundary(xp, masks), None, (y - self.height / 2) / side, (x - self.width / 2) / side
        )
        edge = xp.maximum(edge, 1)
        away = (down / edge) ** 2 + (across / edge) ** 2
        # also a part that is nowhere near has a weight
        return parts.best(parts.sums(masks, None)[0] * xp.exp(-away / CENTRED**2) + 1e-9)

    def without_spurs(self, arrays, masks):
        """The parts without what is thin."""
        xp = self.xp
        reach = xp.rint(SPUR * xp.sqrt(count(xp, masks) / np.pi))
        thick = opened(xp, masks | ~self.within, discs(arrays, reach)) & masks
        left = thick.any(axis=(1, 2))[:, None, None]
        return xp.where(left, self.central_part(arrays, thick), masks)

    def window_around(self, masks, high, wide):
        """A window of the canvas around each mask of the small pictures, of one size for all."""
        xp, starts, lengths = self.xp, [], []
        for axis, origin, extent in ((2, self.top, self.height), (1, self.left, self.width)):
            filled = masks.any(axis=axis)
            first = xp.argmax(filled, axis=1) - origin[:, 0, 0]
            last = SIDE - 1 - xp.argmax(filled[:, ::-1], axis=1) - origin[:, 0, 0]
            side = self.shapes[:, 2 - axis]
            scale = side / extent[:, 0, 0]
            # a pixel of the small picture for what enlarging adds, and one of the image for what features look at
            start = xp.clip(xp.floor((first - 1) * scale) - 1, 0, side)
            starts.append(start.astype(xp.int64))
            lengths.append(xp.clip(xp.ceil((last + 2) * scale) + 1, 0, side) - start)
        # the one number that must be known here: how large the windows are
        size = [max(1, int(length.max())) for length in lengths]
        top, left = (xp.minimum(start, full - s) for start, full, s in zip(starts, (high, wide), size, strict=True))
        return Window(self, xp.maximum(top, 0), xp.maximum(left, 0), *size)


@dataclass
class Window:
    """So many rows and columns of the canvas of each image."""

    small: SmallPictures
    top: Any
    left: Any
    height: int
    width: int

    def __post_init__(self):
        xp = self.small.xp
        self.rows = self.top[:, None] + xp.arange(self.height)
        self.columns = self.left[:, None] + xp.arange(self.width)
        self.at = xp.arange(len(self.top))[:, None, None], self.rows[:, :, None], self.columns[:, None, :]
        shapes = self.small.shapes
        self.valid = (self.at[1] < shapes[:, 0, None, None]) & (self.at[2] < shapes[:, 1, None, None])

    def centred_ellipses(self):
        """`segmenter.centred_ellipses` of each image, as far as they lie in its window."""
        xp, (_, y, x), shapes = self.small.xp, self.at, self.small.shapes
        high, wide = shapes[:, 0, None, None], shapes[:, 1, None, None]
        away = ((x + 0.5 - wide / 2) / wide) ** 2 + ((y + 0.5 - high / 2) / high) ** 2
        masks = sum((away <= axis**2).astype(xp.uint8) for axis in FALLBACK_AXES)
        # a strip may have no pixel so near its middle
        masks = xp.where((y == high // 2) & (x == wide // 2), 2, masks)
        return (masks * self.valid).astype(xp.uint8)

    def enlarge(self, levels):
        """Levels (n, k, SIDE, SIDE) of the small pictures at full size; k arrays of shape (n, height, width)."""
        xp, (up_rows, up_columns) = self.small.xp, self.small.up
        which = self.small.which[:, None]
        rows = up_rows[which, xp.minimum(self.rows, up_rows.shape[1] - 1)]
        columns = up_columns[which, xp.minimum(self.columns, up_columns.shape[1] - 1)]
        full = xp.matmul(xp.matmul(rows[:, None], levels), columns.transpose(0, 2, 1)[:, None])
        return [full[:, k] for k in range(levels.shape[1])]


@dataclass
class _Lens:
    """Matrices that shrink rows and columns of a shape to the square and enlarge them again, and its place there."""

    down: tuple
    up: tuple
    place: tuple  # top, left, height, width


@lru_cache(maxsize=256)
def _lens(height, width):
    down = [np.eye(side, dtype=np.float32) for side in (height, width)]
    for (wide, high), interpolation in shrinking_steps(height, width):
        down = [
            cv2.resize(matrix, (matrix.shape[1], side), interpolation=interpolation)
            for matrix, side in zip(down, (high, wide), strict=True)
        ]
    sides = [len(matrix) for matrix in down]
    starts = [(SIDE - side) // 2 for side in sides]
    up = []
    for side, start, full in zip(sides, starts, (height, width), strict=True):
        matrix = cv2.resize(np.eye(side, dtype=np.float32), (side, full), interpolation=cv2.INTER_LINEAR)
        up.append(np.pad(matrix, ((0, 0), (start, SIDE - side - start))))
    filled = tuple(
        matrix[np.clip(np.arange(SIDE) - start, 0, len(matrix) - 1)] for matrix, start in zip(down, starts, strict=True)
    )
    return _Lens(filled, tuple(up), (*starts, *sides))


def _stacked(xp, matrices, shape):
    """Matrices one behind the other on the device, filled up with zeros."""
    stack = np.zeros((len(matrices), *shape), np.float32)
    for target, matrix in zip(stack, matrices, strict=True):
        target[: matrix.shape[0], : matrix.shape[1]] = matrix
    return xp.asarray(stack)

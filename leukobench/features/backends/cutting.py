"""Cells of stacks in the host's memory cut out by compiled loops, which leave the interpreter lock."""

import numpy as np
from numba import carray, njit

from leukobench.features.backends.cpu.cached import where_writable
from leukobench.features.backends.cpu.memory import pointer

__all__ = ["cut", "find_boxes"]


def _compiled(function):
    return where_writable(lambda: njit(nogil=True, cache=True)(function))


@_compiled
def find_boxes(masks, shapes, boxes):
    """Bounding box of each mask and one pixel around it, and its largest label; one pixel of a mask that is empty.

    Parameters
    ----------
    masks : int64 array, shape (n,)
        Addresses of uint8 arrays, contiguous: a list of arrays would be unpacked one by one under the interpreter lock.
    shapes : int64 array, shape (n, 2)
        Of the masks.
    boxes : int64 array, shape (n, 5)
        Written to: top, left, bottom, right (the last two past the end) and the label.
    """
    for k in range(len(masks)):
        height, width = shapes[k, 0], shapes[k, 1]
        mask = carray(pointer(masks[k]), (height, width), np.uint8)
        across = np.zeros(width, np.uint8)
        top, bottom = height, -1
        for y in range(height):
            seen = 0
            for x in range(width):
                seen |= mask[y, x]
            if seen:
                top, bottom = min(top, y), y
                for x in range(width):
                    across[x] = max(across[x], mask[y, x])
        if bottom < 0:
            boxes[k] = np.array([0, 0, 1, 1, 0])
            continue
        left, right = 0, width - 1
        while not across[left]:
            left += 1
        while not across[right]:
            right -= 1
        boxes[k, 0], boxes[k, 1] = max(top - 1, 0), max(left - 1, 0)
        boxes[k, 2], boxes[k, 3] = min(bottom + 2, height), min(right + 2, width)
        boxes[k, 4] = across.max()


@_compiled
def cut(images, masks, shapes, boxes, offsets, ends, pixels, labels):
    """Copy what lies in the boxes into flat buffers.

    Parameters
    ----------
    images, masks : int64 array, shape (n,)
        Addresses of uint8 arrays, contiguous.
    shapes : int64 array, shape (n, 2)
        Of the masks.
    boxes : int64 array, shape (n, 5)
        Of `find_boxes`.
    offsets, ends : int64 array, shape (n,)
        The pixels of the buffers that are a cell's own; those behind its last are labelled 0.
    pixels, labels : uint8 array, shape (3 * total,), (total,)
        Written to.
    """
    for k in range(len(masks)):
        height, width = shapes[k, 0], shapes[k, 1]
        rows = carray(pointer(images[k]), (height, 3 * width), np.uint8)
        mask = carray(pointer(masks[k]), (height, width), np.uint8)
        top, left, bottom, right = boxes[k, 0], boxes[k, 1], boxes[k, 2], boxes[k, 3]
        at, columns = offsets[k], right - left
        for y in range(top, bottom):
            # Of indices without a sign Numba need not ask whether they count from the end, and copies in one go.
            for x in range(np.uint64(columns)):
                labels[np.uint64(at) + x] = mask[y, np.uint64(left) + x]
            for x in range(np.uint64(3 * columns)):
                pixels[np.uint64(3 * at) + x] = rows[y, np.uint64(3 * left) + x]
            at += columns
        labels[at : ends[k]] = 0

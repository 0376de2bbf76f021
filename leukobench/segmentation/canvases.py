"""Images of any size on canvases, a bounded number at a time, as `batched.segment_stack` takes them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from leukobench.imaging.check import check_images
from leukobench.segmentation.batched import segment_stack

CANVAS_BYTES = 256 << 20
"""Most bytes of a canvas, unless a single image has more; what is computed in it takes some ten times as many."""
CANVAS_IMAGES = 512
"""Most images of a canvas; the network takes 3 MB for each."""
MEMORY = 32 << 30
"""Bytes of a device's memory for which canvases are as large as that; where there are more, they are larger: the host
takes as long to ask for what is done on a small one."""
THREADS = 4
"""Threads that copy images to a canvas: more do not copy faster."""


def canvas_room(arrays):
    """Most images and bytes of a canvas on a device.

    Parameters
    ----------
    arrays : leukobench.devices.Arrays

    Returns
    -------
    images, bytes : int
    """
    times = max(1, arrays.memory() // MEMORY)
    return CANVAS_IMAGES * times, CANVAS_BYTES * times


def segment_in_stacks(arrays, images):
    """Masks and quality as `segment` returns them, the masks in the memory of an array library.

    Parameters
    ----------
    arrays : leukobench.devices.Arrays
    images : sequence of uint8 arrays of the host or of that library, shape (H, W, 3)

    Returns
    -------
    masks : list of uint8 arrays of that library, shape (H, W)
    quality : ndarray, shape (n,)
    """
    images = list(map(arrays.as_its_own, images))
    there = bool(images) and isinstance(images[0], arrays.xp.ndarray)
    images = check_images(images, empty=True, kind=arrays.xp.ndarray if there else np.ndarray)
    masks, quality = [None] * len(images), np.zeros(len(images))
    for numbers, canvas, shapes in canvases(arrays, images):
        found = segment_stack(arrays, canvas, shapes)
        quality[numbers] = arrays.download(found.quality)
        for number, mask, (height, width) in zip(numbers, found.full_masks(), shapes.tolist(), strict=True):
            masks[number] = mask[:height, :width]
    return masks, quality


def canvases(arrays, images, most_bytes=None):
    """Stacks of images of similar size.

    Parameters
    ----------
    arrays : leukobench.devices.Arrays
    images : list of uint8 arrays of the host or of that library, shape (H, W, 3)
    most_bytes : int or None, default None
        Of a canvas; None takes what the device has room for.

    Yields
    ------
    numbers : list of int
        Which of the images these are.
    canvas : uint8 array of that library, shape (n, H, W, 3)
    shapes : int ndarray, shape (n, 2)
    """
    most_images, room = canvas_room(arrays)
    for numbers, largest in alike([image.shape[:2] for image in images], most_images, most_bytes or room):
        yield numbers, *_packed(arrays, [images[k] for k in numbers], largest)


def alike(shapes, most_images, most_bytes):
    """Which pictures of similar size share a canvas.

    Parameters
    ----------
    shapes : sequence of (int, int)
        Height and width of each, in px.
    most_images, most_bytes : int
        Of a canvas, unless a single picture has more.

    Yields
    ------
    numbers : list of int
        Which of the pictures these are.
    largest : int ndarray, shape (2,)
        Height and width that hold each of them.

    Examples
    --------
    >>> [numbers for numbers, _ in alike([(90, 90), (10, 10), (90, 80)], 2, 100_000)]
    [[1, 2], [0]]
    """
    numbers, largest = [], np.ones(2, int)
    for number in sorted(range(len(shapes)), key=lambda k: tuple(shapes[k])):
        grown = np.maximum(largest, shapes[number])
        if numbers and (len(numbers) == most_images or (len(numbers) + 1) * 3 * int(grown.prod()) > most_bytes):
            yield numbers, largest
            numbers, grown = [], np.maximum(shapes[number], 1)
        numbers.append(number)
        largest = grown
    if numbers:
        yield numbers, largest


def _packed(arrays, images, largest):
    """Images on a canvas of their library's memory, or on one of the host that is copied to the device at once."""
    on_host = isinstance(images[0], np.ndarray)
    shape = len(images), *largest.tolist(), 3
    canvas = arrays.room(shape, np.uint8) if on_host else arrays.xp.empty(shape, np.uint8)
    shapes = np.array([image.shape[:2] for image in images])
    if (shapes != largest).any():
        canvas[...] = 0
    if on_host:
        share = -(-len(images) // THREADS)
        with ThreadPoolExecutor(THREADS) as pool:
            list(
                pool.map(
                    _copy, *([part[k : k + share] for k in range(0, len(images), share)] for part in (canvas, images))
                )
            )
    else:
        _copy(canvas, images)
    return arrays.upload(canvas) if on_host else canvas, shapes


def _copy(canvas, images):
    for target, image in zip(canvas, images, strict=True):
        target[: image.shape[0], : image.shape[1]] = image

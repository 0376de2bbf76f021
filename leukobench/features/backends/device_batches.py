"""Batches on their way to the CUDA device: arrays that live there already, and cells cut out in the host's memory."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from leukobench.devices import as_cupy, lies_on_device, pinned
from leukobench.errors import UsageError
from leukobench.features.backends.cpu import thread_count
from leukobench.features.backends.cutting import cut, find_boxes
from leukobench.features.batch import LABELS, Batch, check_cell

__all__ = ["device_batches", "host_cells", "is_on_device"]

BUFFERS = 3
"""Two batches that are computed, and one on its way to the device."""


def is_on_device(arrays):
    """Whether this is a device array, or a list of them."""
    return lies_on_device(arrays[0] if isinstance(arrays, list | tuple) and len(arrays) else arrays)


def device_batches(images, masks, batch_bytes):
    """Batches of arrays that already live on the device; those of one stack are views of it.

    Parameters
    ----------
    images : device array of uint8, shape (n, H, W, 3), or sequence of device arrays of shape (H, W, 3)
        Anything with ``__cuda_array_interface__`` or ``__dlpack__``.
    masks : device array of uint8, shape (n, H, W), or sequence of device arrays of shape (H, W)
    batch_bytes : int

    Yields
    ------
    Batch

    Raises
    ------
    UsageError
        For an array of another type or shape, and a mask that does not fit its image.
    """
    import cupy

    stacked = hasattr(images, "shape")
    images, masks = (as_cupy(a) if stacked else [as_cupy(b) for b in a] for a in (images, masks))
    _check_count(images, masks)
    for k in range(min(len(masks), 1) if stacked else len(masks)):
        check_cell(k, images[k], masks[k])
    if stacked:
        all_shapes = np.full((len(masks), 2), masks.shape[1:3], np.int64)
    else:
        all_shapes = np.array([mask.shape for mask in masks], np.int64).reshape(-1, 2)
    for start, stop in pairwise([0, *_ends((4 * all_shapes.prod(1)).tolist(), batch_bytes)]):
        some = images[start:stop], masks[start:stop]
        pixels, labels = (
            part.ravel() if stacked else cupy.concatenate([each.ravel() for each in part]) for part in some
        )
        cupy.cuda.get_current_stream().synchronize()  # whoever made the arrays is done
        shapes = all_shapes[start:stop]
        sizes = shapes.prod(1)
        yield Batch(pixels, labels, np.cumsum(sizes) - sizes, shapes)


def host_cells(images, masks, batch_bytes):
    """Batches of cells cut out of images in the host's memory, by all threads, into page-locked memory.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, H, W, 3), or sequence of ndarray of shape (H, W, 3)
    masks : ndarray of uint8, shape (n, H, W), or sequence of ndarray of shape (H, W)
    batch_bytes : int
        Of the images, before their cells are cut out.

    Yields
    ------
    Batch
        A batch's memory is used again for the fourth after it, so that one may be packed while `BUFFERS` are in use.

    Raises
    ------
    UsageError
        For an array of another type or shape, a mask that does not fit its image, or a label above 2.
    """
    _check_count(images, masks)
    ring = [(np.empty(0, np.uint8), np.empty(0, np.uint8))] * (BUFFERS + 1)
    # what has no pixels is to be looked at, too
    limits = [0, *_ends([max(4 * np.size(mask), 1) for mask in masks], batch_bytes)]
    with ThreadPoolExecutor(thread_count()) as pool:
        for turn, (start, stop) in enumerate(pairwise(limits)):
            addresses, shapes, held = _located(start, images[start:stop], masks[start:stop])
            boxes = np.empty((stop - start, 5), np.int64)
            slabs = [slice(*ends) for ends in pairwise(np.linspace(0, stop - start, thread_count() + 1).astype(int))]
            _wait(pool.submit(find_boxes, addresses[1][slab], shapes[slab], boxes[slab]) for slab in slabs)
            if (boxes[:, 4] > 2).any():
                raise UsageError(f"mask {start + int((boxes[:, 4] > 2).argmax())} has a label above 2", LABELS)
            new_shapes = boxes[:, 2:4] - boxes[:, :2]
            ends = np.cumsum(-(-new_shapes.prod(1) // 8) * 8)
            offsets, total = np.append(0, ends[:-1]), int(ends[-1])
            if len(ring[turn % len(ring)][1]) < total:
                ring[turn % len(ring)] = pinned(3 * total, np.uint8), pinned(total, np.uint8)
            each, buffers = (*addresses, shapes, boxes, offsets, ends), ring[turn % len(ring)]
            _wait(pool.submit(cut, *(part[slab] for part in each), *buffers) for slab in slabs)
            del held
            yield Batch(buffers[0][: 3 * total], buffers[1][:total], offsets, new_shapes)


def _located(first, images, masks):
    """Addresses of images and of masks, the shapes of the masks, and the arrays, which must live as long."""
    # an array of objects holds no pixels, but the addresses of arrays
    if all(isinstance(part, np.ndarray) and part.dtype == np.uint8 for part in (images, masks)):
        held = stacks = [np.ascontiguousarray(part) for part in (images, masks)]
        check_cell(first, stacks[0][0], stacks[1][0])
        addresses = [part.ctypes.data + np.arange(len(part)) * part.strides[0] for part in stacks]
        return addresses, np.full((len(masks), 2), stacks[1].shape[1:], np.int64), held
    held = [[np.ascontiguousarray(each) for each in part] for part in (images, masks)]
    for k, (image, mask) in enumerate(zip(*held, strict=True)):
        check_cell(first + k, image, mask)
    addresses = [np.array([each.__array_interface__["data"][0] for each in part]) for part in held]
    return addresses, np.array([mask.shape for mask in held[1]], np.int64), held


def _wait(futures):
    """Wait for all, and raise what the first of them raised."""
    for future in [*futures]:
        future.result()


def _check_count(images, masks):
    if len(images) != len(masks):
        raise UsageError(f"{len(images)} images and {len(masks)} masks", "give one mask per image")


def _ends(sizes, most):
    """Where batches end, each of at most so many bytes or of one image."""
    used = 0
    for k, size in enumerate(sizes):
        if used and used + size > most:
            yield k
            used = 0
        used += size
    if used:
        yield len(sizes)

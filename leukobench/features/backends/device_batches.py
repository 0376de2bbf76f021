"""Batches on their way to the CUDA device: arrays that live there already, and stacks in the host's memory."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from leukobench.errors import UsageError
from leukobench.features.backends.cpu import thread_count
from leukobench.features.batch import Batch, check_cell

__all__ = ["device_batches", "host_stacks", "is_on_device", "pinned"]

BUFFERS = 3
"""Two batches in flight and one being packed."""

_DLPACK_CUDA = 2


def pinned(shape, dtype):
    """Page-locked host memory, from CuPy's pool: copies from there do not wait."""
    import cupy

    size = int(np.prod(shape))
    memory = cupy.cuda.alloc_pinned_memory(max(size * np.dtype(dtype).itemsize, 1))
    return np.frombuffer(memory, dtype, size).reshape(shape)


def is_on_device(arrays):
    """Whether this is a device array, or a list of them."""
    first = arrays[0] if isinstance(arrays, list | tuple) and len(arrays) else arrays
    if hasattr(first, "__cuda_array_interface__"):
        return True
    return hasattr(first, "__dlpack_device__") and first.__dlpack_device__()[0] == _DLPACK_CUDA


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
    images, masks = (_as_cupy(a) if stacked else [_as_cupy(b) for b in a] for a in (images, masks))
    _check_count(images, masks)
    if stacked:
        for rows in _of_stack(images, masks, batch_bytes):
            cupy.cuda.get_current_stream().synchronize()  # whoever made the arrays is done
            yield _stack(images[rows].ravel(), masks[rows].ravel(), masks[rows].shape)
        return
    for k, (image, mask) in enumerate(zip(images, masks, strict=True)):
        check_cell(k, image, mask)
    all_shapes = np.array([mask.shape for mask in masks], np.int64).reshape(-1, 2)
    start = 0
    for stop in _ends(4 * all_shapes.prod(1), batch_bytes):
        pixels, labels = (cupy.concatenate([a.ravel() for a in part[start:stop]]) for part in (images, masks))
        cupy.cuda.get_current_stream().synchronize()
        shapes = all_shapes[start:stop]
        sizes = shapes.prod(1)
        yield Batch(pixels, labels, np.cumsum(sizes) - sizes, shapes)
        start = stop


def host_stacks(images, masks, batch_bytes):
    """Batches of two stacks in the host's memory, copied into page-locked memory by all threads.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, H, W, 3)
    masks : ndarray of uint8, shape (n, H, W)
    batch_bytes : int

    Yields
    ------
    Batch
        A batch's memory is used again for the third after it.

    Raises
    ------
    UsageError
        For an array of another type or shape, and masks that do not fit the images.
    """
    _check_count(images, masks)
    threads = thread_count()
    ring = [None] * BUFFERS
    with ThreadPoolExecutor(threads) as pool:
        for turn, rows in enumerate(_of_stack(images, masks, batch_bytes)):
            parts = images[rows], masks[rows]
            if ring[turn % BUFFERS] is None:
                ring[turn % BUFFERS] = [pinned(part.shape, np.uint8) for part in parts]
            here = [buffer[: len(part)] for buffer, part in zip(ring[turn % BUFFERS], parts, strict=True)]
            slabs = np.array_split(np.arange(len(parts[1])), threads)
            slabs = [slice(slab[0], slab[-1] + 1) for slab in slabs if len(slab)]
            for buffer, part in zip(here, parts, strict=True):
                list(pool.map(lambda slab, to=buffer, of=part: np.copyto(to[slab], of[slab]), slabs))
            yield _stack(here[0].ravel(), here[1].ravel(), here[1].shape)


def _check_count(images, masks):
    if len(images) != len(masks):
        raise UsageError(f"{len(images)} images and {len(masks)} masks", "give one mask per image")


def _of_stack(images, masks, batch_bytes):
    """Slices of two stacks that make a batch each."""
    if not len(masks):
        return
    check_cell(0, images[0], masks[0])
    step = max(1, batch_bytes // (4 * masks[0].size))
    for start in range(0, len(masks), step):
        yield slice(start, min(start + step, len(masks)))


def _stack(pixels, labels, shape):
    count, height, width = shape
    shapes = np.full((count, 2), (height, width), np.int64)
    return Batch(pixels, labels, np.arange(count, dtype=np.int64) * height * width, shapes)


def _ends(sizes, most):
    """Where batches end, each of at most so many bytes or of one image."""
    used = 0
    for k, size in enumerate(sizes.tolist()):
        if used and used + size > most:
            yield k
            used = 0
        used += size
    if used:
        yield len(sizes)


def _as_cupy(array):
    import cupy

    return cupy.asarray(array) if hasattr(array, "__cuda_array_interface__") else cupy.from_dlpack(array)

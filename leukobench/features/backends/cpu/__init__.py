"""CPU backend: one fused, compiled pass per cell, threads across cells."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from leukobench.errors import UsageError
from leukobench.features.backends import reference
from leukobench.features.backends.cpu.cached import calls_of, compiled, plan_of
from leukobench.features.batch import LABELS, cut_out, groups
from leukobench.features.registry import all_parts

__all__ = ["compute", "thread_count", "warm_up"]

BATCH_BYTES = 8 << 20
"""Default size of a batch for each thread: images are held for it, but not copied."""

_CHUNKS_PER_THREAD = 2


def thread_count():
    """Threads that the kernels use: NUMBA_NUM_THREADS, or the cores this process may run on."""
    return int(os.environ.get("NUMBA_NUM_THREADS") or len(os.sched_getaffinity(0)))


def compute(images, masks, parts, batch_bytes=None):
    """Values of parts, batch by batch; lengths in pixels.

    The kernels read images and masks where they lie. While threads compute one batch, the next one is collected. The
    threads are Python's and the kernels leave the interpreter lock: so callers may be threads or forked processes
    themselves.

    Parameters
    ----------
    images, masks : iterable of ndarray
    parts : sequence of FeaturePart
    batch_bytes : int or None, default None

    Yields
    ------
    ndarray of float64, shape (n, columns of the parts)

    Raises
    ------
    UsageError
        For an array of another type or shape, a mask that does not fit its image, or a label above 2.
    """
    ends = np.cumsum([len(part.columns) for part in parts]).tolist()
    columns = {part.name: slice(end - len(part.columns), end) for part, end in zip(parts, ends, strict=True)}
    fused = [part.name for call in calls_of(all_parts()).values() for part in call]
    at = np.array([columns[name].start if name in columns else -1 for name in fused])
    if not (at >= 0).any():
        yield from reference.compute(images, masks, parts, batch_bytes)
        return
    entry = compiled(plan_of(all_parts()))
    others = [part for part in parts if part.name not in fused]
    threads = thread_count()
    with ThreadPoolExecutor(threads) as pool:
        running, first = None, 0
        for cells in groups(images, masks, batch_bytes or threads * BATCH_BYTES, _readable):
            out = np.full((len(cells), ends[-1]), np.nan)
            chunks = _start(pool, threads, entry, cells, at, out)
            tasks = [pool.submit(_measure, cells, part, out[:, columns[part.name]]) for part in others]
            # The cells are kept until the kernels, which know their addresses alone, are done.
            started = cells, first, out, chunks, tasks
            first += len(cells)
            if running is not None:
                yield _finish(*running)
            running = started
        if running is not None:
            yield _finish(*running)


def _readable(image, mask):
    """An image and a mask that the kernels can read: without gaps, and eight labels at a time."""
    image, mask = np.ascontiguousarray(image), np.ascontiguousarray(mask)
    return image, mask if _address(mask) % 8 == 0 else mask.copy()


def _address(array):
    return array.__array_interface__["data"][0]


def _start(pool, threads, entry, cells, at, out):
    """Hand cells to the threads in chunks of about equal area: each a range of rows, and what is computed of it."""
    images, masks = np.array([(_address(image), _address(mask)) for image, mask in cells], np.int64).T.copy()
    shapes = np.array([mask.shape for _, mask in cells], np.int64)
    area = np.cumsum(shapes.prod(1))
    shares = np.linspace(0, area[-1], threads * _CHUNKS_PER_THREAD + 1)[1:-1]
    ranges = pairwise(np.unique([0, *np.searchsorted(area, shares), len(cells)]).tolist())
    return [(stop, pool.submit(entry, images, masks, shapes, start, stop, at, out)) for start, stop in ranges]


def _measure(cells, part, out):
    """Fill the columns of a part that has no kernel."""
    out[:] = reference.measure(cells if part.whole else (cut_out(*cell) for cell in cells), [part])


def _finish(cells, first, out, chunks, tasks):
    """What is computed of cells, once it is; `first` is the number of the first of them."""
    for stop, chunk in chunks:
        if chunk.result() < stop:
            raise UsageError(f"mask {first + chunk.result()} has a label above 2", LABELS)
    for task in tasks:
        task.result()
    return out


def warm_up():
    """Compile the kernels, or load them from Numba's cache, ahead of the first image."""
    compiled(plan_of(all_parts()))

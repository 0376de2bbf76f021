"""CPU backend: one fused, compiled pass per cell, threads across cells."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from leukobench.features.backends.cpu.kernel import PARTS, WIDTHS, compiled
from leukobench.features.batch import BATCH_BYTES, stream

__all__ = ["compute", "thread_count", "warm_up"]

_CHUNKS_PER_THREAD = 4


def thread_count():
    """Threads that the kernels use: NUMBA_NUM_THREADS, or the cores this process may run on."""
    return int(os.environ.get("NUMBA_NUM_THREADS") or len(os.sched_getaffinity(0)))


def compute(images, masks, parts, batch_bytes=None):
    """Values of the catalogue's parts, batch by batch; lengths in pixels.

    While threads compute one batch, the next one is packed. The threads are Python's and the kernels leave the
    interpreter lock: so callers may be threads or forked processes themselves.

    Parameters
    ----------
    images, masks : iterable of ndarray
    parts : sequence of str
    batch_bytes : int or None, default None

    Yields
    ------
    ndarray of float64, shape (n, columns of the parts)
    """
    at, width = _columns(parts)
    threads = thread_count()
    with ThreadPoolExecutor(threads) as pool:
        running = None
        for batch in stream(images, masks, batch_bytes or BATCH_BYTES, whole="background" in parts):
            started = _start(pool, threads, batch, at, np.empty((len(batch), width)))
            if running is not None:
                yield _finish(running)
            running = started
        if running is not None:
            yield _finish(running)


def _columns(parts):
    """First column of each part, -1 where it is not wanted, and the number of columns."""
    at, width = np.full(len(PARTS), -1), 0
    for part in parts:
        k = PARTS.index(part)
        at[k], width = width, width + WIDTHS[k]
    return at, width


def _start(pool, threads, batch, at, out):
    """Hand the batch's cells to the threads in chunks of about equal area."""
    area = np.cumsum(batch.shapes.prod(1))
    shares = np.linspace(0, area[-1], threads * _CHUNKS_PER_THREAD + 1)[1:-1]
    edges = np.unique([0, *np.searchsorted(area, shares), len(batch)])
    words = batch.labels.view(np.uint64)
    fixed = batch.pixels, batch.labels, words, batch.offsets, batch.shapes
    entry = compiled()
    return out, [pool.submit(entry, *fixed, int(start), int(stop), at, out) for start, stop in pairwise(edges)]


def _finish(running):
    out, tasks = running
    for task in tasks:
        task.result()
    return out


def warm_up():
    """Compile the kernels, or load them from Numba's cache, ahead of the first image."""
    compiled()

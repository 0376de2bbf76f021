"""CPU backend: one fused, compiled pass per cell, threads across cells."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from leukobench.features.backends.cpu.cached import calls_of, compiled, plan_of
from leukobench.features.backends.reference import measure
from leukobench.features.batch import BATCH_BYTES, stream
from leukobench.features.registry import all_parts

__all__ = ["compute", "thread_count", "warm_up"]

_CHUNKS_PER_THREAD = 2


def thread_count():
    """Threads that the kernels use: NUMBA_NUM_THREADS, or the cores this process may run on."""
    return int(os.environ.get("NUMBA_NUM_THREADS") or len(os.sched_getaffinity(0)))


def compute(images, masks, parts, batch_bytes=None):
    """Values of parts, batch by batch; lengths in pixels.

    While threads compute one batch, the next one is packed. The threads are Python's and the kernels leave the
    interpreter lock: so callers may be threads or forked processes themselves.

    Parameters
    ----------
    images, masks : iterable of ndarray
    parts : sequence of FeaturePart
    batch_bytes : int or None, default None

    Yields
    ------
    ndarray of float64, shape (n, columns of the parts)
    """
    ends = np.cumsum([len(part.columns) for part in parts]).tolist()
    columns = {part.name: slice(end - len(part.columns), end) for part, end in zip(parts, ends, strict=True)}
    fused = [part.name for call in calls_of(all_parts()).values() for part in call]
    at = np.array([columns[name].start if name in columns else -1 for name in fused])
    entry = compiled(plan_of(all_parts())) if (at >= 0).any() else None
    others = [part for part in parts if part.name not in fused]
    threads = thread_count()
    with ThreadPoolExecutor(threads) as pool:
        running = None
        limit, whole = batch_bytes or threads * BATCH_BYTES, any(part.whole for part in parts)
        for batch in stream(images, masks, limit, whole=whole):
            out = np.empty((len(batch), ends[-1]))
            tasks = _start(pool, threads, entry, batch, at, out) if entry else []
            tasks += [pool.submit(_measure, batch, part, out[:, columns[part.name]]) for part in others]
            started = out, tasks
            if running is not None:
                yield _finish(running)
            running = started
        if running is not None:
            yield _finish(running)


def _start(pool, threads, entry, batch, at, out):
    """Hand the batch's cells to the threads in chunks of about equal area."""
    area = np.cumsum(batch.shapes.prod(1))
    shares = np.linspace(0, area[-1], threads * _CHUNKS_PER_THREAD + 1)[1:-1]
    edges = np.unique([0, *np.searchsorted(area, shares), len(batch)])
    words = batch.labels.view(np.uint64)
    fixed = batch.pixels, batch.labels, words, batch.offsets, batch.shapes
    return [pool.submit(entry, *fixed, int(start), int(stop), at, out) for start, stop in pairwise(edges)]


def _measure(batch, part, out):
    """Fill the columns of a part that has no kernel."""
    out[:] = measure(batch.cells(), [part])


def _finish(running):
    out, tasks = running
    for task in tasks:
        task.result()
    return out


def warm_up():
    """Compile the kernels, or load them from Numba's cache, ahead of the first image."""
    compiled(plan_of(all_parts()))

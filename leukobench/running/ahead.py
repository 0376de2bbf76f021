"""Worker processes that get ready while their parent does: both import for a second before the first image."""

import contextlib
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import numpy as np

from leukobench.running.pool import FOR_IMAGES, LocalPool, worker_count

ENOUGH = 64  # files; with fewer the workers take longer to start than the images do


@contextlib.contextmanager
def workers_for(paths, jobs, device):
    """Workers for the images that some paths name, where these are many.

    It imports nothing that takes long, so that it can be called first of all.

    Parameters
    ----------
    paths : sequence of path-like
    jobs : int or None
        How many; None is one per core.
    device : {"auto", "cpu", "cuda", "reference"}
        Where features will be computed.

    Yields
    ------
    LocalPool or None
        None where one process will do, or nobody can tell yet.
    """
    jobs = worker_count(jobs)
    found = itertools.chain.from_iterable(files for path in paths for _, _, files in os.walk(path))
    if jobs == 1 or sum(1 for _ in itertools.islice(found, ENOUGH)) < ENOUGH:
        yield None
        return
    with LocalPool(jobs) as pool, ThreadPoolExecutor(1) as beside:
        # The first task waits for the process that workers are forked from.
        beside.submit(lambda: [pool.submit(get_ready, device) for _ in range(jobs)])
        yield pool


def get_ready(device):
    """Import and load what the measuring of images needs."""
    from leukobench.features import extract_features
    from leukobench.segmentation import segment

    import_module(FOR_IMAGES)
    image = np.full((32, 32, 3), 255, np.uint8)
    extract_features([image], segment([image]), device=device)

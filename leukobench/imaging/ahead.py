"""Read files, and make ready what is read, ahead of whoever computes with it."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from shutil import disk_usage
from tempfile import NamedTemporaryFile, TemporaryDirectory

import numpy as np

from leukobench.imaging.io import ImageError, read_image

AHEAD = 32  # files of each worker that are read and not yet asked for
GROUP = 16  # files of one task of a process
MANY = 2000  # files for which processes start: it takes them a second, and then threads wait for the interpreter's lock
SHARED = "/dev/shm"  # a folder in memory, where there is one
LEAST_ROOM = 4 << 30  # bytes that must be free in it


def read_ahead(paths, workers, many=MANY):
    """Pictures of files in their order, decoded by others while the last ones are worked on.

    Parameters
    ----------
    paths : sequence of path-like
    workers : int
        Threads; for many files processes, which hand over pixels in shared memory.
    many : int, default 2000
        How many files are many.

    Yields
    ------
    ndarray of uint8, shape (height, width, 3), or ImageError
        What is wrong with a file stands in its place. Pixels from a process cannot be written to.
    """
    if len(paths) < many or workers < 2:
        with ThreadPoolExecutor(workers) as pool:
            yield from _in_order(pool, _read, paths, AHEAD * workers)
        return
    # which needs no guard around the caller's main module, and stays for the next call
    from joblib.externals.loky import get_reusable_executor

    groups = [paths[start : start + GROUP] for start in range(0, len(paths), GROUP)]
    pool, ahead = get_reusable_executor(workers), AHEAD * workers // GROUP
    # what nobody asks for any more goes with the folder
    with TemporaryDirectory(prefix="leukobench-", dir=_roomy(), ignore_cleanup_errors=True) as folder:
        for file, found in _in_order(pool, partial(_share, folder), groups, ahead):
            yield from _shared(file, found)


def _roomy():
    """The folder in memory, unless it is small, as a container's may be; None is the usual one for temporary files."""
    return SHARED if Path(SHARED).is_dir() and disk_usage(SHARED).free >= LEAST_ROOM else None


def _in_order(pool, work, items, ahead):
    """Results of a pool in the order of the items, of which so many are worked on or done and not yet asked for."""
    items = iter(items)
    waiting = deque(pool.submit(work, item) for item in islice(items, ahead))
    while waiting:
        result = waiting.popleft().result()
        waiting.extend(pool.submit(work, item) for item in islice(items, 1))
        yield result


def _share(folder, paths):
    """Decode files in a process: where their pixels lie, and the shape or the error of each."""
    found = []
    with NamedTemporaryFile(dir=folder, delete=False) as file:
        for path in paths:
            picture = _read(path)
            if isinstance(picture, np.ndarray):
                file.write(np.ascontiguousarray(picture).data)
            found.append(picture if isinstance(picture, ImageError) else picture.shape)
    return file.name, found


def _shared(file, found):
    """The pictures of a file of pixels, which has no name any more and ends with the last of them."""
    sizes = [0 if isinstance(each, ImageError) else int(np.prod(each)) for each in found]
    pixels = np.memmap(file, np.uint8, "r") if sum(sizes) else None
    os.unlink(file)
    start = 0
    for each, size in zip(found, sizes, strict=True):
        yield np.asarray(pixels[start : start + size]).reshape(each) if size else each
        start += size


def one_ahead(items):
    """Items of an iterator, the next one made by a thread while the last one is worked on.

    Parameters
    ----------
    items : iterator
        None of them None.

    Yields
    ------
    object
    """
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _read(path):
    try:
        return read_image(path)
    except ImageError as error:
        return error

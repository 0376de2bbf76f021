"""Read files, and make ready what is read, ahead of whoever computes with it."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from leukobench.imaging.io import ImageError, read_image

AHEAD = 32  # files of each thread that are read and not yet asked for
AHEAD_BYTES = 1 << 30  # that they may take, as large as the largest so far, where that is more than one for each thread


def read_ahead(paths, threads):
    """Pictures of files in their order, decoded by threads while the last ones are worked on.

    Parameters
    ----------
    paths : iterable of path-like
    threads : int

    Yields
    ------
    ndarray of uint8, shape (height, width, 3), or ImageError
        What is wrong with a file stands in its place.
    """
    with ThreadPoolExecutor(threads) as pool:
        coming, largest = (pool.submit(_read, path) for path in paths), 1
        waiting = deque(islice(coming, threads))
        while waiting:
            picture = waiting.popleft().result()
            if not isinstance(picture, ImageError):
                largest = max(largest, picture.nbytes)
            ahead = max(threads, min(AHEAD * threads, AHEAD_BYTES // largest))
            waiting.extend(islice(coming, max(0, ahead - len(waiting))))
            yield picture


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

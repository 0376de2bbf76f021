"""Read files ahead of whoever computes with their pictures."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from leukobench.imaging.io import ImageError, read_image

AHEAD = 16  # files of each thread that are read and not yet asked for


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
    paths = iter(paths)
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque(pool.submit(_read, path) for path in islice(paths, AHEAD * threads))
        while waiting:
            picture = waiting.popleft().result()
            waiting.extend(pool.submit(_read, path) for path in islice(paths, 1))
            yield picture


def _read(path):
    try:
        return read_image(path)
    except ImageError as error:
        return error

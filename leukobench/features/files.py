"""From files of cells to their features, by the shortest way of each device.

On a GPU pictures are uploaded once, and nothing but the numbers comes back: they are segmented where they lie
(`segmentation.batched`), and measured in windows around the cells.
"""

import os

import numpy as np

from leukobench.devices import array_library
from leukobench.errors import UsageError
from leukobench.features.backends import get_backend, on_cuda
from leukobench.features.batch import Batch
from leukobench.features.extractor import feature_table, in_micrometres
from leukobench.features.registry import parts_of
from leukobench.imaging.ahead import one_ahead, read_ahead
from leukobench.imaging.io import ImageError
from leukobench.imaging.scale import check_um_per_px
from leukobench.segmentation import segment
from leukobench.segmentation.batched import segment_stack
from leukobench.segmentation.canvases import canvas_room, canvases


def file_features(paths, *, um_per_px=None, device="auto", feature_set="core", threads=None, lost=None):
    """Features of the cell in the middle of each image file.

    Parameters
    ----------
    paths : sequence of path-like
        Of single cells.
    um_per_px : float, sequence of float or None, default None
        Micrometres per pixel, of all or of each image; else lengths and areas are in pixels.
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"
        As for `extract_features`.
    feature_set : str, default "core"
    threads : int or None, default None
        Threads that decode, and that segment on a CPU; None takes one per core.
    lost : dict or None, default None
        Is told of files that cannot be used, path to reason; their rows are NaN. None raises the first reason.

    Returns
    -------
    DataFrame of float64, shape (n, number of features)

    Raises
    ------
    UsageError
        As `extract_features` does.
    ImageError
        For a file that cannot be used, without `lost`.

    Examples
    --------
    >>> file_features([], feature_set="core", device="cpu").shape
    (0, 216)
    """
    there = on_cuda(device)
    if threads is not None and threads < 1:
        raise UsageError(f"{threads} threads are none", "threads is 1 or more; without it there is one per core")
    paths, threads = list(paths), threads or os.cpu_count()
    check_um_per_px(um_per_px, len(paths))
    parts, order, arrays = parts_of(feature_set), [], array_library("cuda" if there else "cpu")
    chunks = _chunks(_usable(paths, threads, lost), *canvas_room(arrays))
    if there:
        blocks = device_blocks(arrays, chunks, parts, order)
    else:
        blocks = _host_blocks(get_backend(device), chunks, parts, order, threads)
    table = feature_table(blocks, feature_set)
    return in_micrometres(table.set_axis(order).reindex(range(len(paths))), um_per_px, feature_set)


def _usable(paths, threads, lost):
    """Number and picture of each file that can be used."""
    for number, picture in enumerate(read_ahead(paths, threads)):
        if not isinstance(picture, ImageError):
            yield number, picture
        elif lost is None:
            raise picture
        else:
            lost[paths[number]] = str(picture)


def _chunks(usable, most, most_bytes):
    """So many pictures as a canvas holds, where they are of one size."""
    chunk, held = [], 0
    for number, picture in usable:
        if chunk and (held + picture.nbytes > most_bytes or len(chunk) == most):
            yield chunk
            chunk, held = [], 0
        chunk.append((number, picture))
        held += picture.nbytes
    if chunk:
        yield chunk


def _host_blocks(compute, chunks, parts, order, threads):
    """Values of the cells of pictures, chunk by chunk, on the host; `order` is told their numbers."""
    for chunk in chunks:
        numbers, pictures = zip(*chunk, strict=True)
        order += numbers
        yield from compute(pictures, segment(pictures, n_jobs=threads), parts)


def device_blocks(arrays, chunks, parts, order):
    """The same on a CUDA device.

    Parameters
    ----------
    arrays : leukobench.devices.Arrays
    chunks : iterable of lists of (number, uint8 array of the host or the device, shape (H, W, 3))
    parts : sequence of FeaturePart
    order : list
        Is told the numbers in the order in which values come.

    Returns
    -------
    iterator of ndarray of float64, shape (n, columns of the parts)
    """
    from leukobench.features.backends.cuda import measure_batches

    return measure_batches(device_cells(arrays, chunks, order, any(part.whole for part in parts)), parts)


def device_cells(arrays, chunks, order, whole=False):
    """Pictures with their masks as batches on the device; `whole` pictures, or windows around the cells."""
    for numbers, canvas, shapes in one_ahead(_numbered_canvases(arrays, chunks)):
        order += numbers
        pixels, labels, shapes = segment_stack(arrays, canvas, shapes).packed(arrays, whole)
        sizes = shapes.prod(axis=1)
        arrays.wait()
        yield Batch(pixels, labels, np.cumsum(sizes) - sizes, shapes.astype(np.int64))


def _numbered_canvases(arrays, chunks):
    for chunk in chunks:
        numbers, pictures = zip(*chunk, strict=True)
        for places, canvas, shapes in canvases(arrays, pictures):
            yield [numbers[place] for place in places], canvas, shapes

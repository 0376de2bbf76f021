"""CUDA backend: one block per cell and part, batches on two streams so that copies overlap with work."""

from functools import cache
from pathlib import Path

import numpy as np

from leukobench.devices import pinned
from leukobench.errors import UsageError
from leukobench.features import tables
from leukobench.features.backends.device_batches import BUFFERS, device_batches, host_cells, is_on_device
from leukobench.features.backends.reference import measure
from leukobench.features.batch import LABELS, Batch, stream
from leukobench.features.registry import all_parts
from leukobench.imaging.ahead import one_ahead

__all__ = ["compute", "kernel_source", "measure_batches", "scratch_layout", "shared_tables"]

BATCH_BYTES = 256 << 20
"""Default size of a batch on the device: one block a cell has to fill all its multiprocessors several times over."""

THREADS = 256
_CROPPING = ("bounds", "crop")
_TABLES = {
    "TABLE_LINEAR": tables.SRGB_TO_LINEAR,
    "TABLE_DENSITY": tables.OPTICAL_DENSITY,
    "TABLE_XYZ": tables.XYZ_FROM_RGB,
    "TABLE_HED": tables.HED_FROM_OD,
    "TABLE_RIU2": tables.LBP_RIU2,
    "TABLE_ZERNIKE_REAL": tables.ZERNIKE_XY.real,
    "TABLE_ZERNIKE_IMAGINARY": tables.ZERNIKE_XY.imag,
    "TABLE_COSINE": np.cos(2 * np.pi * np.arange(tables.GRID) / tables.GRID),
    "TABLE_SINE": np.sin(2 * np.pi * np.arange(tables.GRID) / tables.GRID),
    "TABLE_GABOR": tables.GABOR_WEIGHTS,
}


def shared_tables():
    """The look-up tables one after the other, and where each begins.

    Returns
    -------
    values : ndarray of float32
    starts : dict of str to int
    """
    starts = np.cumsum([0, *(values.size for values in _TABLES.values())])
    values = np.concatenate([values.ravel() for values in _TABLES.values()])
    return values.astype(np.float32), dict(zip(_TABLES, starts.tolist(), strict=False))


def kernel_source(parts):
    """All kernels of parts as one CUDA source, the project's constants on top; files that two name come once."""
    red, green, blue = tables.GREY_WEIGHTS
    constants = shared_tables()[1] | {
        "THREADS": THREADS,
        "GREY_RED": red,
        "GREY_GREEN": green,
        "GREY_BLUE": blue,
        "GLCM_SHIFT": tables.GLCM_SHIFT,
        "LBP_SIDE": tables.LBP_SIDE,
        "LBP_DIAGONAL": tables.LBP_DIAGONAL,
        "PERCENTILE_PART": tables.PERCENTILE_PART,
        "PERCENTILE_STEPS": tables.PERCENTILE_BINS * tables.PERCENTILE_PART,
        "PERCENTILE_NODES": tables.PERCENTILE_BINS + 2,
        "NO_SPREAD": tables.NO_SPREAD,
        "NO_CHROMA": tables.NO_CHROMA,
        "ZERNIKE_ORDER": tables.ZERNIKE_ORDER,
        "ZERNIKE_COUNT": len(tables.ZERNIKE),
        "GRID": tables.GRID,
        "GRANULE_STEPS": len(tables.GRANULE_SIDES),
        "WAVELENGTHS": len(tables.GABOR_WAVELENGTHS),
        "ORIENTATIONS": tables.GABOR_ORIENTATIONS,
    }
    folder = Path(__file__).parent / "kernels"
    lines = [f"#define {name} {value}" for name, value in constants.items()]
    files = dict.fromkeys(["common.cuh", "crop.cu", *(part.cuda for part in parts if part.cuda)])
    return "\n".join(lines + [(folder / file).read_text(encoding="utf-8") for file in files])


def scratch_layout(shapes):
    """Where each cell's ints of scratch memory begin, and how many there are in all."""
    height, width = shapes.T
    sizes = 2 * height * width + 6 * height + 4
    ends = np.cumsum(sizes)
    return (ends - sizes).astype(np.int64), int(ends[-1])


@cache
def _module(device, names):
    """Compiled kernels of the parts that are called so, and uploaded tables, of one device."""
    import cupy

    source = kernel_source([part for part in all_parts() if part.name in names])
    with cupy.cuda.Device(device):
        module = cupy.RawModule(code=source, options=("-std=c++14",))
        kernels = {name: module.get_function(name) for name in (*_CROPPING, *names)}
        return kernels, cupy.asarray(shared_tables()[0])


def compute(images, masks, parts, batch_bytes=None):
    """Values of parts, batch by batch; lengths in pixels.

    Parameters
    ----------
    images, masks : iterable of ndarray, or device arrays
        Host arrays are packed into pinned memory, sequences by all threads; device arrays are taken as they are.
    parts : sequence of FeaturePart
    batch_bytes : int or None, default None

    Returns
    -------
    iterator of ndarray of float64, shape (n, columns of the parts)

    Raises
    ------
    UsageError
        For an array of another type or shape, a mask that does not fit its image or lies elsewhere, or a label above 2.
    """
    batch_bytes = batch_bytes or BATCH_BYTES
    if is_on_device(images) != is_on_device(masks):
        raise UsageError("images and masks lie on different devices", "give both in the host's memory, or on the GPU")
    if is_on_device(images):
        return measure_batches(device_batches(images, masks, batch_bytes), parts)
    whole = any(part.whole for part in parts)
    if not whole and hasattr(images, "__len__") and hasattr(masks, "__len__"):
        return measure_batches(one_ahead(host_cells(images, masks, batch_bytes)), parts, cropped=True)
    batches = stream(images, masks, batch_bytes, whole=whole, buffers=BUFFERS, empty=pinned)
    return measure_batches(batches, parts, cropped=not whole)


def measure_batches(batches, parts, *, cropped=False):
    """Values of parts of whole batches.

    Each batch has a stream of its own: while one is copied the two before it are worked on.

    Parameters
    ----------
    batches : iterable of Batch
        Of pinned host arrays, or of device arrays.
    parts : sequence of FeaturePart
    cropped : bool, default False
        The images are their cells' bounding boxes already, and the labels checked.

    Yields
    ------
    ndarray of float64, shape (n, columns of the parts)

    Raises
    ------
    UsageError
        For a label above 2.
    """
    import cupy

    known = tuple(part.name for part in all_parts() if part.cuda)
    kernels, constants = _module(cupy.cuda.Device().id, known)
    streams = [cupy.cuda.Stream(non_blocking=True) for _ in range(BUFFERS)]
    coming, waiting, first = None, [], 0
    for k, batch in enumerate(batches):
        sent = _send(batch, first, kernels, streams[k % BUFFERS], cropped)
        if coming is not None:
            waiting.append(_start(coming, parts, kernels, constants))
        if len(waiting) == BUFFERS - 1:
            yield _finish(waiting.pop(0))
        coming, first = sent, first + len(batch)
    if coming is not None:
        waiting.append(_start(coming, parts, kernels, constants))
    yield from map(_finish, waiting)


def _send(batch, first, kernels, stream, cropped):
    """Queue the copy of one batch to the device, and the search for its cells there."""
    import cupy

    with stream:
        arrays = [_upload(array, stream) for array in (batch.pixels, batch.labels, batch.offsets, batch.shapes)]
        boxes = None if cropped else cupy.empty((len(batch), 5), cupy.int32)
        if boxes is not None:
            kernels["bounds"]((len(batch),), (THREADS,), (*arrays[1:], boxes))
    return stream, batch, first, arrays, boxes


def _start(sent, parts, kernels, constants):
    """Queue kernels and copy back of one batch; whatever the stream still needs is kept alive in the answer."""
    import cupy

    stream, batch, first, arrays, boxes = sent
    *columns, width = np.cumsum([0, *(len(part.columns) for part in parts)], dtype=np.int32)
    with stream:
        images = {True: (arrays, batch.shapes)}
        images[False] = images[True] if boxes is None else _crop(arrays, boxes, first, kernels, stream)
        rooms = {whole: _scratch(images[whole][1], stream) for whole in {part.whole for part in parts}}
        out = cupy.empty((len(batch), width), cupy.float64)
        for part, column in zip(parts, columns, strict=True):
            if part.name in kernels:
                arguments = (*images[part.whole][0], constants, *rooms[part.whole], out, width, column)
                kernels[part.name]((len(batch),), (THREADS,), arguments)
        result = pinned(out.shape, np.float64)
        out.get(stream=stream, out=result, blocking=False)
    others = [(column, part) for part, column in zip(parts, columns, strict=True) if part.name not in kernels]
    by_reference = _by_reference(batch, others)  # while the device works
    return stream, result, [batch, images, rooms, out], by_reference


def _scratch(shapes, stream):
    """Room for the kernels, and where each cell's begins."""
    import cupy

    offsets, size = scratch_layout(shapes)
    return cupy.empty(size, cupy.int32), _upload(offsets, stream)


def _crop(arrays, boxes, first, kernels, stream):
    """The cells in their bounding boxes, as `batch.stream` packs them where no part is whole, and their shapes."""
    import cupy

    top, left, bottom, right, largest = boxes.get(stream=stream).T.astype(np.int64)  # waits for the copy alone
    if (largest > 2).any():
        raise UsageError(f"mask {first + int((largest > 2).argmax())} has a label above 2", LABELS)
    shapes = np.stack([bottom - top, right - left], 1)
    sizes = shapes.prod(1)
    total = int(sizes.sum())
    cropped = (
        cupy.empty(3 * total, cupy.uint8),
        cupy.empty(total, cupy.uint8),
        _upload(np.cumsum(sizes) - sizes, stream),
    )
    kernels["crop"]((len(shapes),), (THREADS,), (*arrays, boxes, cropped[2], *cropped[:2]))
    return (*cropped, _upload(shapes, stream)), shapes


def _by_reference(batch, others):
    """(column, values) of parts that have no kernel, measured on the host."""
    import cupy

    if not others:
        return []
    host = Batch(*(cupy.asnumpy(array) for array in (batch.pixels, batch.labels, batch.offsets, batch.shapes)))
    return [(column, measure(host.cells(), [part])) for column, part in others]


def _finish(running):
    stream, result, held, by_reference = running
    stream.synchronize()
    held.clear()
    for column, values in by_reference:
        result[:, column : column + values.shape[1]] = values
    return result.copy()


def _upload(array, stream):
    """The array on the device: as it is if it lives there, else copied, without waiting from pinned memory.

    What is not pinned the driver copies elsewhere before it returns, so that it need not be kept.
    """
    import cupy

    if isinstance(array, cupy.ndarray):
        return array
    target = cupy.empty(array.shape, array.dtype)
    target.set(array, stream=stream)
    return target

"""CUDA backend: one block per cell and part, batches on two streams so that copies overlap with work."""

from functools import cache
from pathlib import Path

import numpy as np

from leukobench.errors import UsageError
from leukobench.features import tables
from leukobench.features.backends.reference import measure
from leukobench.features.batch import LABELS, Batch, check_cell, stream
from leukobench.features.registry import all_parts

__all__ = ["compute", "device_batches", "kernel_source", "scratch_layout", "shared_tables"]

BATCH_BYTES = 64 << 20
"""Default size of a batch on the device."""

THREADS = 256
_DLPACK_CUDA = 2
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
    files = dict.fromkeys(["common.cuh", *(part.cuda for part in parts if part.cuda)])
    return "\n".join(lines + [(folder / file).read_text(encoding="utf-8") for file in files])


def scratch_layout(shapes):
    """Where each cell's ints of scratch memory begin, and how many there are in all."""
    height, width = shapes.T
    sizes = 2 * height * width + 6 * height + 4
    ends = np.cumsum(sizes)
    return (ends - sizes).astype(np.int64), int(ends[-1])


@cache
def _module(device, source, names):
    """Compiled kernels and uploaded tables of one device."""
    import cupy

    with cupy.cuda.Device(device):
        module = cupy.RawModule(code=source, options=("-std=c++14",))
        kernels = {name: module.get_function(name) for name in names}
        return kernels, cupy.asarray(shared_tables()[0])


def compute(images, masks, parts, batch_bytes=None):
    """Values of parts, batch by batch; lengths in pixels.

    Two batches are on their way at a time, each on a stream of its own: while one is copied the other is worked on.

    Parameters
    ----------
    images, masks : iterable of ndarray, or device arrays
        Host arrays are packed into pinned memory; device arrays are taken as they are.
    parts : sequence of FeaturePart
    batch_bytes : int or None, default None

    Yields
    ------
    ndarray of float64, shape (n, columns of the parts)
    """
    import cupy

    batch_bytes = batch_bytes or BATCH_BYTES
    if _on_device(images):
        batches = device_batches(images, masks, batch_bytes)
    else:  # two batches in flight and one being packed
        batches = stream(images, masks, batch_bytes, whole=any(part.whole for part in parts), buffers=3, empty=_pinned)
    known = [part for part in all_parts() if part.cuda]
    kernels, constants = _module(cupy.cuda.Device().id, kernel_source(known), tuple(part.name for part in known))
    streams = [cupy.cuda.Stream(non_blocking=True) for _ in range(2)]
    waiting = []
    for k, batch in enumerate(batches):
        if len(waiting) == len(streams):
            yield _finish(waiting.pop(0))
        waiting.append(_start(batch, parts, kernels, constants, streams[k % len(streams)]))
    while waiting:
        yield _finish(waiting.pop(0))


def _start(batch, parts, kernels, constants, stream):
    """Queue copy, kernels and copy back of one batch; whatever the stream still needs is kept alive in the answer."""
    import cupy

    offsets, scratch_size = scratch_layout(np.asarray(batch.shapes))
    *columns, width = np.cumsum([0, *(len(part.columns) for part in parts)], dtype=np.int32)
    held = []
    with stream:
        arrays = [_upload(array, stream, held) for array in (batch.pixels, batch.labels, batch.offsets, batch.shapes)]
        scratch, scratch_offsets = cupy.empty(scratch_size, cupy.int32), _upload(offsets, stream, held)
        out = cupy.empty((len(batch), width), cupy.float64)
        for part, column in zip(parts, columns, strict=True):
            if part.name in kernels:
                arguments = (*arrays, constants, scratch, scratch_offsets, out, width, column)
                kernels[part.name]((len(batch),), (THREADS,), arguments)
        result = _pinned(out.shape, np.float64)
        out.get(stream=stream, out=result, blocking=False)
    held += [*arrays, scratch, scratch_offsets, out]
    others = [(column, part) for part, column in zip(parts, columns, strict=True) if part.name not in kernels]
    return stream, result, held, _by_reference(batch, others)  # while the device works


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


def _upload(array, stream, held):
    """The array on the device: as it is if it lives there, else copied without waiting (from pinned memory)."""
    import cupy

    if isinstance(array, cupy.ndarray):
        return array
    held.append(array)
    target = cupy.empty(array.shape, array.dtype)
    target.set(array, stream=stream)
    return target


def _pinned(shape, dtype):
    """Page-locked host memory, from CuPy's pool."""
    import cupy

    size = int(np.prod(shape))
    memory = cupy.cuda.alloc_pinned_memory(max(size * np.dtype(dtype).itemsize, 1))
    return np.frombuffer(memory, dtype, size).reshape(shape)


def _on_device(arrays):
    """Whether this is a device array, or a list of them."""
    first = arrays[0] if isinstance(arrays, list | tuple) and len(arrays) else arrays
    if hasattr(first, "__cuda_array_interface__"):
        return True
    return hasattr(first, "__dlpack_device__") and first.__dlpack_device__()[0] == _DLPACK_CUDA


def device_batches(images, masks, batch_bytes=BATCH_BYTES):
    """Batches of arrays that already live on the device; those of one stack are views of it.

    Parameters
    ----------
    images : device array of uint8, shape (n, H, W, 3), or sequence of device arrays of shape (H, W, 3)
        Anything with ``__cuda_array_interface__`` or ``__dlpack__``.
    masks : device array of uint8, shape (n, H, W), or sequence of device arrays of shape (H, W)
    batch_bytes : int, default 64 MiB

    Yields
    ------
    Batch

    Raises
    ------
    UsageError
        For an array of another type or shape, a mask that does not fit its image, or a label above 2.
    """
    import cupy

    stacked = hasattr(images, "shape")
    images, masks = (_as_cupy(a) if stacked else [_as_cupy(b) for b in a] for a in (images, masks))
    if len(images) != len(masks):
        raise UsageError(f"{len(images)} images and {len(masks)} masks", "give one mask per image")
    for k in range(min(len(images), 1) if stacked else len(images)):
        check_cell(k, images[k], masks[k])
    start = 0
    while start < len(masks):
        stop, used = start, 0
        while stop < len(masks) and (stop == start or used + 4 * masks[stop].size <= batch_bytes):
            used += 4 * masks[stop].size
            stop += 1
        shapes = np.array([masks[k].shape for k in range(start, stop)], np.int64)
        if stacked:
            pixels, labels = images[start:stop].ravel(), masks[start:stop].ravel()  # no copy where contiguous
        else:
            pixels, labels = (cupy.concatenate([a.ravel() for a in part[start:stop]]) for part in (images, masks))
        if int(labels.max()) > 2:  # waits for the device as well: the batch is whole before a stream works on it
            raise UsageError(f"a mask in {start}..{stop - 1} has a label above 2", LABELS)
        sizes = shapes.prod(1)
        yield Batch(pixels, labels, np.cumsum(sizes) - sizes, shapes)
        start = stop


def _as_cupy(array):
    import cupy

    return cupy.asarray(array) if hasattr(array, "__cuda_array_interface__") else cupy.from_dlpack(array)

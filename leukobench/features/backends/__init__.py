"""The catalogue's numbers three ways: `reference` (NumPy), `cpu` (Numba), `cuda` (CuPy).

A backend is a function ``compute(images, masks, parts, batch_bytes=None)`` that takes cells in batches (packed by
:func:`leukobench.features.batch.stream`; the CPU's kernels read images where they lie) and yields, batch by batch,
float64 values of shape (cells, columns of the parts), lengths in pixels. A part for which a backend has no kernel is
measured by the part's own reference.
"""

from leukobench.devices import cuda_is_available, require_cuda
from leukobench.errors import unknown

DEVICES = ("auto", "cpu", "cuda", "reference")


def get_backend(device="auto"):
    """The ``compute`` function of a device.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"
        ``auto`` is CUDA where there is a device, else the CPU.

    Returns
    -------
    callable

    Raises
    ------
    UsageError
        For an unknown device, or ``cuda`` on a machine without one.
    """
    check_device(device)
    if device == "reference":
        from leukobench.features.backends.reference import compute
    elif on_cuda(device):
        from leukobench.features.backends.cuda import compute
    else:
        from leukobench.features.backends.cpu import compute
    return compute


def on_cuda(device):
    """Whether features are computed on a CUDA device, which is refused where none is, as `get_backend` does."""
    check_device(device)
    return device == "cuda" or (device == "auto" and cuda_is_available())


def check_device(device):
    """Refuse an unknown device, or ``cuda`` on a machine without one, as `get_backend` does, and load nothing."""
    if device not in DEVICES:
        raise unknown("device", device, DEVICES)
    if device == "cuda":
        require_cuda()

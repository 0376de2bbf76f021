"""Whether there is a CUDA device, the array libraries that compute on either, and in which precision networks train."""

import functools
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from leukobench.errors import UsageError, unknown

DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/nvhost-ctrl-gpu")  # on Linux, in its Windows subsystem, on a Jetson
DLPACK_CUDA = 2
PRECISIONS = ("float32", "bfloat16")  # that a network may be trained in
CPU_FACTS = Path("/proc/cpuinfo")
PRODUCTS_OF_BFLOAT16 = {"avx512_bf16", "amx_bf16"}  # flags of processors on which bfloat16 pays


class Arrays(NamedTuple):
    """What array code is written over, so that the same lines run on either device: `numpy`'s names and `ndimage`'s.

    These are the processor's, for which there is no way to go.
    """

    xp: Any
    ndimage: Any

    def place(self):
        """Number of the device that computes."""
        return 0

    def as_its_own(self, array):
        """An array that lies on the device, whichever library made it, as this library's own; others as they are."""
        return array

    def room(self, shape, dtype):
        """An empty array of the host, from where `upload` is fast."""
        return np.empty(shape, dtype)

    def upload(self, array):
        """A copy of an array of `room` on the device, finished when this returns: the room may be used again."""
        return array

    def download(self, array):
        """The array in the host's memory."""
        return array

    def wait(self):
        """Until what was asked of the device is done, so that another stream may use it."""

    def memory(self):
        """Bytes of memory that are the device's alone; the host's are not counted."""
        return 0


class CudaArrays(Arrays):
    """CuPy and its `ndimage`."""

    def place(self):
        """Number of the device that is current."""
        return self.xp.cuda.Device().id

    def as_its_own(self, array):
        """The array as CuPy's, where it lies on the device."""
        return as_cupy(array) if lies_on_device(array) else array

    def room(self, shape, dtype):
        """Page-locked memory."""
        return pinned(shape, dtype)

    def upload(self, array):
        """A copy on the device."""
        copy = self.xp.empty(array.shape, array.dtype)
        copy.set(array)
        self.wait()
        return copy

    def download(self, array):
        """A copy in the host's memory."""
        return array.get()

    def wait(self):
        """Until the current stream has done all that was asked of it."""
        self.xp.cuda.get_current_stream().synchronize()

    def memory(self):
        """Of the device that is current."""
        return self.xp.cuda.Device().mem_info[1]


LIBRARIES = {"cpu": (Arrays, "numpy", "scipy.ndimage"), "cuda": (CudaArrays, "cupy", "cupyx.scipy.ndimage")}


def array_library(device):
    """The array libraries of a device.

    Parameters
    ----------
    device : {"cpu", "cuda"}

    Returns
    -------
    Arrays
        NumPy and SciPy, or CuPy.

    Raises
    ------
    UsageError
        For an unknown device, or ``cuda`` on a machine without one or without cuBLAS.

    Examples
    --------
    >>> array_library("cpu").xp.__name__
    'numpy'
    """
    if device not in LIBRARIES:
        raise unknown("device", device, LIBRARIES)
    if device == "cuda":
        require_cuda()
        try:
            import_module("cupy.cublas")
        except ImportError as error:
            hint = "install nvidia-cublas-cu12 (nvidia-cublas for CUDA 13), PyTorch with CUDA, or CUDA's toolkit"
            raise UsageError("CuPy finds no cuBLAS here, which multiplies its matrices", hint) from error
    kind, *modules = LIBRARIES[device]
    return kind(*map(import_module, modules))


def lies_on_device(array):
    """Whether this is an array in the memory of a CUDA device, of whatever library."""
    if hasattr(array, "__cuda_array_interface__"):
        return True
    return hasattr(array, "__dlpack_device__") and array.__dlpack_device__()[0] == DLPACK_CUDA


def as_cupy(array):
    """An array that lies on the device as CuPy's, without a copy."""
    import cupy

    return cupy.asarray(array) if hasattr(array, "__cuda_array_interface__") else cupy.from_dlpack(array)


def on_host(array):
    """An array in the host's memory: a copy of one that lies on the device."""
    return as_cupy(array).get() if lies_on_device(array) else array


def pinned(shape, dtype):
    """Page-locked host memory, from CuPy's pool: copies from there do not wait."""
    import cupy

    size = int(np.prod(shape))
    memory = cupy.cuda.alloc_pinned_memory(max(size * np.dtype(dtype).itemsize, 1))
    return np.frombuffer(memory, dtype, size).reshape(shape)


def require_cuda():
    """Raise UsageError on a machine without a CUDA device."""
    if lacking := lacking_for_cuda():
        raise UsageError(*lacking)


def has_driver():
    """Whether this machine has a driver of an NVIDIA GPU."""
    return any(Path(driver).exists() for driver in DRIVERS)


def lacking_for_cuda():
    """What is missing here to compute on a CUDA device, and what to do about it; empty where nothing is."""
    if not has_driver():
        # importing CuPy to hear the same takes a tenth of a second in every process
        return "no CUDA device: no driver of an NVIDIA GPU is here", "leave the device out: processors say the same"
    try:
        import cupy
    except ImportError:
        hint = "pip install 'leukobench[gpu-cuda12]', or [gpu-cuda13] where nvidia-smi says CUDA 13"
        return "no CUDA device: there is a driver, and CuPy is not installed", hint
    if not cupy.cuda.is_available():
        return "no CUDA device: CuPy is installed and finds none", "see what nvidia-smi says, and CUDA_VISIBLE_DEVICES"
    return ()


def cuda_is_available():
    """Whether there is a driver, and CuPy is installed and finds a device."""
    return not lacking_for_cuda()


def training_precision(device="auto"):
    """In which precision a network trains where nobody says it: bfloat16 where the hardware multiplies in it.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}, default "auto"
        "auto" is CUDA where torch has it.

    Returns
    -------
    {"float32", "bfloat16"}
    """
    half = device == "cuda" or _multiplies_bfloat16() or (device == "auto" and _torch_has_cuda())
    return "bfloat16" if half else "float32"


def _multiplies_bfloat16():
    """Whether this processor has instructions for it; told by Linux alone, elsewhere torch has no fast kernels."""
    try:
        lines = CPU_FACTS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return bool(PRODUCTS_OF_BFLOAT16 & {*flags.split()})


@functools.cache
def _torch_has_cuda():
    if not has_driver():
        return False
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()

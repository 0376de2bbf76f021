"""As much of CuPy as the CUDA backend of the features needs, of NumPy arrays and of kernels compiled for the CPU."""

import ctypes
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np


class DeviceArray(np.ndarray):
    """An array that is told from one of the host's memory, filled with rubbish until it is written."""

    @property
    def __cuda_array_interface__(self):
        return self.__array_interface__

    def set(self, array, stream):
        assert array.dtype == self.dtype
        self[...] = array

    def get(self, stream=None, out=None, blocking=True):
        host = np.array(self)
        if out is not None:
            out[...] = host
        return host


def empty(shape, dtype):
    array = np.empty(shape, dtype).view(DeviceArray)
    array.view(np.ndarray).reshape(-1).view(np.uint8)[...] = 0xA5
    return array


class Stream:
    """Runs everything at once."""

    def __init__(self, non_blocking=True):
        self.alive = True

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def synchronize(self):
        return None


@contextmanager
def device(number=0):
    yield


class Module:
    """Kernels of a library as functions of (grid, block, arguments)."""

    def __init__(self, library):
        self.library = library

    def get_function(self, name):
        function, block = getattr(self.library, name), ctypes.c_int.in_dll(self.library, "blockIdx")

        def launch(grid, threads, arguments):
            assert all(isinstance(each, DeviceArray | np.int32) for each in arguments), "not on the device"
            passed = [
                ctypes.c_int(int(each)) if isinstance(each, np.int32) else ctypes.c_void_p(each.ctypes.data)
                for each in arguments
            ]
            for block.value in range(grid[0]):
                function(*passed)

        return launch


def cupy_of(library):
    """The module, its kernels those of a library."""

    def asarray(array):
        return np.array(array).view(DeviceArray)

    class Device:
        id = 0

        def __new__(cls, number=None):
            return object.__new__(cls) if number is None else device(number)

    def concatenate(arrays):
        return np.concatenate([np.asarray(array) for array in arrays]).view(DeviceArray)

    cuda = SimpleNamespace(
        Device=Device,
        Stream=Stream,
        get_current_stream=Stream,
        alloc_pinned_memory=bytearray,
    )
    return SimpleNamespace(
        ndarray=DeviceArray,
        uint8=np.uint8,
        int32=np.int32,
        float64=np.float64,
        empty=empty,
        asarray=asarray,
        asnumpy=np.array,
        concatenate=concatenate,
        cuda=cuda,
        RawModule=lambda code, options: Module(library),
    )

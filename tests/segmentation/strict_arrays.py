"""NumPy as strict as CuPy is: its arrays meet no array of the host, and no names exist that CuPy lacks.

So array code that is meant for a device is run here, line by line, without one.
"""

from types import SimpleNamespace

import numpy as np
import scipy.ndimage

from leukobench.devices import Arrays

try:
    import cupy
except ImportError:
    # the names are then taken on trust
    cupy = np

FROM_HOST = {"asarray"}


class DeviceArray(np.ndarray):
    """An array of the make-believe device."""

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        refuse_host_arrays(ufunc.__name__, *inputs, *options.get("out", ()))
        plain = {name: tuple(map(bare, value)) if name == "out" else value for name, value in options.items()}
        return dressed(getattr(ufunc, method)(*map(bare, inputs), **plain))

    def __array_function__(self, function, types, given, options):
        raise TypeError(f"numpy.{function.__name__} was called with an array of the device")

    def __getitem__(self, key):
        refuse_host_arrays("indexing", *(key if isinstance(key, tuple) else (key,)))
        return dressed(super().__getitem__(key))

    def __setitem__(self, key, value):
        refuse_host_arrays("assignment", value, *(key if isinstance(key, tuple) else (key,)))
        super().__setitem__(key, value)


def bare(value):
    if isinstance(value, list | tuple):
        return type(value)(map(bare, value))
    return value.view(np.ndarray) if isinstance(value, DeviceArray) else value


def dressed(value):
    if isinstance(value, tuple):
        return tuple(map(dressed, value))
    return value.view(DeviceArray) if isinstance(value, np.ndarray | np.generic) else value


def refuse_host_arrays(what, *values):
    for value in values:
        if isinstance(value, list | tuple):
            refuse_host_arrays(what, *value)
        elif isinstance(value, np.ndarray) and not isinstance(value, DeviceArray):
            raise TypeError(f"{what}: an array of the host among arrays of the device")


class Namespace:
    """A module of functions whose arrays are of the device."""

    ndarray = DeviceArray

    def __init__(self, of, known):
        self.of, self.known = of, known

    def __getattr__(self, name):
        if not hasattr(self.known, name):
            raise AttributeError(f"CuPy has no {name}")
        known = getattr(self.of, name)
        if isinstance(known, type(np)):
            return Namespace(known, getattr(self.known, name))
        if isinstance(known, type) or not callable(known):
            return known

        def function(*given, **options):
            if name not in FROM_HOST:
                refuse_host_arrays(name, *given, *options.values())
            plain = {key: bare(value) for key, value in options.items()}
            return dressed(known(*map(bare, given), **plain))

        return function


def label(masks, structure):
    refuse_host_arrays("label", masks)
    labels, number = scipy.ndimage.label(bare(masks), structure)
    return dressed(labels), number


class StrictArrays(Arrays):
    """The make-believe device and the ways there and back."""

    def upload(self, array):
        return dressed(array.copy())

    def download(self, array):
        return bare(array)


STRICT = StrictArrays(Namespace(np, cupy), SimpleNamespace(label=label))

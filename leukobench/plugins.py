"""What others add to the project: installed packages by entry points, modules and files by name.

Names travel in the environment variable `LEUKOBENCH_USE`, so that every process that is started later, workers
included, adds the same.
"""

import hashlib
import importlib
import importlib.util
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path

from leukobench.errors import UsageError

VARIABLE = "LEUKOBENCH_USE"
"""Modules and files, with the separator of paths between them."""


def use(name):
    """Import a module or a file that registers something, here and in all processes that are started later.

    Parameters
    ----------
    name : str
        A module (``my_package.features``) or a file (``my_features.py``).

    Raises
    ------
    UsageError
        Where there is none, or it cannot be imported.
    """
    if name.endswith(".py"):
        name = str(Path(name).resolve())
    _import(name)
    names = [n for n in os.environ.get(VARIABLE, "").split(os.pathsep) if n]
    os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys([*names, name]))


def load(group):
    """Import the modules that were named, and what the entry points of a group stand for.

    Parameters
    ----------
    group : str
        Such as "leukobench.features".

    Returns
    -------
    list
        The objects of the entry points, but modules: these register by themselves.

    Raises
    ------
    UsageError
        Where one cannot be imported.
    """
    for name in os.environ.get(VARIABLE, "").split(os.pathsep):
        if name:
            _import(name)
    found = []
    for point in entry_points(group=group):
        try:
            found.append(point.load())
        except Exception as error:
            hint = f"mend or remove the package that has the entry point {point.name} of {group}"
            raise UsageError(f"cannot import {point.value}: {type(error).__name__}: {error}", hint) from error
    return [one for one in found if not isinstance(one, type(sys))]


def _import(name):
    try:
        return _import_file(name) if name.endswith(".py") else importlib.import_module(name)
    except UsageError:
        raise
    except Exception as error:
        hint = "give a module that can be imported, or a file that ends in .py"
        raise UsageError(f"cannot import {name}: {type(error).__name__}: {error}", hint) from error


def _import_file(name):
    """A file as a module whose name holds a digest of its place: the same in every process, whatever lies beside it."""
    module_name = f"{Path(name).stem}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, name)
    sys.modules[module_name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module

"""What others add to the project: installed packages by entry points, modules and files by name.

Names travel in the environment variable `LEUKOBENCH_USE`, so that every process that is started later, workers
included, adds the same.
"""

import hashlib
import importlib
import importlib.util
import os
import sys
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from traceback import extract_tb

import cloudpickle

from leukobench.errors import UsageError, in_one_line

FAULTS = (Exception, SystemExit)  # of a file that is imported: one that was meant to be run may end with sys.exit()
FILES: set[str] = set()  # names of modules that are files which were named
BESIDE: set[str] = set()  # and of those from beside them
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
    os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys([*used(), name]))


def used():
    """Names that were given to `use`, here or where this process was started, a list of str."""
    return [name for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]


def load(group):
    """Import the modules that were named, and what the entry points of a group stand for.

    Parameters
    ----------
    group : str
        Such as "leukobench.features".

    Returns
    -------
    dict of str to object
        Name of an entry point to what it stands for; modules are left out, as they register by themselves.

    Raises
    ------
    UsageError
        Where one cannot be imported.
    """
    for name in used():
        _import(name)
    found = {}
    for point in _points(entry_points, group, tuple(sys.path)):
        try:
            found[point.name] = point.load()
        except FAULTS as error:
            hint = f"mend or remove the package that has the entry point {point.name} of {group}"
            raise UsageError(f"cannot import {point.value}: {in_one_line(error)}", hint) from error
    return {name: one for name, one in found.items() if not isinstance(one, type(sys))}


@cache
def _points(finder, group, path):
    """Entry points of a group; they are sought through everything that is installed, so once for each path."""
    return tuple(finder(group=group))


def _import(name):
    try:
        return import_file(name) if name.endswith(".py") else importlib.import_module(name)
    except UsageError:
        raise
    except FAULTS as error:
        hint = "give a module that can be imported, or a file that ends in .py"
        raise UsageError(f"cannot import {name}: {in_words(error, name)}", hint) from error


def import_file(name, anew=False):
    """A file as a module whose name holds a digest of its place: the same in every process, whatever lies beside it.

    It can import modules of its own folder. Its objects, and theirs, are pickled by value, as a process on another
    machine does not know the file.

    Parameters
    ----------
    name : str
        The whole path of the file.
    anew : bool, default False
        Run the file again where it is there already, with all that it imports from its folder.

    Returns
    -------
    module
    """
    module_name = f"{Path(name).stem}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    if module_name in sys.modules and not anew:
        return sys.modules[module_name]
    for each in BESIDE:  # what another file had beside it, or this one before it was changed
        sys.modules.pop(each, None)
    before = set(sys.modules) - {module_name}
    spec = importlib.util.spec_from_file_location(module_name, name)
    if spec is None or spec.loader is None:
        raise UsageError(f"{name} is no file of Python", "its name ends in .py")
    sys.modules[module_name] = module = importlib.util.module_from_spec(spec)
    FILES.add(module_name)
    sys.path.insert(0, os.path.dirname(name))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    finally:
        sys.path.remove(os.path.dirname(name))
        importlib.invalidate_caches()
    BESIDE.update(each for each in files_beside(module) if each not in before)
    for each in {module_name, *BESIDE} & set(sys.modules):
        cloudpickle.register_pickle_by_value(sys.modules[each])
    return module


def files_beside(module):
    """Name to file of the modules from the folder of one that is a file of a user's, or that came beside such a file.

    Parameters
    ----------
    module : module

    Returns
    -------
    dict of str to str
        Without the module itself, and without other files that were named.
    """
    files = {name: getattr(each, "__file__", None) or "" for name, each in sys.modules.copy().items()}
    folder = os.path.dirname(files[module.__name__])
    here = {name for name, file in files.items() if folder and os.path.dirname(file) == folder}
    return {name: files[name] for name in here - FILES - {module.__name__}} if here & FILES else {}


def in_words(error, file):
    """What an error of an imported file says, and in which of its lines."""
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
    return f"{f'line {lines[-1]}: ' if lines else ''}{in_one_line(error)}"

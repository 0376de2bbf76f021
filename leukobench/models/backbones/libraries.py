"""Libraries that only deep models need: whether they are there, and what is said where they are not."""

import importlib
import importlib.util
import sys

from leukobench.errors import UsageError

INSTALL = "pip install 'leukobench[deep]'"


def is_installed(name):
    """Whether a library is there, without importing it.

    Parameters
    ----------
    name : str
        Name of a module, such as "torch".

    Returns
    -------
    bool
    """
    if name in sys.modules:
        return sys.modules[name] is not None
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def not_installed(libraries, help=INSTALL):
    """Say which libraries are not there, and how to get them.

    Parameters
    ----------
    libraries : sequence of str
        Names of modules.
    help : str, default "pip install 'leukobench[deep]'"
        The command that gets them.

    Returns
    -------
    str
        One line; empty where all are there.

    Examples
    --------
    >>> not_installed(["json", "no_such_library"], "pip install it")
    'no_such_library not installed: pip install it'
    """
    absent = [name for name in libraries if not is_installed(name)]
    return f"{', '.join(absent)} not installed: {help}" if absent else ""


def import_deep(name, help=INSTALL):
    """Import a library that only deep models need, or say how to get it.

    Parameters
    ----------
    name : str
        Name of the module, such as "torch".
    help : str, default "pip install 'leukobench[deep]'"
        The command that gets it.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    UsageError
        Where it does not import.
    """
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError) as error:  # torchvision raises the second beside another build of torch
        raise UsageError(f"'{name}' does not import ({error})", help) from error

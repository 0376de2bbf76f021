"""Where the images lie: the argument, the environment, or the user's data folder."""

import os
from pathlib import Path

import platformdirs

from leukobench.datasets.registry import DATASETS, present_datasets
from leukobench.errors import UsageError

VARIABLE = "LEUKOBENCH_DATA"
REQUIRED = object()


def find_data_root(arg=None, default=REQUIRED):
    """Find the data root, the folder that holds one folder per dataset.

    Asked in this order: the argument (`--data`), the environment variable LEUKOBENCH_DATA, the user's data folder. A
    root that is named must be there and hold a dataset; the user's data folder may well be absent.

    Parameters
    ----------
    arg : str or Path, optional
        What the user gave.
    default : object, optional
        Returned where nothing is named and the user's data folder holds no dataset; without it that is an error.

    Returns
    -------
    Path
        The data root, or `default`.

    Raises
    ------
    UsageError
        There is no data root.
    """
    for given, origin in ((arg, "--data"), (os.environ.get(VARIABLE), VARIABLE)):
        if given:
            return _check(Path(given), origin)
    root = Path(platformdirs.user_data_dir("leukobench"))
    if root.is_dir() and present_datasets(root):
        return root
    if default is not REQUIRED:
        return default
    raise UsageError("no images found", f"give --data DIR, set {VARIABLE}, or put datasets into {root}")


def _check(root, origin):
    """Refuse a named root that is absent or holds no dataset."""
    if not root.is_dir():
        raise UsageError(f"no folder {root}", f"{origin} must name the folder that holds {', '.join(DATASETS)}")
    if not present_datasets(root):
        raise UsageError(
            f"no dataset under {root}",
            f"{origin} must name a folder that holds one of {', '.join(DATASETS)}, or <name>/<class>/<images>",
        )
    return root

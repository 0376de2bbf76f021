"""Where the images lie: the argument, the environment, or the user's data folder."""

import os
from pathlib import Path

import platformdirs

from leukobench.datasets.folder import looks_like_one
from leukobench.datasets.registry import DATASETS, load_others, present_datasets
from leukobench.datasets.walk import subfolders
from leukobench.errors import UsageError

VARIABLE = "LEUKOBENCH_DATA"
REQUIRED = object()
DEPTH = 2  # folders of a release between its images and the folder of the dataset


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
    """Refuse a named root that is absent or holds no dataset, and say what was meant where that can be seen."""
    if not root.is_dir():
        raise UsageError(f"no folder {root}", f"{origin} must name the folder that holds {', '.join(DATASETS)}")
    # as it was named first: a link to a dataset lies where its owner put it, beside others
    if holder := _is_within(root.absolute()) or _is_within(root.resolve()):
        raise UsageError(f"{root} is a dataset or a part of one", f"{origin} names the folder that holds it: {holder}")
    if present_datasets(root):
        return root
    if below := next(filter(_holds_some, subfolders(root)), None):
        raise UsageError(f"no dataset under {root}, but under {below}", f"{origin} {below}")
    raise UsageError(
        f"no dataset under {root}",
        f"{origin} must name a folder that holds one of {', '.join(DATASETS)}, or <name>/<class>/<images>",
    )


def _is_within(root):
    """The folder that holds the dataset which a root is, or is a part of; None where the root is none."""
    load_others()
    if any((root / source.card.folder).is_dir() for source in DATASETS.values()):
        return None
    for place in (root, *root.parents[:DEPTH]):
        if any(source.card.folder == place.name and _reads(source, place.parent) for source in DATASETS.values()):
            return place.parent
    return next((place.parent for place in (root, root.parent) if looks_like_one(place)), None)


def _reads(source, root):
    """Whether a registered dataset has images below a root; one whose files are damaged is there, too."""
    try:
        return bool(source.read(root))
    except UsageError:
        return True


def _holds_some(folder):
    try:
        return bool(present_datasets(folder))
    except UsageError:  # a folder that cannot be read is nobody's data root
        return False

"""The datasets that leukobench knows, and the way from a name to a dataset."""

from pathlib import Path

from leukobench.datasets import barcelona, cvb, folder, jiangxi, munich, raabin
from leukobench.datasets.walk import subfolders
from leukobench.errors import unknown
from leukobench.inputs import as_words

DATASETS = {source.card.name: source for source in (barcelona, cvb, raabin, munich, jiangxi)}


def get_dataset(name, root=None):
    """Give a dataset by its name.

    Parameters
    ----------
    name : str
        A registered name, or the name of a laboratory's own folder below the data root.
    root : str or Path, optional
        The data root; without it only registered names are known.

    Returns
    -------
    object
        Has `card`, a `DatasetCard`, and `read(root)`, which gives a list of `Record`.

    Raises
    ------
    UsageError
        No dataset has that name.

    Examples
    --------
    >>> get_dataset("munich").card.total
    18365
    """
    if name in DATASETS:
        return DATASETS[name]
    own = {} if root is None else {as_words(path.name): path for path in subfolders(Path(root))}
    if as_words(name) in own.keys() - _taken():
        return folder.open_dataset(own[as_words(name)])
    known = [*DATASETS, *(own_datasets(root) if root is not None else [])]
    raise unknown("dataset", name, known)


def own_datasets(root):
    """List a laboratory's own datasets below the data root.

    A folder counts when its subfolders hold images and one of them is named like a cell type, or when it has a
    `dataset.toml`. Folders of registered datasets never count.

    Parameters
    ----------
    root : str or Path
        The data root.

    Returns
    -------
    list of str
        Their names in sorted order.
    """
    return [as_words(path.name) for path in folder.candidates(Path(root)) if path.name not in _taken()]


def present_datasets(root):
    """List the datasets that have a folder below the data root.

    Parameters
    ----------
    root : str or Path
        The data root.

    Returns
    -------
    list of str
        Registered names in the registry's order, then a laboratory's own.
    """
    registered = [name for name, source in DATASETS.items() if (Path(root) / source.card.folder).is_dir()]
    return registered + own_datasets(root)


def _taken():
    """Give the folder names that are never a laboratory's own dataset."""
    return set(DATASETS) | {source.card.folder for source in DATASETS.values()}

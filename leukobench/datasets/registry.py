"""The datasets that leukobench knows, and the way from a name to a dataset."""

from functools import cache
from pathlib import Path

from leukobench import plugins
from leukobench.datasets import (
    barcelona,
    bccd,
    bloodmnist,
    bone_marrow,
    cvb,
    folder,
    jiangxi,
    lisc,
    munich,
    raabin,
)
from leukobench.datasets.card import DatasetCard, Source
from leukobench.datasets.names import check_name
from leukobench.datasets.taxonomy import CELL_TYPES
from leukobench.datasets.walk import subfolders
from leukobench.errors import UsageError, unknown
from leukobench.inputs import as_words

GROUP = "leukobench.datasets"  # of the entry points of installed packages
DATASETS: dict[str, Source] = {
    source.card.name: source
    for source in (barcelona, cvb, raabin, munich, jiangxi, bloodmnist, bccd, lisc, bone_marrow)
}
OWN: dict[str, Source] = {}
"""Name to source of those from outside the package, which are among `DATASETS` too."""


def register(source: Source) -> None:
    """Make a dataset known, with a reader of one's own.

    Parameters
    ----------
    source : object or module
        Has `card`, a `DatasetCard`, and `read(root)`, which gives a list of `Record` for what lies in the card's folder
        below the data root.

    Raises
    ------
    UsageError
        Where it is none, its name or folder is taken, or its card names a cell type that there is not.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> ward = DatasetCard(name="ward", title="Ward 7", folder="ward", labels={"neutro": "NE"})
    >>> register(SimpleNamespace(card=ward, read=lambda root: []))
    >>> get_dataset("ward").card.title
    'Ward 7'
    >>> unregister("ward")
    """
    card = getattr(source, "card", None)
    if not isinstance(card, DatasetCard) or not callable(getattr(source, "read", None)):
        raise UsageError(f"{source!r} is no dataset", "it has a card, a DatasetCard, and a function read(root)")
    check_name(card.name)
    others = [each.card for name, each in DATASETS.items() if name != card.name or name not in OWN]
    if {card.name, card.folder} & {word for other in others for word in (other.name, other.folder)}:
        raise UsageError(f"the name or folder of the dataset '{card.name}' is taken", "choose another")
    if strange := sorted(set(card.labels.values()) - set(CELL_TYPES)):
        raise unknown(f"cell type of {card.name}", strange[0], CELL_TYPES)
    DATASETS[card.name] = OWN[card.name] = source


def unregister(name: str) -> None:
    """Forget a dataset that was registered."""
    del DATASETS[name], OWN[name]


@cache
def load_others():
    """Register the datasets of installed packages and of files that were named, where one may be meant."""
    for source in plugins.load(GROUP).values():
        register(source)


def get_dataset(name: str, root: str | Path | None = None) -> Source:
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
    if name not in DATASETS:
        load_others()
    if name in DATASETS:
        return DATASETS[name]
    own = {} if root is None else {as_words(path.name): path for path in subfolders(Path(root))}
    if as_words(name) in own.keys() - _taken():
        return folder.open_dataset(own[as_words(name)])
    known = [*DATASETS, *(own_datasets(root) if root is not None else [])]
    raise unknown("dataset", name, known)


def attribute_names() -> tuple[str, ...]:
    """Names of what sources say of cells beside their type, each of which may be a target in place of a level."""
    load_others()
    return tuple(dict.fromkeys(name for source in DATASETS.values() for name in source.card.attributes))


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
    taken = _taken()
    folders = [path for path in subfolders(Path(root)) if path.name not in taken]
    return [as_words(path.name) for path in folders if folder.looks_like_one(path)]


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
    load_others()
    registered = [name for name, source in DATASETS.items() if (Path(root) / source.card.folder).is_dir()]
    return registered + own_datasets(root)


def _taken():
    """Give the folder names that are never a laboratory's own dataset."""
    load_others()
    return set(DATASETS) | {source.card.folder for source in DATASETS.values()}

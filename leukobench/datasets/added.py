"""Folders from anywhere beside those of the data root: for the time of one command both lie in one, as links.

Paths below it are what they would be if the folder lay in the data root, here and in all worker processes.
"""

import contextlib
import os
import tempfile
from pathlib import Path

from leukobench.datasets.index import PHANTOM_FILE
from leukobench.datasets.names import check_name
from leukobench.datasets.registry import DATASETS, load_others
from leukobench.errors import UsageError
from leukobench.inputs import as_words, spell


@contextlib.contextmanager
def with_folders(root, texts):
    """Give a data root that holds other folders too.

    Parameters
    ----------
    root : path-like or None
        The data root; None where there is none.
    texts : sequence of str
        Folders, as `DIR` or `name=DIR`; without a name the dataset is called as the folder is.

    Yields
    ------
    root : Path or None
        A folder of links while the block runs; the given one where there is nothing to add.
    names : list of str
        Names of the datasets that were added.

    Raises
    ------
    UsageError
        There is no such folder, or its name cannot be a dataset's or is taken.
    """
    folders = dict(_named(text) for text in texts)
    if len(folders) < len(texts):
        raise UsageError("two folders that are added have one name", "write name=DIR")
    if not folders:
        yield root, []
        return
    there = {each.name: Path(each) for each in os.scandir(root)} if root else {}
    load_others()
    taken = {*there, *DATASETS, *(source.card.folder for source in DATASETS.values())}
    for name, folder in folders.items():
        same = [each for each, path in there.items() if path.samefile(folder)]
        if same not in ([], [name]):
            raise UsageError(f"{spell(folder)} is the dataset {same[0]!r} already", "ask for it by that name")
        if name in taken and not same:
            raise UsageError(f"a dataset is called {name!r} already", f"write another name before it: name={folder}")
    with tempfile.TemporaryDirectory(prefix="leukobench-") as place:
        joined = Path(place, Path(root).resolve().name if root else "added")
        joined.mkdir()
        for name, path in (there | folders).items():
            (joined / name).symlink_to(path.resolve())
        drawn = (each / PHANTOM_FILE for folder in folders.values() for each in (folder, *folder.parents))
        if PHANTOM_FILE not in there and (mark := next(filter(Path.is_file, drawn), None)):
            (joined / PHANTOM_FILE).symlink_to(mark)
        yield joined, list(folders)


def _named(text):
    """The name and the folder that somebody means."""
    name, _, rest = text.partition("=")
    if Path(text).is_dir() or not rest:
        name, rest = "", text
    folder = Path(rest).expanduser().resolve()
    if not folder.is_dir():
        raise UsageError(f"no folder {spell(folder)}", "--add-folder DIR, or --add-folder name=DIR")
    return check_name(name or as_words(folder.name)), folder

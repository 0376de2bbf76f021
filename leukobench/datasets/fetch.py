"""Public datasets into the data root: loaded, or from a file that somebody brings; checked, unpacked, remembered."""

import json
import os
import shutil
from pathlib import Path

import platformdirs
import pooch

from leukobench.datasets.download import load_file
from leukobench.datasets.registry import get_dataset
from leukobench.datasets.root import VARIABLE
from leukobench.datasets.unpack import unpack
from leukobench.errors import UsageError
from leukobench.files import atomic_write, file_digest
from leukobench.inputs import spell

LOCK = "leukobench-lock.json"  # in the data root: what each file was when it was first taken
LOADING = ".downloads"


def root_to_fill(arg=None):
    """Give the data root that datasets are put into: as named, else the user's data folder; it is made if missing."""
    root = Path(arg or os.environ.get(VARIABLE) or platformdirs.user_data_dir("leukobench"))
    root.mkdir(parents=True, exist_ok=True)
    return root


def fetch(name, root, *, agree=None, stage=None, progress=None):
    """Load a dataset into the data root; what is there already is kept.

    Parameters
    ----------
    name : str
        A dataset of the registry.
    root : Path
        The data root.
    agree, progress : callable, optional
        As in `leukobench.datasets.download.load_file`.
    stage : callable, optional
        Called with the name of each file before it is loaded.

    Returns
    -------
    list of str
        What somebody has to do by hand, in words; empty where all is there.

    Raises
    ------
    UsageError
        There is no such dataset, a file cannot be loaded, or it is not what it was or must be.
    """
    source, by_hand = get_dataset(name), []
    card = source.card
    if not card.downloads:
        return [f"{name}: see {card.url}"]
    for each in card.downloads:
        if each.optional or _is_taken(root, card, each):
            continue
        if not each.urls:
            by_hand.append(f"{name}: {each.by_hand}; then `leukobench data add {name} {each.name}`")
            continue
        if stage:
            stage(each.name)
        known = each.checksum or _locked(root, card, each)
        folder = root / LOADING / name
        path = load_file(each, folder, checksum=known, agree=agree, progress=progress)
        try:
            take(source, each, path, root)
        except UsageError as error:
            if not each.by_hand:
                path.unlink()  # it may be damaged, and would be taken again
                raise
            by_hand.append(f"{name}: {error}; it is {spell(path)}")
            continue
        path.unlink()
        shutil.rmtree(folder, ignore_errors=True)
    return by_hand


def add(name, path, root):
    """Take a file that somebody brings into the data root.

    Parameters
    ----------
    name : str
        A dataset of the registry.
    path : Path
        One of its files, or a folder that was unpacked from it.
    root : Path
        The data root.

    Returns
    -------
    int
        Number of files written.

    Raises
    ------
    UsageError
        There is no such dataset or file, it is none of the dataset's files, or not what it was or must be.
    """
    source = get_dataset(name)
    card = source.card
    if not path.exists():
        raise UsageError(f"no file {spell(path)}", "give what you have downloaded")
    stem = path.name.partition(".")[0].casefold()
    alike = [each for each in card.downloads if each.name.partition(".")[0].casefold() == stem]
    archives = [each for each in card.downloads if each.parts]
    meant = alike or (archives if len(archives) == 1 else [])
    if not meant:
        names = ", ".join(each.name for each in card.downloads) or "none that is known"
        raise UsageError(f"{spell(path.name)} is no file of {name}", f"its files are {names}: give it that name")
    return take(source, meant[0], path, root)


def take(source, download, path, root):
    """Check a file of a dataset, put what it holds into the data root, and remember its checksum; how many were new."""
    card, digest = source.card, None
    if path.is_file():
        known = download.checksum or _locked(root, card, download)
        digest = f"sha256:{file_digest(path)}"
        algorithm = (known or digest).partition(":")[0]
        found = digest if algorithm == "sha256" else f"{algorithm}:{pooch.file_hash(str(path), alg=algorithm)}"
        if known and found != known:
            raise UsageError(
                f"{spell(path)} is {found}, and {download.name} of {card.name} is {known}",
                "it has changed or is damaged: get it anew, or move the old line out of the lock file",
            )
    folder = root / card.folder / download.into
    if hasattr(source, "convert"):
        written = source.convert(path, folder)
    elif download.parts:
        written = unpack(path, folder, download.parts)
    else:
        target = folder / download.name
        written = int(not target.exists())
        if written:
            folder.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".{target.name}.part")
            shutil.copyfile(path, part)
            os.replace(part, target)
    lines = _lines(root)
    lines.setdefault(card.name, {})[download.name] = digest
    atomic_write(root / LOCK, json.dumps(lines, indent=1, sort_keys=True) + "\n")
    return written


def how_to_get(name):
    """Give the command that loads a dataset, or says how to get it by hand; empty where there is none."""
    return f"leukobench data fetch {name}" if get_dataset(name).card.downloads else ""


def _is_taken(root, card, download):
    """Whether a file was taken before and what it held is still there."""
    folder = root / card.folder / download.into
    there = [folder / name for name in download.parts or [download.name]]
    return download.name in _lines(root).get(card.name, {}) and all(path.exists() for path in there)


def _locked(root, card, download):
    return _lines(root).get(card.name, {}).get(download.name)


def _lines(root):
    """What the lock file says; empty where there is none."""
    path = root / LOCK
    if not path.exists():
        return {}
    try:
        lines = json.loads(path.read_text(encoding="utf-8"))
        return {name: dict(files) for name, files in lines.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UsageError(
            f"{spell(path)} is damaged: {error}", "move it away: files are then taken as they are"
        ) from error

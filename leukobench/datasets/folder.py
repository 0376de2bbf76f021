"""A laboratory's own images, `<data root>/<name>/<class>/<image>`, as a dataset.

Class folders may be codes of the label tree (NE, SNE, LY), or names in words, singular or plural, in any case
(`neutrophil`, `Band neutrophils`, `band_neutrophil`). An optional `dataset.toml` beside them may hold:

    title = "Ward 7, 2026"
    licence = "internal"
    um_per_px = 0.1
    group = '^(?P<group>[^_]+)_'       # a regular expression on the file name: the slide or patient

    [labels]                            # class folder to code, before any other rule
    seg = "SNE"
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from leukobench.datasets.card import DatasetCard, Record, image_files, subfolders
from leukobench.datasets.taxonomy import CELL_TYPES
from leukobench.errors import UsageError

FACTS_FILE = "dataset.toml"
KEYS = {"title": str, "licence": str, "um_per_px": (int, float), "group": str, "labels": dict}


@dataclass(frozen=True)
class FolderDataset:
    """A dataset read from class folders.

    Parameters
    ----------
    card : DatasetCard
        What is known of it; no counts, as there is no release to compare with.
    group : re.Pattern or None
        Finds the group in a file name.
    """

    card: DatasetCard
    group: re.Pattern | None = None

    def read(self, root):
        """List the files of the dataset below the data root, as a list of `Record`."""
        return [
            Record(path, folder.name, group=self.group_of(path.name), doubt=self.doubt(folder.name))
            for folder in subfolders(Path(root) / self.card.folder)
            for path in image_files(folder)
        ]

    def group_of(self, name):
        """Give the group that a file name tells, or None."""
        match = self.group.search(name) if self.group else None
        return match["group"] if match else None

    def doubt(self, name):
        """Say why a class folder gives no label; empty if it does."""
        if name in self.card.labels:
            return ""
        return (
            f"class folder {name!r} is no cell type; name it by a code ({', '.join(CELL_TYPES)}) or a name "
            f"such as 'neutrophil', or list it under [labels] in {FACTS_FILE}"
        )


def open_dataset(path):
    """Make a dataset of a folder with class folders.

    Parameters
    ----------
    path : str or Path
        The folder; its name is the dataset's name.

    Returns
    -------
    FolderDataset
        Its card and its reader.

    Raises
    ------
    UsageError
        `dataset.toml` cannot be used.
    """
    path = Path(path)
    facts = read_facts(path / FACTS_FILE)
    labels = {folder.name: cell_type(folder.name) for folder in subfolders(path)} | facts.get("labels", {})
    pattern = facts.get("group")
    card = DatasetCard(
        name=path.name,
        title=facts.get("title", path.name),
        folder=path.name,
        labels={name: code for name, code in labels.items() if code},
        licence=facts.get("licence", "unknown"),
        um_per_px=facts.get("um_per_px"),
        groups=f"from the file name by {pattern}" if pattern else "",
    )
    return FolderDataset(card, re.compile(pattern) if pattern else None)


def candidates(root):
    """List the folders below the data root that look like a laboratory's own dataset, in sorted order."""
    return [path for path in subfolders(root) if (path / FACTS_FILE).is_file() or _has_class_folder(path)]


def cell_type(name):
    """Give the code that a class folder's name stands for.

    Parameters
    ----------
    name : str
        A code, or a name in words.

    Returns
    -------
    str or None
        The code; None if the name is no cell type.

    Examples
    --------
    >>> cell_type("sne"), cell_type("Band_Neutrophils"), cell_type("artefacts")
    ('SNE', 'BNE', None)
    """
    words = " ".join(re.split(r"[\W_]+", name.lower())).strip()
    for code, each in CELL_TYPES.items():
        if words in {code.lower(), each.name, each.name + "s"}:
            return code
    return None


def read_facts(path):
    """Read and check a `dataset.toml`; an absent one gives an empty dict."""
    if not path.is_file():
        return {}
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error
    for key, value in facts.items():
        if key not in KEYS:
            raise UsageError(f"unknown key {key!r} in {path}", f"keys are {', '.join(KEYS)}")
        if not isinstance(value, KEYS[key]) or isinstance(value, bool):
            raise UsageError(f"{key} = {value!r} in {path} has the wrong type")
    if facts.get("um_per_px", 1) <= 0:
        raise UsageError(f"um_per_px = {facts['um_per_px']} in {path}", "it is micrometres per pixel, above zero")
    for name, code in facts.get("labels", {}).items():
        if code not in CELL_TYPES:
            raise UsageError(f"unknown cell type {code!r} for {name!r} in {path}", f"codes are {', '.join(CELL_TYPES)}")
    _check_pattern(facts.get("group", "(?P<group>)"), path)
    return facts


def _check_pattern(pattern, path):
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        raise UsageError(f"group = {pattern!r} in {path} is no regular expression: {error}") from error
    if "group" not in groups:
        raise UsageError(f"group = {pattern!r} in {path} names no group", "write for example '^(?P<group>[^_]+)_'")


def _has_class_folder(path):
    return any(cell_type(each.name) and image_files(each) for each in subfolders(path))

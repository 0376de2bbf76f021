"""A laboratory's own images, `<data root>/<name>/<class>/<image>`, as a dataset.

Class folders may be codes of the label tree (NE, SNE, LY), or names in words, singular or plural, in any case
(`neutrophil`, `Band neutrophils`, `band_neutrophil`). An optional `dataset.toml` beside them may hold:

    title = "Ward 7, 2026"
    licence = "internal"
    um_per_px = 0.1
    group = '^(?P<group>[^_]+)_'       # a regular expression on the file name: the slide or patient

    [labels]                            # class folder to code, before any other rule
    seg = "SNE"

The regular expression is RE2's, as pyarrow has it: whatever it is, its time grows only with the length of the names.
Python's own can take for ever over thirty letters, and an alternative with a time limit took all memory within it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from leukobench.datasets.card import DatasetCard, Record, check_pixel_size
from leukobench.datasets.names import check_name
from leukobench.datasets.taxonomy import CELL_TYPES
from leukobench.datasets.walk import image_files, subfolders
from leukobench.errors import UsageError
from leukobench.inputs import as_words, read_toml, spell

FACTS_FILE = "dataset.toml"
KEYS = {"title": str, "licence": str, "um_per_px": object, "group": str, "labels": dict}
LONGEST_PATTERN = 200  # characters of a regular expression


@dataclass(frozen=True)
class FolderDataset:
    """A dataset read from class folders.

    Parameters
    ----------
    card : DatasetCard
        What is known of it; no counts, as there is no release to compare with.
    group : str, default ""
        A regular expression that finds the group in a file name.
    """

    card: DatasetCard
    group: str = ""

    def read(self, root):
        """List the files of the dataset below the data root, as a list of `Record`."""
        folders = subfolders(Path(root) / self.card.folder)
        labelled = [(path, as_words(folder.name)) for folder in folders for path in image_files(folder)]
        groups = find_groups(self.group, [as_words(path.name) for path, _ in labelled], self.card.name)
        return [
            Record(path, label, group=group, doubt=self.doubt(label))
            for (path, label), group in zip(labelled, groups, strict=True)
        ]

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
        The folder's name cannot be a dataset's, or `dataset.toml` cannot be used.
    """
    path = Path(path)
    name = check_name(as_words(path.name))
    facts = read_facts(path / FACTS_FILE)
    found = [as_words(folder.name) for folder in subfolders(path)]
    labels = {name: cell_type(name) for name in found} | facts.get("labels", {})
    pattern = facts.get("group", "")
    card = DatasetCard(
        name=name,
        title=facts.get("title", name),
        folder=path.name,
        labels={name: code for name, code in labels.items() if code},
        licence=facts.get("licence", "unknown"),
        um_per_px=facts.get("um_per_px"),
        groups=f"from the file name by {pattern}" if pattern else "",
    )
    return FolderDataset(card, pattern)


def candidates(root):
    """List the folders below the data root that look like a laboratory's own dataset, in sorted order."""
    return [path for path in subfolders(root) if (path / FACTS_FILE).exists() or _has_class_folder(path)]


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


def find_groups(pattern, names, where):
    """Find the group that each file name tells.

    Parameters
    ----------
    pattern : str
        A regular expression with a group of that name; without one no group is known.
    names : list of str
        File names.
    where : str
        What to blame for a pattern that cannot be used.

    Returns
    -------
    list of str or None
        One per name; None where the pattern is not found.

    Raises
    ------
    UsageError
        The pattern is too long, no regular expression, names no group, or may be misunderstood.

    Examples
    --------
    >>> find_groups("^(?P<group>[^_]+)_", ["slide3_17.png", "17.png"], "ward7")
    ['slide3', None]
    """
    if not pattern:
        return [None] * len(names)
    if len(pattern) > LONGEST_PATTERN:
        raise UsageError(f"group in {where} has {len(pattern)} characters", f"{LONGEST_PATTERN} may be written")
    if pattern.count("(?P<group>") != 1:
        raise UsageError(f"group = {pattern!r} in {where} names no group", "write for example '^(?P<group>[^_]+)_'")
    foreign = next((name for name in names if not name.isascii()), None)
    if foreign and re.search(r"\\[wWbB]", pattern):
        raise UsageError(
            f"group = {pattern!r} in {where} and the file {foreign!r}: \\w and \\b know English letters only",
            r"write [^_] or [\pL\pN_] in place of \w",
        )
    try:
        found = pc.extract_regex(pa.array(names, pa.string()), pattern)
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"group = {pattern!r} in {where} is no regular expression that can be used: {error}",
            "write (?:...) for groups without a name; looking around and back is not possible",
        ) from error
    return [match["group"] or None if match else None for match in found.to_pylist()]


def read_facts(path):
    """Read and check a `dataset.toml`; an absent one gives an empty dict."""
    if not path.exists():
        return {}
    facts, named = read_toml(path), spell(path)
    for key, value in facts.items():
        if key not in KEYS:
            raise UsageError(f"unknown key {key!r} in {named}", f"keys are {', '.join(KEYS)}")
        if not isinstance(value, KEYS[key]):
            raise UsageError(f"{key} = {value!r} in {named} has the wrong type", "see `dataset.toml` in the docs")
    for name, code in facts.get("labels", {}).items():
        if not isinstance(code, str) or code not in CELL_TYPES:
            raise UsageError(
                f"unknown cell type {code!r} for {name!r} in {named}", f"codes are {', '.join(CELL_TYPES)}"
            )
    check_pixel_size(facts.get("um_per_px"), named)
    find_groups(facts.get("group", ""), [""], named)
    return facts | {"labels": {as_words(name): code for name, code in facts.get("labels", {}).items()}}


def _has_class_folder(path):
    try:
        found = subfolders(path)
    except UsageError:  # nobody can say what lies in a folder such as lost+found, and nobody has asked
        return False
    return any(cell_type(as_words(each.name)) and _may_hold_images(each) for each in found)


def _may_hold_images(folder):
    try:
        return bool(image_files(folder))
    except UsageError:  # whoever reads the dataset is told
        return True

"""A laboratory's own images as a dataset: class folders, `<data root>/<name>/<class>/<image>`, or a table of labels.

Class folders and labels may be codes of the label tree (NE, SNE, LY), or what `terms.toml` knows: names in several
languages, abbreviations and the codes of other sources. An optional `dataset.toml` beside them may hold:

    title = "Ward 7, 2026"
    licence = "internal"
    um_per_px = 0.1
    group = '^(?P<group>[^_]+)_'       # a regular expression on the file name: the slide or patient
    table = "labels.csv"                # where there are several

    [labels]                            # class folder or label to code, before any other rule
    Kerne = "SNE"
    Schmutz = "-"                       # takes no part
"""

from dataclasses import dataclass
from pathlib import Path

from leukobench.datasets.card import DatasetCard, Record
from leukobench.datasets.facts import CODES, FACTS_FILE, LEFT_OUT, find_groups, read_facts
from leukobench.datasets.label_table import find_tables, is_table, read_labels
from leukobench.datasets.names import check_name
from leukobench.datasets.terms import cell_type
from leukobench.datasets.walk import image_tree, subfolders
from leukobench.errors import UsageError
from leukobench.inputs import as_words, spell


@dataclass(frozen=True)
class FolderDataset:
    """A dataset read from class folders, or from a table of labels.

    Parameters
    ----------
    card : DatasetCard
        What is known of it; no counts, as there is no release to compare with.
    facts : dict
        What its `dataset.toml` says.
    """

    card: DatasetCard
    facts: dict

    def read(self, root):
        """List the files of the dataset below the data root, as a list of `Record`."""
        folder = Path(root) / self.card.folder
        records = read_words(folder, self.facts)
        places = {}
        for record, where in records:
            places.setdefault(record.native_label, where)
        self.check({word: where for word, where in places.items() if word})
        groups = find_groups(
            self.facts.get("group", ""), [as_words(record.path.name) for record, _ in records], self.card.name
        )
        return [
            record._replace(group=record.group or group, doubt=record.doubt or self.doubt(record.native_label))
            for (record, _), group in zip(records, groups, strict=True)
        ]

    def doubt(self, word):
        """Say why the images of a word take no part; empty if they do."""
        return f"left out by {FACTS_FILE}" if self.facts.get("labels", {}).get(word) == LEFT_OUT else ""

    def check(self, places):
        """Refuse words that nobody can read; `places` says where each stands first."""
        strange = [word for word in places if word not in self.card.labels and not self.doubt(word)]
        if strange:
            others = f", nor are {', '.join(map(repr, sorted(strange[1:])))}" if strange[1:] else ""
            raise UsageError(
                f"{places[strange[0]]}: {strange[0]!r} is no cell type{others}",
                f"`leukobench data init-folder` drafts a {FACTS_FILE}; its [labels] say for each word {CODES}",
            )


def open_dataset(path):
    """Make a dataset of a laboratory's own folder.

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
        The folder's name cannot be a dataset's, or `dataset.toml` or the table of labels cannot be used.
    """
    path = Path(path)
    name = check_name(as_words(path.name))
    facts = read_facts(path / FACTS_FILE)
    words = {record.native_label for record, _ in read_words(path, facts)} - {None}
    labels = {word: cell_type(word) for word in sorted(words)} | facts.get("labels", {})
    pattern = facts.get("group", "")
    card = DatasetCard(
        name=name,
        title=facts.get("title", name),
        folder=path.name,
        labels={word: code for word, code in labels.items() if code and code != LEFT_OUT},
        licence=facts.get("licence", "unknown"),
        um_per_px=facts.get("um_per_px"),
        groups=f"from the file name by {pattern}" if pattern else "",
    )
    return FolderDataset(card, facts)


def read_words(folder, facts):
    """List the images of a folder with the words that say what they are.

    Parameters
    ----------
    folder : Path
        It has a table of labels, or class folders, in which the images may lie in folders again.
    facts : dict
        Of `leukobench.datasets.facts.read_facts`.

    Returns
    -------
    list of (Record, str)
        The record of each image, its native label being the word, and where that stands.

    Raises
    ------
    UsageError
        A folder or the table cannot be read.
    """
    paths = [] if "table" in facts else image_tree(folder)
    deeper = any(path.parent != folder for path in paths)
    table = folder / facts["table"] if "table" in facts else choose_table(folder, deeper)
    if table:
        return [(record, f"{spell(table)}, line {line}") for record, line in read_labels(folder, table)]
    classes = {path: path.relative_to(folder).parts[0] for path in paths if path.parent != folder}
    return [
        (Record(path, as_words(classes[path])), f"class folder {spell(folder / classes[path])}")
        if path in classes
        else (Record(path, None, doubt="lies in no class folder"), spell(folder))
        for path in paths
    ]


def choose_table(folder, has_folders):
    """Choose the table of labels in a folder.

    Parameters
    ----------
    folder : Path
    has_folders : bool
        Whether there are folders with images, which are class folders where no table can be used.

    Returns
    -------
    Path or None
        None where there is none.

    Raises
    ------
    UsageError
        There are several.
    """
    named = find_tables(folder)
    tables = [path for path in named if is_table(path)]
    if len(tables) > 1:
        names = ", ".join(spell(path.name) for path in tables)
        raise UsageError(f"{spell(folder)} has several tables of labels: {names}", f"write table = in {FACTS_FILE}")
    return (tables or ([] if has_folders else named) or [None])[0]


def looks_like_one(path):
    """Say whether a folder below the data root looks like a laboratory's own dataset."""
    try:
        tables = find_tables(path)
        return (path / FACTS_FILE).exists() or _has_class_folder(path) or any(map(is_table, tables))
    except (UsageError, OSError):  # nobody can say what lies in a folder such as lost+found, and nobody has asked
        return False


def _has_class_folder(path):
    return any(cell_type(as_words(each.name)) and _may_hold_images(each) for each in subfolders(path))


def _may_hold_images(folder):
    try:
        return bool(image_tree(folder))
    except UsageError:  # whoever reads the dataset is told
        return True

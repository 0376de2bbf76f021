"""The label tree: cell types, the levels that cut through it, and the merged presets.

The facts are in `taxonomy.toml`. An image stores the deepest cell type that its source's label supports and is
evaluated at any level above it; nothing is ever guessed finer than the source says.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from leukobench.errors import UsageError, unknown
from leukobench.inputs import read_toml

FACTS = read_toml(Path(__file__).with_suffix(".toml"))


@dataclass(frozen=True)
class CellType:
    """A node of the label tree.

    Parameters
    ----------
    code : str
        Short name used in tables, such as `"SNE"`.
    name : str
        The name in words.
    level : dict of str to str
        Level name to the class that the cell type belongs to there.
    option : dict of str to str
        The same for levels at which the cell type takes part only on request.
    cl : str
        Cell Ontology identifier, empty where there is none.
    note : str
        What the name alone does not say.
    """

    code: str
    name: str
    level: dict
    option: dict = field(default_factory=dict)
    cl: str = ""
    note: str = ""


@dataclass(frozen=True)
class Preset:
    """A merged dataset: which datasets, at which level, without which cell types.

    Parameters
    ----------
    name, title : str
        Its name on the command line and in words.
    level : str
        The level at which the merged set is labelled.
    datasets : list of str
        Names of the datasets that go in.
    left_out : dict of str to list of str
        Dataset name to the codes that do not go in.
    """

    name: str
    title: str
    level: str
    datasets: list
    left_out: dict


CELL_TYPES = {entry["code"]: CellType(**entry) for entry in FACTS["cell_type"]}
LEVELS = {  # the classes of each level in display order: the cell types that stand for themselves there
    level: tuple(code for code, cell_type in CELL_TYPES.items() if cell_type.level.get(level) == code)
    for level in ("L5", "L8", "L11", "L15")
}
STAGES = {
    code: i for i, codes in enumerate(FACTS["maturation"]) for code in codes
}  # of granulocytes, the youngest is 0
PRESETS = {name: Preset(name=name, **facts) for name, facts in FACTS["preset"].items()}


def to_level(code, level, options=()):
    """Give the class of a cell type at a level.

    Parameters
    ----------
    code : str or None
        Code of a cell type; None or NaN where nothing is known.
    level : {"L5", "L8", "L11", "L15"}
        The level.
    options : collection of str, default ()
        Codes that take part where they do so only on request: `"LYA"` joins LY at L5 and L8; `"PMB"` joins IG at L8
        and PMY at L11 (both promyelocyte in the Cell Ontology).

    Returns
    -------
    str or None
        Code of the class; None where the cell type takes no part at that level.

    Raises
    ------
    UsageError
        The level, an option or the code is unknown.

    Examples
    --------
    >>> to_level("SNE", "L5"), to_level("NE", "L11"), to_level("LYA", "L5"), to_level("LYA", "L5", options=["LYA"])
    ('NE', None, None, 'LY')
    """
    _check_level(level)
    for option in options:
        if option not in CELL_TYPES or not CELL_TYPES[option].option:
            possible = ", ".join(each.code for each in CELL_TYPES.values() if each.option)
            raise UsageError(f"unknown label option {option!r}", f"options are {possible}")
    if code is None or code != code:  # NaN is not equal to itself
        return None
    if code not in CELL_TYPES:
        raise unknown("cell type", code, CELL_TYPES)
    cell_type = CELL_TYPES[code]
    return cell_type.level.get(level) or (cell_type.option.get(level) if code in options else None)


def subsumes(coarse, fine):
    """Say whether one cell type is another one, or holds it as a finer one.

    Parameters
    ----------
    coarse, fine : str
        Codes of cell types. What takes part at a level on request only (LYA as LY) is not held by it.

    Returns
    -------
    bool

    Examples
    --------
    >>> subsumes("NE", "SNE"), subsumes("SNE", "NE"), subsumes("IG", "MY"), subsumes("LY", "LYA")
    (True, False, True, False)
    """
    return coarse == fine or coarse in CELL_TYPES[fine].level.values()


def strangers(head, level):
    """Name the cell types that none of some classes stands for.

    Parameters
    ----------
    head : collection of str
        Codes of classes.
    level : {"L5", "L8", "L11", "L15"}
        The level that they are of.

    Returns
    -------
    list of str
        Names in display order; of a cell type and its finer ones the coarse one alone.

    Examples
    --------
    >>> strangers(LEVELS["L8"], "L8")
    ['atypical lymphocyte', 'bilobed promyelocyte', 'myeloblast', 'monoblast', 'smudge cell']
    """
    own = [code for code in CELL_TYPES if to_level(code, level) in head or any(subsumes(code, each) for each in head)]
    rest = [code for code in CELL_TYPES if code not in own]
    return [CELL_TYPES[code].name for code in rest if sum(subsumes(each, code) for each in rest) == 1]


def adjacent(one, other):
    """Say whether two cell types are of the same or of neighbouring stages of maturation, or the same.

    Parameters
    ----------
    one, other : str
        Codes of cell types, or classes of other names, which have no stage.

    Returns
    -------
    bool

    Examples
    --------
    >>> adjacent("BNE", "SNE"), adjacent("MMY", "SNE"), adjacent("LY", "LY"), adjacent("LY", "MO")
    (True, False, True, False)
    """
    return one == other or (one in STAGES and other in STAGES and abs(STAGES[one] - STAGES[other]) <= 1)


def class_names(level):
    """Give the classes of a level in display order, with their names in words.

    Parameters
    ----------
    level : {"L5", "L8", "L11", "L15"}
        The level.

    Returns
    -------
    dict of str to str
        Code to name.

    Raises
    ------
    UsageError
        The level is unknown.

    Examples
    --------
    >>> class_names("L5")
    {'NE': 'neutrophil', 'EO': 'eosinophil', 'BA': 'basophil', 'LY': 'lymphocyte', 'MO': 'monocyte'}
    """
    _check_level(level)
    return {code: CELL_TYPES[code].name for code in LEVELS[level]}


def apply_preset(index, name="merged-leukopy"):
    """Give the rows of an index that belong to a merged preset.

    Parameters
    ----------
    index : DataFrame
        As `build_index` gives it; only usable rows (status "ok") are kept.
    name : str, default "merged-leukopy"
        Name of the preset.

    Returns
    -------
    DataFrame
        The kept rows in their order, with their index values; the labels are in the column of the preset's level.

    Raises
    ------
    UsageError
        The preset is unknown, or the index holds no image of it.
    """
    if name not in PRESETS:
        raise unknown("merged preset", name, PRESETS)
    preset = PRESETS[name]
    pairs = {(dataset, code) for dataset, codes in preset.left_out.items() for code in codes}
    wanted = np.array([pair not in pairs for pair in zip(index["dataset"], index["code"], strict=True)], dtype=bool)
    usable = index["dataset"].isin(preset.datasets) & (index["status"] == "ok") & index[preset.level].notna()
    rows = index[usable.to_numpy() & wanted]
    if rows.empty:
        raise UsageError(f"no image of the preset {name!r} is here", f"it is made of {', '.join(preset.datasets)}")
    return rows


def _check_level(level):
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)

"""The images of a suite, and in words which are left out."""

from leukobench.datasets.registry import DATASETS
from leukobench.datasets.taxonomy import CELL_TYPES, apply_preset
from leukobench.errors import UsageError


def select_samples(index, suite):
    """Images that take part in a suite, with their class at its level.

    Parameters
    ----------
    index : pandas.DataFrame
        Of `leukobench.datasets.build_index`.
    suite : Suite
        Gives datasets, level and preset.

    Returns
    -------
    pandas.DataFrame
        One row per usable image: dataset, path, sha256, class, group (text or None), um_per_px. Pictures of one cell
        have one group, and so have slides that share a cell.

    Raises
    ------
    UsageError
        Where a dataset has no usable image at that level.
    """
    for name in suite.datasets:
        other = DATASETS[name].card.cells_of if name in DATASETS else ""
        if other in suite.datasets:
            raise UsageError(f"{name} shows the cells of {other}: they are one laboratory", "leave one of them out")
    index = apply_preset(index, suite.preset) if suite.preset else index
    index = index if suite.level in index else index.assign(**{suite.level: None})  # an attribute that nobody tells
    usable = index[(index["status"] == "ok") & index[suite.level].notna()]
    empty = [name for name in suite.datasets if not (usable["dataset"] == name).any()]
    if empty:
        raise UsageError(
            "; ".join(why_empty(index[index["dataset"] == name], name, suite.level) for name in empty),
            "see `leukobench data index` for what was found, and narrow the run with --datasets",
        )
    usable = usable[usable["dataset"].isin(suite.datasets)]
    samples = usable[["dataset", "path", "sha256", "um_per_px"]].assign(group=_groups(usable))
    return samples.assign(**{"class": usable[suite.level].astype(str)}).reset_index(drop=True)


def _groups(usable):
    """Name what must stay together: the group, of several that show one cell the first, else the cell itself."""
    group = usable["group"].astype(object).where(usable["group"].notna(), None)
    for cell, rows in usable.groupby("same_cell"):
        names = [name for name in group[rows.index].unique() if name is not None] or [cell]
        joined = (usable["dataset"] == rows["dataset"].iloc[0]) & group.isin(names)
        group[joined | group.index.isin(rows.index)] = names[0]
    return group


def why_empty(rows, name, level):
    """What became of the images of a dataset that has none to use."""
    unfit = rows[rows["status"] != "ok"]
    most = unfit["status"].mode().tolist()[:1]
    first = unfit[unfit["status"].isin(most)].head(1)
    why = [f" ({row.status}: {row.path}: {row.reason})" for row in first.itertuples()]
    return f"no usable image of {name} at level {level}: {len(unfit)} of {len(rows)} are unfit{''.join(why)}"


def level_notes(index, suite):
    """What a suite's level leaves out, in words: images that are labelled, but as no class of that level.

    Parameters
    ----------
    index : pandas.DataFrame
        Of `leukobench.datasets.build_index`.
    suite : Suite
        Gives datasets and level.

    Returns
    -------
    list of str
        One line per dataset that loses images.
    """
    index = index[(index["status"] == "ok") & index["dataset"].isin(suite.datasets)]
    lines = []
    for name, rows in index.groupby("dataset"):
        counts = rows.loc[rows[suite.level].isna(), "code"].value_counts().sort_index(kind="stable")
        if len(counts):
            what = ", ".join(f"{n} {code} ({_in_words(code)})" for code, n in counts.items())
            lines.append(f"{suite.level} leaves out {counts.sum()} of {len(rows)} images of {name}: {what}")
    return lines


def unfit_notes(index):
    """What of a data root cannot be used, in words.

    Parameters
    ----------
    index : pandas.DataFrame
        Of `leukobench.datasets.build_index`.

    Returns
    -------
    list of str
        One line per dataset with files that are unfit, whose number stands beside each status.
    """
    lines = []
    for name, rows in index.groupby("dataset"):
        counts = rows.loc[rows["status"] != "ok", "status"].value_counts().sort_index(kind="stable")
        if len(counts):
            what = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in counts.items())
            lines.append(f"unfit of {name}: {counts.sum()} of {len(rows)} files ({what}); `data index` names them")
    return lines


def _in_words(code):
    cell_type = CELL_TYPES[code]
    return f"{cell_type.name}, {cell_type.note}" if cell_type.note else cell_type.name

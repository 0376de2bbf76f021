"""The checks that need nothing but the index, and the audit that runs them all."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats.contingency import association

from leukobench.audit.finding import SEVERITIES, Finding
from leukobench.datasets.registry import DATASETS
from leukobench.datasets.taxonomy import subsumes

FEW = 5  # images; a class of fewer is not scored
BATCH_SHARE = 0.01  # of a dataset's images; a size or folder that holds fewer is no batch
BATCH_SIZES = 12  # a dataset of more sizes than these was cut out by hand, and its sizes say nothing
CONFOUNDED = 0.5  # Cramer's V from which class and group, or class and batch, cannot be told apart by a model
FAR = 8.0  # robust standard deviations (1.4826 MAD) of brightness within a dataset


def audit(index, suspects=()):
    """Look for what is wrong with a data root.

    Parameters
    ----------
    index : pandas.DataFrame
        Of `leukobench.datasets.build_index`.
    suspects : sequence of Finding
        Of `leukobench.audit.find_suspects`, which needs the pictures and minutes.

    Returns
    -------
    list of Finding
        The worst first; within a severity in the order of `CHECKS`, by dataset.

    Examples
    --------
    >>> from leukobench.datasets.index import COLUMNS
    >>> said = {"dataset": "a", "path": "a/x.png", "synthetic": False, "status": "truncated", "reason": "ends early"}
    >>> [(each.severity, each.kind) for each in audit(pd.DataFrame([dict.fromkeys(COLUMNS) | said]).astype(COLUMNS))]
    [('warning', 'truncated')]
    """
    found = [finding for check in CHECKS for finding in check(index)]
    return sorted([*found, *suspects], key=lambda finding: SEVERITIES.index(finding.severity))


def unusable(index):
    """Files that are no images, or cannot be read, and the copies that are left out."""
    severities = {"duplicate": "note"}
    for (dataset, status), rows in index[index["status"] != "ok"].groupby(["dataset", "status"]):
        if status == "conflicting_label":
            continue
        sentence = f"{_count(rows, 'file')} left out as {status}: {rows['reason'].iloc[0]}"
        yield Finding(severities.get(status, "warning"), status, dataset, sentence, tuple(rows["path"]))


def label_conflicts(index):
    """Files with the same bytes, or pictures of one cell, whose labels exclude each other on the label tree."""
    same_bytes = index[index["status"] == "conflicting_label"].assign(key=lambda rows: rows["sha256"])
    same_cell = index[(index["status"] == "ok") & index["same_cell"].notna()].assign(key=lambda rows: rows["same_cell"])
    for what, rows in (("the same bytes", same_bytes), ("the same cell", same_cell)):
        for _, group in rows.groupby("key", sort=False):
            codes = group["code"].unique()
            if any(not (subsumes(a, b) or subsumes(b, a)) for a, b in combinations(codes, 2)):
                sentence = f"{what} under labels that exclude each other: {', '.join(sorted(codes))}"
                yield Finding("error", "label conflict", group["dataset"].iloc[0], sentence, tuple(group["path"]))


def same_cells(index):
    """Cells that were photographed more than once: kept on one side of every split."""
    rows = index[(index["status"] == "ok") & index["same_cell"].notna()]
    for cell, group in rows.groupby("same_cell", sort=False):
        sentence = f"{len(group)} pictures of one cell, which every split keeps together"
        yield Finding("warning", "near-duplicate", group["dataset"].iloc[0], sentence, (cell, *group["path"].iloc[1:]))


def hidden_batches(index):
    """A second acquisition, told by the size of its pictures, that holds classes of its own."""
    for dataset, rows in _labelled(index):
        sizes = rows["width"].astype(str) + "x" + rows["height"].astype(str)
        counts = sizes.value_counts()
        if not 1 < len(counts) <= BATCH_SIZES:
            continue
        for size, n in counts.iloc[1:].items():
            batch = rows[sizes == size]
            label, most = next(iter(batch["native_label"].value_counts().items()))
            v = _cramers_v(sizes == size, rows["native_label"])
            if n >= BATCH_SHARE * len(rows) and v >= CONFOUNDED:
                sentence = (
                    f"{n} pictures are {size} px where most are {counts.index[0]}: a batch of its own, {most} of it"
                    f" {label} (Cramer's V with the label {v:.2f}), so its looks give the class away"
                )
                yield Finding("warning", "hidden batch", dataset, sentence, tuple(batch["path"]))


def confounded_groups(index):
    """Classes that lie in few groups, so that a slide's looks give the class away and folds hold it out whole."""
    for dataset, rows in _labelled(index, "L5"):
        known = rows[rows["group"].notna()]
        if known["group"].nunique() < 2 or known["L5"].nunique() < 2:
            continue
        v = _cramers_v(known["group"], known["L5"])
        groups = known.groupby("L5")["group"].nunique().sort_values()
        if v >= CONFOUNDED:
            words = ", ".join(f"{label} in {n}" for label, n in groups.items())
            sentence = (
                f"class and group are confounded (Cramer's V {v:.2f}): of {known['group'].nunique()} groups {words}"
            )
            rare = known[known["L5"] == groups.index[0]]
            yield Finding("warning", "class tied to group", dataset, sentence, tuple(rare["path"]))
        for label in groups.index[groups == 1]:
            only = known[known["L5"] == label]
            sentence = f"all {len(only)} {label} lie in one group ({only['group'].iloc[0]}): within it cannot be scored"
            yield Finding("warning", "class of one group", dataset, sentence, tuple(only["path"]))


def brightness_outliers(index):
    """Pictures much darker or brighter than the rest of their dataset."""
    for dataset, rows in _labelled(index):
        values = rows["mean_brightness"]
        spread = 1.4826 * (values - values.median()).abs().median()
        score = (values - values.median()).abs() / max(spread, 1e-9)
        far = rows.loc[score[score > FAR].sort_values(ascending=False).index]
        if len(far) and len(rows) >= 4 * FEW:
            sentence = f"{_count(far, 'picture')} more than {FAR:g} robust deviations from the dataset's brightness"
            yield Finding("look", "brightness", dataset, sentence, tuple(far["path"]))


def second_opinions(index):
    """Cells that a second annotator, or the same one again, called something else."""
    rows = index[(index["status"] == "ok") & index["second_label"].notna()]
    for dataset, group in rows.groupby("dataset"):
        differ = group[group["second_label"] != group["native_label"]]
        if len(differ):
            sentence = f"a second annotator calls {len(differ)} of {len(group)} cells something else, or is unsure"
            yield Finding("look", "second opinion", dataset, sentence, tuple(differ["path"]))


def rare_classes(index):
    """Classes with too few images to be scored."""
    for dataset, rows in _labelled(index, "L5"):
        counts = rows["L5"].value_counts()
        if few := {label: int(n) for label, n in counts[counts < FEW].items()}:
            words = ", ".join(f"{n} {label}" for label, n in few.items())
            files = tuple(rows.loc[rows["L5"].isin(few), "path"])
            sentence = f"{words}: a class of fewer than {FEW} images is not scored"
            yield Finding("note", "rare class", dataset, sentence, files)


def against_the_card(index):
    """Counts of each native label beside those of the release."""
    for dataset, rows in index[index["status"] != "not_an_image"].groupby("dataset"):
        card = DATASETS[dataset].card if dataset in DATASETS else None
        if card is None or not card.total:
            continue
        counts = rows["native_label"].value_counts()
        more = {label: (int(n), card.counts[label]) for label, n in counts.items() if n > card.counts.get(label, n)}
        for label, (n, released) in more.items():
            files = tuple(rows.loc[rows["native_label"] == label, "path"])
            yield Finding("warning", "more than released", dataset, f"{n} {label} where {released} are released", files)
        missing = [label for label, n in card.counts.items() if n and label not in counts]
        total = int(rows["native_label"].isin(card.counts).sum())
        if total < card.total or missing:
            sentence = f"{total:,} of the release's {card.total:,} images are here" + (
                f"; none of {', '.join(missing)}" if missing else ""
            )
            yield Finding("note", "part of a release", dataset, sentence)


def unknown_facts(index):
    """What nobody says of a dataset: groups, pixel size."""
    for dataset, rows in _labelled(index):
        if rows["group"].isna().all():
            sentence = "no patient or slide is known: scores within it are optimistic"
            yield Finding("note", "groups unknown", dataset, sentence)
        if rows["um_per_px"].isna().all():
            yield Finding("note", "pixel size unknown", dataset, "its micrometres per pixel are unknown")


CHECKS = (
    *(label_conflicts, unusable, same_cells, hidden_batches, confounded_groups, brightness_outliers),
    *(second_opinions, rare_classes, against_the_card, unknown_facts),
)


def _labelled(index, level="code"):
    """Usable rows of each dataset that have a label of a level."""
    return index[(index["status"] == "ok") & index[level].notna()].groupby("dataset")


def _cramers_v(first, second):
    """Cramer's V, corrected for the bias that many sparse cells bring (Bergsma 2013)."""
    table = pd.crosstab(np.asarray(first), np.asarray(second)).to_numpy()
    rows, columns = table.shape
    n = table.sum()
    if min(rows, columns) < 2 or n < 2:
        return 0.0
    phi = association(table, method="cramer") ** 2 * (min(rows, columns) - 1)
    phi = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    fewest = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(min(1.0, phi / fewest))) if fewest > 0 else 0.0


def _count(rows, noun):
    return f"{len(rows)} {noun}{'' if len(rows) == 1 else 's'}"

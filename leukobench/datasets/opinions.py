"""How far people agree on a dataset: its labels against those that somebody gave the same images again."""

from collections import Counter
from itertools import combinations
from pathlib import Path

from leukobench.datasets.registry import get_dataset
from leukobench.datasets.taxonomy import to_level

READINGS = ("original", "second annotator", "second annotator again")
OTHER = "other"  # what is called neither of the level's classes: unsure, or a cell type that takes no part there


def count_opinions(root, names, level):
    """Count what images were called by one reading and by another, at a level.

    Parameters
    ----------
    root : path-like
        The data root.
    names : sequence of str
        Datasets.
    level : str
        Cut through the label tree.

    Returns
    -------
    dict of str to dict
        Dataset to "<reading> against <reading>" to class by the first to class by the second to the number of images;
        the first gave a class of the level. Datasets that nobody labelled again are left out.
    """
    counts = {}
    for name in names:
        source = get_dataset(name, root)
        read = getattr(source, "second_labels", lambda root: [])
        called = [[_at_level(label, source.card, level) for label in labels] for labels in read(Path(root))]
        if called:
            counts[name] = {
                f"{READINGS[i]} against {READINGS[j]}": _nested((row[i], row[j]) for row in called if row[i] != OTHER)
                for i, j in combinations(range(len(READINGS)), 2)
            }
    return counts


def _at_level(label, card, level):
    return to_level(card.labels.get(label), level) or OTHER


def _nested(pairs):
    nested = {}
    for (one, other), count in sorted(Counter(pairs).items()):
        nested.setdefault(one, {})[other] = count
    return nested

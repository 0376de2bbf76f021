"""Which-dataset probe: how well the source of a cell can be told from its features, within one class at a time."""

import warnings

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leukobench.diagnosis.rows import FOLDS, balanced_recall, folds

MOST = 120  # images of a class in a dataset; more cost time and change little
TREES = 50


def linear():
    """Logistic regression on standardised columns."""
    model = LogisticRegression(C=0.05, class_weight="balanced", max_iter=100, tol=1e-2)
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), model)


def trees():
    """Extremely randomised trees."""
    model = ExtraTreesClassifier(TREES, max_features=0.1, class_weight="balanced", random_state=0)
    return make_pipeline(SimpleImputer(keep_empty_features=True), model)


PROBES = {"linear": linear, "trees": trees}
PROTOCOL = (
    f"Balanced accuracy of telling the datasets apart, out of fold ({FOLDS}-fold, stratified, groups kept whole where "
    "a dataset has enough of them), within one class at a time so that the class mix does not explain it; at most "
    f"{MOST} images of a class in a dataset. linear: logistic regression on standardised columns; trees: {TREES} "
    "extremely randomised trees. Chance is one over the number of datasets that have the class."
)


def parts_of(rows):
    """Name and columns of what is probed: the whole representation, then each of its feature groups."""
    yield rows.name, np.arange(rows.values.shape[1])
    groups = dict.fromkeys(feature.group for feature in rows.features or [])
    if len(groups) > 1:
        for group in groups:
            yield f"{rows.name}, {group}", rows.columns(group)


def probe(rows, label, columns, kind, seed=0):
    """Tell the datasets apart within one class.

    Parameters
    ----------
    rows : Rows
    label : str
        The class.
    columns : int array
        Columns to tell them by.
    kind : {"linear", "trees"}
    seed : int, default 0
        Of the folds and the choice of images.

    Returns
    -------
    score, chance : float
        NaN where fewer than two datasets have enough images of the class.
    """
    datasets = [name for name in np.unique(rows.dataset) if label in rows.classes(name)]
    if len(datasets) < 2:
        return np.nan, np.nan
    rng = np.random.default_rng(seed)
    own = [np.flatnonzero(rows.of(name, label)) for name in datasets]
    at = np.concatenate([np.sort(rng.permutation(images)[:MOST]) for images in own])
    values, truth = rows.values[np.ix_(at, columns)], rows.dataset[at]
    called = np.empty_like(truth)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a probe that is nearly converged is a probe
        for train, test in folds(truth, rows.cluster[at], seed):
            called[test] = PROBES[kind]().fit(values[train], truth[train]).predict(values[test])
    return balanced_recall(truth, called), 1 / len(datasets)


def probe_table(tables, progress):
    """Probe every representation, its feature groups and every class.

    Parameters
    ----------
    tables : list of Rows
    progress : callable
        Called as progress(stage, done, total).

    Returns
    -------
    DataFrame
        Columns representation, probe, class, balanced_accuracy and chance.
    """
    jobs = [
        (rows, part, columns, kind, str(label))
        for rows in tables
        for part, columns in parts_of(rows)
        for kind in PROBES
        for label in np.unique(rows.label)
    ]
    found = []
    for done, (rows, part, columns, kind, label) in enumerate(jobs):
        progress("which-dataset probe", done, len(jobs))
        score, chance = probe(rows, label, columns, kind)
        found.append((part, kind, label, score, chance))
    progress("which-dataset probe", len(jobs), len(jobs))
    table = pd.DataFrame(found, columns=["representation", "probe", "class", "balanced_accuracy", "chance"])
    return table.dropna().reset_index(drop=True)

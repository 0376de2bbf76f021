"""How far each feature moves from one dataset to another."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import wasserstein_distance

PROTOCOL = (
    "d: difference of the class-balanced means of two datasets over the pooled standard deviation within dataset and "
    "class (Cohen's d, equal weight to every shared class). W: 1-D Wasserstein distance of the values divided by the "
    "same standard deviation, mean over shared classes. Classes with ten images or more in both. Lengths are in "
    "micrometres where the pixel size is known, else in pixels."
)
FAR = 1.0  # d beyond which two datasets hardly overlap
WORST = 10


def shift_table(tables, datasets, progress):
    """Standardised distances of every feature between every two datasets.

    Parameters
    ----------
    tables : list of Rows
        Those that have features are looked at.
    datasets : list of str
        In the order of the suite.
    progress : callable
        Called as progress(stage, done, total).

    Returns
    -------
    DataFrame
        Columns representation, feature, group, first, second, d (second minus first) and wasserstein; d is 0 where the
        feature is constant in both at one value, infinite at two.
    """
    jobs = [(rows, *pair) for rows in tables if rows.features for pair in combinations(datasets, 2)]
    found = []
    for done, (rows, first, second) in enumerate(jobs):
        progress("feature shift", done, len(jobs))
        classes = rows.shared(first, second)
        if not classes:
            continue
        d, w = _distances(rows, first, second, classes)
        found.append(
            pd.DataFrame(
                {
                    "representation": rows.name,
                    "feature": [feature.name for feature in rows.features],
                    "group": [feature.group for feature in rows.features],
                    "first": first,
                    "second": second,
                    "d": d,
                    "wasserstein": w,
                }
            )
        )
    progress("feature shift", len(jobs), len(jobs))
    columns = ["representation", "feature", "group", "first", "second", "d", "wasserstein"]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def _distances(rows, first, second, classes):
    """d and W of every column."""
    cells = {(a, c): rows.values[rows.of(a, c)] for a in (first, second) for c in classes}
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(_mean([_spread(values) ** 2 for values in cells.values()]))
        apart = _mean([_centre(cells[second, c]) - _centre(cells[first, c]) for c in classes])
        d = np.where((apart == 0) & (spread == 0), 0.0, apart / spread)
        w = _mean([_wasserstein(cells[first, c], cells[second, c]) for c in classes]) / spread
    return d, np.where((apart == 0) & (spread == 0), 0.0, w)


def _wasserstein(here, there):
    found = np.full(here.shape[1], np.nan)
    for column, pair in enumerate(zip(here.T, there.T, strict=True)):
        a, b = (values[np.isfinite(values)] for values in pair)
        if len(a) and len(b):
            found[column] = wasserstein_distance(a, b)
    return found


def _mean(parts):
    """Mean over the parts that have a value; NaN where none has."""
    parts = np.array(parts)
    there = np.isfinite(parts)
    return np.where(there, parts, 0).sum(0) / np.where(there.any(0), there.sum(0), np.nan)


def _centre(values):
    return _mean(values)


def _spread(values):
    return np.sqrt(_mean((values - _centre(values)) ** 2))

"""Error bars and comparisons: a paired bootstrap over test images, and rank tests over train x test combinations.

Every figure of the leaderboard is a weighted mean of balanced accuracies, one per (train, test, model). `bootstrap`
gives the replicates of all of them from the same draws of images, so that any mean and any difference of two means is
one product with a vector of weights, and models are compared image by image.
"""

from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd
from scipy import stats

REPLICATES = 1000
LEVEL = 0.95


class Interval(NamedTuple):
    """A figure with the ends of its bootstrap interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Target:
    """Test images of one dataset and what a number of classifiers made of them.

    Parameters
    ----------
    labels : ndarray of str, shape (n,)
        True class of each image.
    clusters : ndarray of int, shape (n,)
        Cluster (slide, patient) of each image; images whose cluster is unknown have one each.
    hits : ndarray of int, shape (n, j)
        How many of a classifier's runs (seeds) got the image right.
    runs : ndarray of int, shape (j,)
        Number of runs of each classifier.
    averaged : list of collections of str, length j
        Classes over which each classifier's balanced accuracy is averaged.
    """

    labels: np.ndarray
    clusters: np.ndarray
    hits: np.ndarray
    runs: np.ndarray
    averaged: list

    def balanced_accuracy(self, counts):
        """Balanced accuracy, mean over runs, where image i was drawn counts[b, i] times.

        A class that a replicate did not draw is left out of that replicate's mean; all classes missing gives NaN.

        Parameters
        ----------
        counts : ndarray of int or float, shape (b, n)

        Returns
        -------
        ndarray of float64, shape (b, j)
        """
        total, used = np.zeros((2, len(counts), len(self.runs)))
        # Whole numbers below 2**24 are exact in float32, so the product does not depend on the number of threads.
        hits = self.hits.astype(np.float32)
        for name in np.unique(self.labels):
            rows = self.labels == name
            columns = np.array([name in classes for classes in self.averaged])
            drawn = counts[:, rows].astype(np.float32)
            size = drawn.sum(axis=1, dtype=float)[:, None]
            recall = (drawn @ hits[np.ix_(rows, columns)]) / (np.maximum(size, 1) * self.runs[columns])
            total[:, columns] += np.where(size > 0, recall, 0)
            used[:, columns] += size > 0
        return np.where(used > 0, total / np.maximum(used, 1), np.nan)


@dataclass(frozen=True)
class Scores:
    """Balanced accuracies of all classifiers on all targets, with their paired bootstrap replicates.

    Parameters
    ----------
    keys : pandas.MultiIndex, length k
        (train, test, model) of each column.
    point : ndarray of float, shape (k,)
        Balanced accuracy on the images as they are.
    replicates : ndarray of float, shape (b, k)
    """

    keys: pd.MultiIndex
    point: np.ndarray
    replicates: np.ndarray

    def weights(self, chosen):
        """Weights that take the plain mean over some columns.

        Parameters
        ----------
        chosen : array-like of bool, shape (k,)

        Returns
        -------
        ndarray of float, shape (k,)
        """
        chosen = np.asarray(chosen, bool)
        return chosen / max(chosen.sum(), 1)

    def interval(self, weights, level=LEVEL):
        """Percentile interval of a weighted sum of scores: a mean, or a difference of two means.

        Parameters
        ----------
        weights : ndarray of float, shape (k,)
        level : float, default 0.95

        Returns
        -------
        Interval
            NaN throughout where all weights are zero.
        """
        used = np.flatnonzero(weights)
        if not len(used):
            return Interval(np.nan, np.nan, np.nan)
        values = self.replicates[:, used] @ weights[used]
        low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
        return Interval(float(self.point[used] @ weights[used]), float(low), float(high))


def draw_counts(clusters, replicates=REPLICATES, seed=0):
    """How often each image is drawn when whole clusters are drawn with replacement.

    As many clusters are drawn as there are, so the number of images varies where clusters differ in size.

    Parameters
    ----------
    clusters : array-like of int, shape (n,)
        Cluster of each image; all different means plain resampling of images.
    replicates : int, default 1000
    seed : int or sequence of int, default 0

    Returns
    -------
    ndarray of uint16, shape (replicates, n)

    References
    ----------
    Field and Welsh, Bootstrapping clustered data, J. R. Stat. Soc. B 69 (2007).

    Examples
    --------
    >>> draw_counts([0, 0, 1], replicates=2, seed=1)
    array([[1, 1, 1],
           [0, 0, 2]], dtype=uint16)
    """
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    generator = np.random.default_rng(seed)
    size = len(names)
    counts = np.empty((replicates, size), np.uint16)
    for row in counts:
        row[:] = np.bincount(generator.integers(0, size, size), minlength=size)
    return counts[:, member]


def bootstrap(targets, columns, *, replicates=REPLICATES, seed=0):
    """Resample every target's images, the same draw for all classifiers.

    Targets are strata: each is resampled on its own and keeps its number of clusters. A target's draws depend on its
    name and the seed only, not on which other targets there are.

    Parameters
    ----------
    targets : dict of str -> Target
    columns : dict of str -> list of (train, model)
        The classifiers behind the columns of each target's `hits`.
    replicates : int, default 1000
    seed : int, default 0

    Returns
    -------
    Scores
    """
    keys, point, drawn = [], [np.empty(0)], [np.empty((replicates, 0))]
    for name, target in targets.items():
        keys += [(train, name, model) for train, model in columns[name]]
        point.append(target.balanced_accuracy(np.ones((1, len(target.labels)), np.uint16))[0])
        drawn.append(target.balanced_accuracy(draw_counts(target.clusters, replicates, [seed, crc32(name.encode())])))
    index = pd.MultiIndex.from_frame(pd.DataFrame(keys, columns=["train", "test", "model"], dtype=str))
    return Scores(index, np.concatenate(point), np.concatenate(drawn, axis=1))


def rank_tests(scores, alpha=0.05):
    """Friedman test and Nemenyi's critical difference of models over train x test combinations.

    Combinations that share a dataset are not independent, so the p value is too small: read it as a description.

    Parameters
    ----------
    scores : DataFrame, combinations in rows, models in columns
        Higher is better; rows with a missing score are dropped.
    alpha : float, default 0.05

    Returns
    -------
    dict or None
        `statistic`, `p`, `n` (combinations), `average_ranks` (dict model -> rank, 1 is best), `critical_difference`:
        average ranks farther apart than that differ at `alpha`. None with fewer than three models or two combinations.

    References
    ----------
    Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7 (2006).

    Examples
    --------
    >>> table = pd.DataFrame({"a": [.9, .8, .7], "b": [.6, .5, .6], "c": [.1, .2, .3]})
    >>> result = rank_tests(table)
    >>> result["average_ranks"], round(result["p"], 3), round(result["critical_difference"], 2)
    ({'a': 1.0, 'b': 2.0, 'c': 3.0}, 0.05, 1.91)
    """
    scores = scores.dropna()
    n, k = scores.shape
    if k < 3 or n < 2:
        return None
    ranks = stats.rankdata(-scores.to_numpy(), axis=1)
    if (ranks == ranks[:, :1]).all():
        statistic, p = 0.0, 1.0  # every model equal everywhere: SciPy divides by zero
    else:
        statistic, p = stats.friedmanchisquare(*scores.to_numpy().T)
    spread = stats.studentized_range.ppf(1 - alpha, k, np.inf) / np.sqrt(2)
    return {
        "statistic": float(statistic),
        "p": float(p),
        "n": n,
        "average_ranks": dict(zip(scores.columns, ranks.mean(axis=0).tolist(), strict=True)),
        "critical_difference": float(spread * np.sqrt(k * (k + 1) / (6 * n))),
    }

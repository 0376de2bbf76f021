"""Error bars and comparisons: a paired bootstrap over test images, and rank tests over train x test combinations.

Every figure of the leaderboard is a weighted mean of one metric, which has a value per (train, test, model).
`bootstrap` gives the replicates of all of them from the same draws of images, so that any mean and any difference of
two means is one product with a vector of weights, and models are compared image by image.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd
from scipy import stats

from leukobench.metrics.catalogue import DEFAULT

REPLICATES = 1000
LEVEL = 0.95
CHUNK = 256  # classifiers that are looked at together, which bounds the memory


class Interval(NamedTuple):
    """A figure with the ends of its bootstrap interval."""

    estimate: float
    low: float
    high: float


@dataclass
class _Runs:
    """Runs of classifiers that answered the same question: the same images, with the same classes to choose from.

    Parameters
    ----------
    rows : ndarray of int, shape (n,)
        Where their images stand among those of the target.
    true : ndarray of int, shape (n,)
        Classes of these images.
    averaged : ndarray of bool, shape (m,)
        Classes that a mean over classes is over.
    parts : dict of (train, model) -> list of arrays of shape (n, s), or of Answers
        What each run adds to the sums of the metric; of a linear one a single array, the sum over runs.
    runs : dict of (train, model) -> int
    """

    rows: np.ndarray
    true: np.ndarray
    averaged: np.ndarray
    parts: dict = field(default_factory=lambda: defaultdict(list))
    runs: dict = field(default_factory=lambda: defaultdict(int))


class Target:
    """Test images of one dataset and what a number of classifiers made of them, by one metric.

    Parameters
    ----------
    clusters : ndarray of int, shape (n,)
        Cluster (slide, patient) of each image; images whose cluster is unknown have one each.
    metric : Metric, default balanced accuracy

    Examples
    --------
    >>> from leukobench.metrics import Answers
    >>> target = Target(np.arange(3))
    >>> target.add(("cvb", "lda"), np.arange(3), Answers(np.array([0, 0, 1]), np.eye(2)[[0, 1, 1]], "ab", np.arange(2)))
    >>> target.replicates(np.array([[1, 1, 1], [2, 0, 1]])).tolist()
    [[0.75], [1.0]]
    """

    def __init__(self, clusters, metric=DEFAULT):
        self.clusters, self.metric, self._questions = clusters, metric, {}

    @property
    def columns(self):
        """(train, model) of each column of `replicates`, sorted."""
        return sorted(self._keys())

    def _keys(self):
        return [key for question in self._questions.values() for key in question.runs]

    def add(self, key, rows, answers):
        """Take up one run (seed) of a classifier.

        Parameters
        ----------
        key : (train, model)
            Of runs with the same key the mean counts.
        rows : ndarray of int, shape (n,)
            Where its images stand among those of the target.
        answers : Answers
            About these images.
        """
        averaged = np.isin(np.arange(len(answers.labels)), answers.averaged)
        place = answers.labels, averaged.tobytes()
        question = self._questions.setdefault(place, _Runs(rows, answers.true, averaged))
        sums = self.metric.sums
        self._take(question, key, [sums.per_image(answers) if sums else answers], 1)

    def join(self, other):
        """Take up all runs of another one about the same images."""
        for place, theirs in other._questions.items():
            question = self._questions.setdefault(place, _Runs(theirs.rows, theirs.true, theirs.averaged))
            for key, parts in theirs.parts.items():
                self._take(question, key, parts, theirs.runs[key])

    def _take(self, question, key, parts, runs):
        question.runs[key] += runs
        if self.metric.sums and self.metric.sums.linear:
            before = question.parts[key][0] if question.parts[key] else 0
            question.parts[key] = [before + sum(part.astype(_kind(part)) for part in parts)]
        else:
            question.parts[key] += parts

    def replicates(self, counts):
        """The metric, mean over runs, where image i was drawn counts[b, i] times.

        A class that a replicate did not draw is left out of that replicate's mean over classes.

        Parameters
        ----------
        counts : ndarray of int, shape (b, n)

        Returns
        -------
        ndarray of float64, shape (b, j)
            In the order of `columns`; NaN where nothing was drawn that the metric is about.
        """
        values = [np.empty((len(counts), 0))]
        for question in self._questions.values():
            keys = list(question.runs)
            for start in range(0, len(keys), CHUNK):
                values.append(self._of_question(question, keys[start : start + CHUNK], counts[:, question.rows]))
        return np.concatenate(values, axis=1)[:, _order(self._keys())]

    def _of_question(self, question, keys, drawn):
        parts = [question.parts[key] for key in keys]
        flat = [part for each in parts for part in each]
        if self.metric.sums is None:
            found = np.array([[_value(self.metric, answers, row) for answers in flat] for row in drawn])
        elif self.metric.sums.linear:
            runs = np.array([question.runs[key] for key in keys])
            found = _combined(self.metric.sums, question, np.stack(flat, axis=1), runs, drawn)
        else:
            found = _combined(self.metric.sums, question, np.stack(flat, axis=1), np.ones(len(flat)), drawn)
        first = np.cumsum([0, *map(len, parts)])[:-1]
        return np.add.reduceat(found, first, axis=1) / [len(each) for each in parts]


def _order(keys):
    """Positions that sort columns: they come in another order where several processes shared the scoring."""
    return sorted(range(len(keys)), key=keys.__getitem__)


def _value(metric, answers, drawn):
    some = answers.of(np.repeat(np.arange(len(drawn)), drawn))
    whole = len(some.present) >= 2 and (len(some.averaged) > 0 or not metric.over_classes)
    return float(metric.of(some)) if whole else np.nan


def _combined(sums, question, values, runs, drawn):
    """The metric of every replicate and column of values (n, j, s), which are sums over that many runs."""
    n, j, s = values.shape
    # Whole numbers below 2**24 are exact in float32, so the product does not depend on the number of threads.
    kind = np.float64 if values.dtype.kind == "f" else np.float32
    values = values.reshape(n, j * s).astype(kind)
    total = np.zeros((len(drawn), len(question.averaged), j, s))
    sizes = np.zeros((len(drawn), len(question.averaged)))
    for c in range(len(question.averaged)):
        rows = question.true == c
        some = drawn[:, rows].astype(kind)
        total[:, c] = (some @ values[rows]).reshape(-1, j, s) / runs[:, None]
        sizes[:, c] = some.sum(axis=1, dtype=float)
    return sums.combine(total, sizes, question.averaged)


def _kind(part):
    return part.dtype if part.dtype.kind == "f" else np.uint16


@dataclass(frozen=True)
class Scores:
    """What all classifiers score on all targets by one metric, with their paired bootstrap replicates.

    Parameters
    ----------
    keys : pandas.MultiIndex, length k
        (train, test, model) of each column.
    point : ndarray of float, shape (k,)
        Of the images as they are.
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


def bootstrap(targets, *, replicates=REPLICATES, seed=0):
    """Resample every target's images, the same draw for all classifiers.

    Targets are strata: each is resampled on its own and keeps its number of clusters. A target's draws depend on its
    name and the seed only, not on which other targets there are.

    Parameters
    ----------
    targets : dict of str -> Target
    replicates : int, default 1000
    seed : int, default 0

    Returns
    -------
    Scores
    """
    keys, point, drawn = [], [np.empty(0)], [np.empty((replicates, 0))]
    for name, target in targets.items():
        keys += [(train, name, model) for train, model in target.columns]
        point.append(target.replicates(np.ones((1, len(target.clusters)), np.uint16))[0])
        drawn.append(target.replicates(draw_counts(target.clusters, replicates, [seed, crc32(name.encode())])))
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

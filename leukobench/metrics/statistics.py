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
from scipy import special, stats

from leukobench.metrics.catalogue import DEFAULT

REPLICATES = 1000
LEVEL = 0.95
ROUNDING = 1e-12
CHUNK = 256  # classifiers that are looked at together, which bounds the memory


class Interval(NamedTuple):
    """A figure with the ends of its interval."""

    estimate: float
    low: float
    high: float


@dataclass
class _Runs:
    """Runs of classifiers that answered the same question: the same images, with the same classes to choose from.

    Parameters
    ----------
    names : tuple of str, length m
        Classes.
    rows : ndarray of int, shape (n,)
        Where their images stand among those of the target.
    true : ndarray of int, shape (n,)
        Positions of these images' classes among the names.
    averaged : ndarray of bool, shape (m,)
        Classes that a mean over classes is over.
    parts : dict of (train, model) -> list of arrays of shape (n, s), or of Answers
        What each run adds to the sums of the metric; of a linear one a single array, the sum over runs.
    runs : dict of (train, model) -> int
    """

    names: tuple
    rows: np.ndarray
    true: np.ndarray
    averaged: np.ndarray
    parts: dict = field(default_factory=lambda: defaultdict(list))
    runs: dict = field(default_factory=lambda: defaultdict(int))


class Target:
    """Test images of one dataset and what a number of classifiers made of them, by one metric.

    Parameters
    ----------
    labels : ndarray of str, shape (n,)
        True class of each image.
    clusters : ndarray of int, shape (n,)
        Cluster (slide, patient) of each image; images whose cluster is unknown have one each.
    metric : Metric, default balanced accuracy

    Examples
    --------
    >>> from leukobench.metrics import Answers
    >>> target = Target(np.array(["a", "a", "b"]), np.arange(3))
    >>> target.add(("cvb", "lda"), np.arange(3), Answers(np.array([0, 0, 1]), np.eye(2)[[0, 1, 1]], "ab", np.arange(2)))
    >>> target.replicates(np.array([[1, 1, 1], [2, 0, 1]])).tolist()
    [[0.75], [1.0]]
    """

    def __init__(self, labels, clusters, metric=DEFAULT):
        self.labels, self.clusters, self.metric, self._questions = labels, clusters, metric, {}

    @property
    def precision(self):
        """Variance of a mean over classes, as one over the units drawn of each, and its degrees of freedom.

        The freedom is Satterthwaite's of independent classes, and no more than the units of all of them allow.
        """
        averaged = {q.names[c] for q in self._questions.values() for c in np.flatnonzero(q.averaged)}
        units = [each for name, _, each in strata(self.labels, self.clusters) if name in averaged]
        sizes = np.array([size for size in (len(np.unique(each)) for each in units) if size > 1])
        if not len(sizes):
            return 0.0, np.inf
        total = len(np.unique(np.concatenate(units)))
        return (1 / sizes).sum(), min((1 / sizes).sum() ** 2 / (1 / sizes**2 / (sizes - 1)).sum(), total - 1)

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
        question = self._questions.setdefault(place, _Runs(tuple(answers.labels), rows, answers.true, averaged))
        sums = self.metric.sums
        self._take(question, key, [sums.per_image(answers) if sums else answers], 1)

    def join(self, other):
        """Take up all runs of another one about the same images."""
        for place, theirs in other._questions.items():
            question = self._questions.setdefault(place, _Runs(theirs.names, theirs.rows, theirs.true, theirs.averaged))
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

        Every class keeps its share of the images, however many of its own were drawn.

        Parameters
        ----------
        counts : ndarray of int, shape (b, n)
            Of `draw_counts`: some image of every class.

        Returns
        -------
        ndarray of float64, shape (b, j)
            In the order of `columns`.
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
    return float(metric.of(answers.of(np.repeat(np.arange(len(drawn)), drawn))))


def _combined(sums, question, values, runs, drawn):
    """The metric of every replicate and column of values (n, j, s), which are sums over that many runs."""
    n, j, s = values.shape
    # Whole numbers below 2**24 are exact in float32, so the product does not depend on the number of threads.
    kind = np.float64 if values.dtype.kind == "f" else np.float32
    values = values.reshape(n, j * s).astype(kind)
    sizes = np.bincount(question.true, minlength=len(question.averaged))
    total = np.zeros((len(drawn), len(sizes), j, s))
    for c in np.flatnonzero(sizes):
        rows = question.true == c
        some = drawn[:, rows].astype(kind)
        found = (some @ values[rows]).reshape(-1, j, s) / runs[:, None]
        total[:, c] = found * sizes[c] / some.sum(axis=1, dtype=float)[:, None, None]
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
    precision : dict of str -> (float, float)
        Of each target, see `Target.precision`.
    bounded : bool, default True
        Whether a score lies between 0 and 1.
    """

    keys: pd.MultiIndex
    point: np.ndarray
    replicates: np.ndarray
    precision: dict
    bounded: bool = True

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
        """Interval of a weighted sum of scores: a mean, or a difference of two means.

        The spread of the replicates, times the quantile of Student's t at the degrees of freedom that so few slides and
        images leave; of a mean of scores between 0 and 1 on the scale of log odds, so that it stays between them.
        `benchmarks/intervals.py` says how often such an interval holds the truth.

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
        estimate = float(self.point[used] @ weights[used])
        spread = float((self.replicates[:, used] @ weights[used]).std())
        # What rounding alone makes is no spread.
        reach = (spread > ROUNDING) * spread * stats.t.ppf((1 + level) / 2, self._freedom(weights))
        if self.bounded and (weights >= 0).all() and reach and 0 < estimate < 1:
            odds, reach = special.logit(estimate), reach / (estimate * (1 - estimate))
            return Interval(estimate, float(special.expit(odds - reach)), float(special.expit(odds + reach)))
        return Interval(estimate, estimate - reach, estimate + reach)

    def _freedom(self, weights):
        """Degrees of freedom of a weighted sum over targets (Satterthwaite)."""
        shares = pd.Series(np.abs(weights)).groupby(self.keys.get_level_values("test")).sum()
        variances, freedoms = np.array([self.precision[test] for test in shares.index]).T
        variances = variances * shares.to_numpy() ** 2
        return variances.sum() ** 2 / (variances**2 / freedoms).sum() if (variances / freedoms).any() else np.inf


def strata(labels, clusters):
    """What is drawn from: in each class the clusters, or the images where the class has one cluster alone.

    Parameters
    ----------
    labels : ndarray of str, shape (n,)
    clusters : ndarray of int, shape (n,)

    Yields
    ------
    name : str
    rows : ndarray of int
        Where the images of the class stand.
    units : ndarray of int
        The unit that each of them belongs to: its cluster, or a number above those of all clusters.
    """
    for name in np.unique(labels):
        rows = np.flatnonzero(labels == name)
        alone = len(np.unique(clusters[rows])) == 1
        yield name, rows, clusters.max() + 1 + rows if alone else clusters[rows]


def draw_counts(labels, clusters, replicates=REPLICATES, seed=0):
    """How often each image is drawn when clusters are drawn within their class, with replacement and one fewer.

    Drawing within the class, no replicate misses one: a mean over fewer classes has another expectation. Drawing one
    fewer, the variance of the replicates is unbiased also where there are few. A cluster with several classes is drawn
    often of all of them or of none. A class with one cluster alone says nothing of the differences between clusters;
    its images are drawn, and the interval holds for that cluster.

    Parameters
    ----------
    labels : array-like of str, shape (n,)
        Class of each image.
    clusters : array-like of int, shape (n,)
        Cluster of each image; all different means plain resampling of images.
    replicates : int, default 1000
    seed : int or sequence of int, default 0

    Returns
    -------
    ndarray of uint16, shape (replicates, n)

    References
    ----------
    Rao and Wu, Resampling inference with complex survey data, J. Am. Stat. Assoc. 83 (1988).

    Examples
    --------
    >>> draw_counts(["LY", "LY", "LY", "MO", "MO"], [0, 0, 1, 0, 1], replicates=2, seed=2)
    array([[0, 0, 1, 0, 1],
           [1, 1, 0, 1, 0]], dtype=uint16)
    """
    generator = np.random.default_rng(seed)
    labels, clusters = np.asarray(labels), np.asarray(clusters)
    parts = [(rows, *np.unique(units, return_inverse=True)) for _, rows, units in strata(labels, clusters)]
    names, seen = np.unique(np.concatenate([units for _, units, _ in parts]), return_counts=True)
    place = dict(zip(names[seen > 1].tolist(), range(names.size), strict=False))
    luck = generator.random((replicates, len(place)))  # of the clusters that have several classes
    counts, drawn = np.empty((replicates, len(labels)), np.uint16), {}
    for rows, units, member in parts:
        size = len(units)
        shared = [unit for unit in units.tolist() if unit in place]
        if not shared or size not in drawn:
            drawn[size] = generator.multinomial(max(size - 1, 1), np.full(size, 1 / size), replicates)
        found = drawn[size]
        if shared:  # the numbers of a draw can be dealt in any order: the lucky clusters get the high ones
            fate = generator.random((replicates, size))
            fate[:, np.isin(units, shared)] = luck[:, [place[unit] for unit in shared]]
            ranks = fate.argsort(axis=1).argsort(axis=1)
            found = np.take_along_axis(np.sort(found, axis=1), ranks, axis=1)
        counts[:, rows] = found[:, member]
    return counts


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
        drawn.append(
            target.replicates(draw_counts(target.labels, target.clusters, replicates, [seed, crc32(name.encode())]))
        )
    index = pd.MultiIndex.from_frame(pd.DataFrame(keys, columns=["train", "test", "model"], dtype=str))
    precision = {name: target.precision for name, target in targets.items()}
    bounded = all(target.metric.bounded for target in targets.values())
    return Scores(index, np.concatenate(point), np.concatenate(drawn, axis=1), precision, bounded)


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

"""What classifiers made of the images of one target, and their metric where the images are drawn again."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits

from leukobench.metrics.catalogue import DEFAULT
from leukobench.metrics.drawing import strata

CHUNK = 256  # classifiers that are looked at together, which bounds the memory


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
        averaged = np.zeros(len(answers.labels), bool)
        averaged[answers.averaged] = True
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

    # Threads that share products as small as these wait for each other far longer than one takes for all of them.
    @threadpool_limits.wrap(limits=1)
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
        scale = sizes[c] / some.sum(axis=1, dtype=float)
        np.multiply((some @ values[rows]).reshape(-1, j, s), scale[:, None, None], out=total[:, c])
    if (runs != 1).any():
        total /= runs[:, None]
    return sums.combine(total, sizes, question.averaged)


def _kind(part):
    return part.dtype if part.dtype.kind == "f" else np.uint16

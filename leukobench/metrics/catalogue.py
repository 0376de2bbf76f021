"""The metrics of every table, and the door for those of others.

They are written out in NumPy: a store holds tens of thousands of scores. scikit-learn has the same figures and is what
the tests compare with; one call of it costs milliseconds where all of them together take a fraction of one.
"""

import math
import re

import numpy as np

from leukobench import plugins
from leukobench.errors import UsageError, unknown
from leukobench.metrics.costs import confusion_cost
from leukobench.metrics.differential import COUNT_ERROR
from leukobench.metrics.maturation import TOLERANT_ACCURACY
from leukobench.metrics.metric import Metric, Sums, called, mean_of, of_confusion, over_images
from leukobench.metrics.novelty import UNKNOWN_AUROC, UNKNOWN_FPR95

CALIBRATION_BINS = 15
GROUP = "leukobench.metrics"


def calibration_error(confidence, hit):
    """Expected calibration error: 15 equal-width bins, each without its lower and with its upper end.

    Shares of votes lie on the ends of bins, and their rounding must not decide: what is within 1e-9 of an end is on it.

    Parameters
    ----------
    confidence : ndarray of float, shape (n,)
        Probability of each image's answer.
    hit : ndarray of bool, shape (n,)
        Whether it is right.

    Returns
    -------
    float
        Mean over images of the distance between mean confidence and accuracy in the image's bin.

    References
    ----------
    Guo et al., On calibration of modern neural networks, ICML 2017.

    Examples
    --------
    >>> round(calibration_error(np.array([.9, .9, .6, .6]), np.array([True, True, True, False])), 3)
    0.1
    """
    return float(np.abs(np.bincount(calibration_bins(confidence), weights=confidence - hit)).sum() / len(hit))


def calibration_bins(confidence):
    """Bin of each probability: k from (k - 1) / 15 to k / 15, without its lower and with its upper end; 0: zeros."""
    return np.minimum(np.ceil((confidence * CALIBRATION_BINS).round(8)), CALIBRATION_BINS).astype(int)


def _gaps(answers):
    """What each image adds to the gap between confidence and accuracy in its bin."""
    confidence = answers.probabilities.max(axis=1)
    gaps = np.zeros((len(confidence), CALIBRATION_BINS + 1))
    gaps[np.arange(len(confidence)), calibration_bins(confidence)] = confidence - answers.hit
    return gaps


def _balanced_accuracy(answers):
    return (np.diag(answers.confusion)[answers.averaged] / answers.support[answers.averaged]).mean()


def _macro_f1(answers):
    hits, called = np.diag(answers.confusion)[answers.averaged], answers.confusion.sum(axis=0)[answers.averaged]
    return (2 * hits / (answers.support[answers.averaged] + called)).mean()


def _losses(answers):
    """Minus the logarithm of the true class's probability, per image."""
    known = answers.true < answers.probabilities.shape[1]
    of_true = np.zeros(len(answers.true))
    of_true[known] = answers.probabilities[known, answers.true[known]]
    return -np.log(np.maximum(of_true, np.finfo(float).eps))


def _matthews(confusion):
    """Gorodkin's correlation of confusion matrices (..., m, m); a constant answer correlates with nothing: 0."""
    accuracy, chance, true, called = _agreement(confusion)
    spread = np.sqrt((1 - (true**2).sum(axis=-1)) * (1 - (called**2).sum(axis=-1)))
    varied = np.count_nonzero(called, axis=-1) > 1  # told by counts: rounding must not make a correlation up
    return np.divide(accuracy - chance, spread, out=np.zeros_like(chance), where=varied & (spread > 0))


def _kappa(confusion):
    accuracy, chance, *_ = _agreement(confusion)
    return np.divide(accuracy - chance, 1 - chance, out=np.full_like(chance, np.nan), where=chance < 1)


def _agreement(confusion):
    total = np.maximum(confusion.sum(axis=(-2, -1), dtype=float), 1)[..., None]
    true, called = confusion.sum(axis=-1) / total, confusion.sum(axis=-2) / total
    hits = np.trace(confusion, axis1=-2, axis2=-1).astype(float)
    return hits / total[..., 0], (true * called).sum(axis=-1), true, called


def _auroc(answers):
    """Mean over classes of the share of (positive, negative) pairs in the right order (Mann-Whitney)."""
    true, kept, (n, k) = answers.true, answers.averaged, answers.probabilities.shape
    known = np.flatnonzero(true < k)
    # Votes of neighbours or trees tie, which counts half; renormalising them must not break the ties by its rounding.
    # One sorted row for all classes: each stands above the one before it.
    columns = answers.probabilities.T.round(12) + 2.0 * np.arange(k)[:, None]
    ordered, positives = np.sort(columns, axis=1).ravel(), columns[true[known], known]
    below = np.searchsorted(ordered, positives, "left") + np.searchsorted(ordered, positives, "right")
    below = np.bincount(true[known], below - 2 * n * true[known], max(kept) + 1)[kept]
    size = answers.support[kept]
    # size**2: of positives with each other. A class that the head lacks has probability zero throughout: all tied.
    areas = (below - size**2) / (2.0 * size * (n - size))
    return np.where(kept < k, areas, 0.5).mean()


def _recalls(sums, sizes, averaged):
    return (sums[..., 0] / np.maximum(sizes, 1)[:, None])[:, averaged].mean(axis=1)


def _f1s(sums, sizes, averaged):
    hits, called = np.einsum("bcjc->bcj", sums), sums.sum(axis=1).transpose(0, 2, 1)
    return (2 * hits / np.maximum(sizes[:, None] + called, 1))[:, averaged].mean(axis=1)


def _hits(answers):
    return answers.hit[:, None]


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "balanced_accuracy",
            "balanced accuracy",
            _balanced_accuracy,
            Sums(_hits, _recalls, linear=True),
            over_classes=True,
            chance=lambda classes: 1 / classes,
            shown=False,
        ),
        Metric("macro_f1", "macro-F1", _macro_f1, Sums(called, _f1s), over_classes=True, shown=False),
        Metric("accuracy", "accuracy", lambda a: a.hit.mean(), mean_of(lambda a: a.hit), shown=False),
        Metric(
            "mcc",
            "Matthews' correlation",
            lambda a: _matthews(a.confusion),
            of_confusion(_matthews),
            bounds=(-1, 1),
            chance=lambda classes: 0.0,
            shown=False,
        ),
        Metric(
            "kappa",
            "Cohen's kappa",
            lambda a: _kappa(a.confusion),
            of_confusion(_kappa),
            bounds=(-1, 1),
            chance=lambda classes: 0.0,
            shown=False,
        ),
        Metric(
            "auroc",
            "AUROC",
            _auroc,
            mean_of(lambda a: a.placements),
            over_classes=True,
            chance=lambda classes: 0.5,
            shown=False,
            probabilistic=True,
        ),
        Metric(
            "log_loss",
            "log loss",
            lambda a: _losses(a).mean(),
            mean_of(_losses),
            bounds=(0, math.inf),
            higher_is_better=False,
            shown=False,
            probabilistic=True,
        ),
        Metric(
            "ece",
            "expected calibration error",
            lambda a: calibration_error(a.probabilities.max(axis=1), a.hit),
            Sums(_gaps, lambda sums, sizes, averaged: np.abs(over_images(sums, sizes)).sum(axis=-1)),
            higher_is_better=False,
            shown=False,
            probabilistic=True,
        ),
        TOLERANT_ACCURACY,
        confusion_cost({}),
        COUNT_ERROR,
        UNKNOWN_AUROC,
        UNKNOWN_FPR95,
    )
}
DEFAULT = METRICS["balanced_accuracy"]  # what the suites tune for, and what ranks where nothing else is asked for


def register(metric: Metric) -> Metric:
    """Give a metric a place in every table that is written from here on, and in `--rank-by`.

    A package does the same for all who install it with an entry point of the group ``leukobench.metrics`` that names a
    `Metric`; `--use` reads it from a file.

    Parameters
    ----------
    metric : Metric

    Returns
    -------
    Metric
        The same.

    Raises
    ------
    UsageError
        Its name is taken, or is none that a column can have.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", metric.name):
        raise UsageError(f"'{metric.name}' is no name of a metric", "take small letters, digits and underscores")
    if METRICS.get(metric.name, metric) != metric:
        raise UsageError(f"there is a metric '{metric.name}' already", "give yours another name")
    METRICS[metric.name] = metric
    return metric


def known_metrics():
    """All metrics: those of the table, those that were registered and those of installed packages.

    Returns
    -------
    dict of str to Metric
        In the order of the columns.

    Raises
    ------
    UsageError
        One from outside cannot be imported, or has a name that is taken.
    """
    for metric in plugins.load(GROUP).values():
        register(metric)
    return dict(METRICS)


def metrics_of(suite):
    """All metrics, with what a suite says of them: what its confusions cost.

    Parameters
    ----------
    suite : dict
        As in `plan.json`; runs of versions before there were costs have none, and no figure that needs them.

    Returns
    -------
    dict of str to Metric
    """
    costly = confusion_cost(suite.get("costs", {}))
    return known_metrics() | {costly.name: costly}


def get_metric(name):
    """Look up a metric.

    Parameters
    ----------
    name : str or Metric

    Returns
    -------
    Metric

    Raises
    ------
    UsageError
        Where there is none of that name; the hint has the nearest.

    Examples
    --------
    >>> get_metric("macro_f1").title
    'macro-F1'
    """
    if isinstance(name, Metric):
        return name
    metrics = known_metrics()
    if name not in metrics:
        raise unknown("metric", name, metrics)
    return metrics[name]

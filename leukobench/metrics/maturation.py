"""Accuracy that forgives a neighbouring stage: where myelocyte ends and metamyelocyte begins, people differ too."""

from functools import cache

import numpy as np

from leukobench.datasets.taxonomy import adjacent
from leukobench.metrics.metric import Metric, mean_of


@cache
def accepted(labels):
    """Which answers are accepted, shape (m, m), rows true and columns answered: the class itself and adjacent stages.

    Parameters
    ----------
    labels : tuple of str, length m

    Returns
    -------
    ndarray of bool

    Examples
    --------
    >>> accepted(("MY", "MMY", "BNE", "LY")).astype(int)
    array([[1, 1, 0, 0],
           [1, 1, 1, 0],
           [0, 1, 1, 0],
           [0, 0, 0, 1]])
    """
    return np.array([[adjacent(true, answer) for answer in labels] for true in labels])


def _accepted(answers):
    return accepted(tuple(answers.labels))[answers.true, answers.predicted]


def _has_neighbours(answers):
    """Whether two of the classes are adjacent stages: otherwise there is nothing to forgive."""
    return np.count_nonzero(accepted(tuple(answers.labels))) > len(answers.labels)


TOLERANT_ACCURACY = Metric(
    "tolerant_accuracy",
    "accuracy, adjacent stages of maturation accepted",
    lambda answers: _accepted(answers).mean(),
    mean_of(_accepted),
    shown=False,
    applies=_has_neighbours,
)

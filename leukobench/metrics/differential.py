"""The differential count: which share of each class a laboratory would report, against the true one."""

import numpy as np

from leukobench.metrics.metric import Metric, mean_of, of_confusion


def _share_errors(confusion):
    total = np.maximum(confusion.sum(axis=(-2, -1)), 1)
    return np.abs(confusion.sum(axis=-2) - confusion.sum(axis=-1)).mean(axis=-1) / total


COUNT_ERROR = Metric(
    "count_error",
    "error of the differential count",
    lambda answers: _share_errors(answers.confusion),
    of_confusion(_share_errors),
    higher_is_better=False,
    shown=False,
)


def share_called(label):
    """Share of the images that are called by one label, as a metric: a line of the differential count.

    Parameters
    ----------
    label : str

    Returns
    -------
    Metric

    Examples
    --------
    >>> from leukobench.metrics import Answers
    >>> answers = Answers.of_labels(["LY", "LY", "MO", "MO"], ["LY", "LY", "LY", "MO"])
    >>> share_called("LY").value(answers), COUNT_ERROR.value(answers)
    (0.75, 0.25)
    """

    def is_called(answers):
        return np.array([name == label for name in answers.labels], bool)[answers.predicted]

    return Metric(f"share_{label}", f"share called {label}", lambda a: is_called(a).mean(), mean_of(is_called))

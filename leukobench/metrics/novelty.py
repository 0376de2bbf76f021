"""Whether a model is less sure of a cell that none of its classes fits: the target's classes that the source lacks."""

from dataclasses import replace

import numpy as np
from scipy.stats import rankdata

from leukobench.metrics.metric import Metric

KEPT = 0.95  # share of the known images that the threshold lets through


def unknown(answers):
    """Whether the class of each image is none of the head's, shape (n,)."""
    return answers.true >= answers.probabilities.shape[1]


def _sureness(answers):
    """Highest probability of each image; renormalised votes tie, and rounding must not break the ties."""
    return answers.probabilities.max(axis=1).round(12)


def unknown_auroc(answers):
    """Area under the ROC curve of "none of the source's classes", by one minus the highest probability.

    Parameters
    ----------
    answers : Answers
        As deployed, with images of unknown classes and of known ones.

    Returns
    -------
    float

    References
    ----------
    Hendrycks and Gimpel, A baseline for detecting misclassified and out-of-distribution examples, ICLR 2017.
    """
    strange, sure = unknown(answers), _sureness(answers)
    n = np.count_nonzero(strange)
    return (rankdata(-sure)[strange].sum() - n * (n + 1) / 2) / (n * (len(strange) - n))


def unknown_fpr95(answers):
    """Share of the images of unknown classes that pass for known where 95 % of the known ones do.

    Parameters
    ----------
    answers : Answers
        As of `unknown_auroc`.

    Returns
    -------
    float
        At the highest threshold on the highest probability that at least 95 % of the known images reach.

    References
    ----------
    Liang et al., Enhancing the reliability of out-of-distribution image detection in neural networks, ICLR 2018.
    """
    strange, sure = unknown(answers), _sureness(answers)
    known = np.sort(sure[~strange])[::-1]
    threshold = known[int(np.ceil(KEPT * len(known) - 1e-9)) - 1]
    return (sure[strange] >= threshold).mean()


def _has_both(answers):
    return 0 < np.count_nonzero(unknown(answers)) < len(answers.true)


UNKNOWN_AUROC = Metric(
    "unknown_auroc",
    "AUROC of unknown classes",
    unknown_auroc,
    shown=False,
    probabilistic=True,
    applies=_has_both,
    deployed=True,
)
UNKNOWN_FPR95 = replace(
    UNKNOWN_AUROC, name="unknown_fpr95", title="FPR95 of unknown classes", of=unknown_fpr95, higher_is_better=False
)

"""Scores of one model on one target: every metric of its answers, and the classes that they are about."""

import numpy as np

from leukobench.metrics.answers import Answers
from leukobench.metrics.catalogue import METRICS

MIN_TEST_IMAGES = 5


def score(true, probabilities, classes, *, shared=None, averaged=None, min_test_images=MIN_TEST_IMAGES):
    """Score predicted probabilities against the true classes of one target.

    With `shared` the question is "how well does the model tell these classes apart": images of other classes are
    dropped, and the probabilities are limited to the shared columns and renormalised (a row without any probability
    left becomes uniform). Without, it is "how well does it do as deployed": every image counts, the head is whole, a
    prediction of a class that the target lacks is an error, and so is every image of a class that the head does not
    know (its probability is 0, its recall 0, its AUROC .5).

    Parameters
    ----------
    true : array-like of str, shape (n,)
        Class code of each image.
    probabilities : array-like of float, shape (n, k)
        One column per class of the head; finite, none negative.
    classes : sequence of str, length k
        The head's classes, in the order of the columns.
    shared : sequence of str or None, default None
        Classes to limit the scoring to, all of them in `classes`. None scores as deployed.
    averaged : sequence of str or None, default None
        Classes over which balanced accuracy, macro-F1 and AUROC are averaged. None takes those with at least
        `min_test_images` images.
    min_test_images : int, default 5
        A class with fewer images than this is rare: its recall is given, the class means do without it.

    Returns
    -------
    dict
        `n` (images scored), `classes` (those with images, sorted), `rare` (those of them left out of the means),
        `recall` (dict class -> recall), and

        - `balanced_accuracy`, `macro_f1`, `auroc` (one-vs-rest; scores equal to 12 decimals are ties): unweighted means
          over the averaged classes;
        - `accuracy`, `mcc` (0 where it is undefined, as in scikit-learn), `kappa` (Cohen's), `log_loss` (natural
          logarithm, probabilities clipped at the machine epsilon): over all images scored;
        - `ece`: expected calibration error of the top probability, 15 equal-width bins open below and closed above.

        Fewer than two classes among the images leave every metric NaN, fewer than two averaged classes the class means.

    Raises
    ------
    ValueError
        Shapes that do not match, a shared class that the head lacks, or probabilities that are negative or not finite.

    References
    ----------
    Brodersen et al., The balanced accuracy and its posterior distribution, ICPR 2010.
    Guo et al., On calibration of modern neural networks, ICML 2017 (ECE).

    Examples
    --------
    >>> p = [[.8, .1, .1], [.6, .4, 0], [.2, .7, .1], [.1, .3, .6]]
    >>> deployed = score(["LY", "LY", "MO", "MO"], p, ["LY", "MO", "NE"], min_test_images=1)
    >>> deployed["balanced_accuracy"], deployed["recall"]
    (0.75, {'LY': 1.0, 'MO': 0.5})
    >>> score(["LY", "LY", "MO", "MO"], p, ["LY", "MO", "NE"], shared=["LY", "MO"], min_test_images=1)["accuracy"]
    1.0
    """
    true, probabilities, classes = np.asarray(true, str), np.asarray(probabilities, float), list(classes)
    if probabilities.shape != (len(true), len(classes)):
        raise ValueError(f"probabilities have shape {probabilities.shape}, expected {(len(true), len(classes))}")
    check_probabilities(probabilities)
    if shared is not None:
        if unknown := [c for c in shared if c not in classes]:
            raise ValueError(f"shared classes that the head lacks: {', '.join(unknown)}")
        kept = np.isin(true, list(shared))
        true, probabilities = true[kept], probabilities[kept][:, [classes.index(c) for c in shared]]
        classes = list(shared)
    labels, codes = np.unique(true, return_inverse=True)
    head = classes + [str(c) for c in labels if c not in classes]
    codes = np.array([head.index(c) for c in labels], int)[codes]
    return score_answers(answers_of(codes, probabilities, head, averaged, min_test_images))


def check_probabilities(probabilities):
    """Raise ValueError where probabilities are not finite or negative.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, k)

    Examples
    --------
    >>> check_probabilities(np.array([[.5, np.nan]]))
    Traceback (most recent call last):
    ValueError: 1 of 1 rows of probabilities hold a value that is negative or not finite
    """
    bad = ~(np.isfinite(probabilities) & (probabilities >= 0)).all(axis=1)
    if bad.any():
        raise ValueError(f"{bad.sum()} of {len(bad)} rows of probabilities hold a value that is negative or not finite")


def answers_of(true, probabilities, labels, averaged=None, min_test_images=MIN_TEST_IMAGES):
    """`Answers` of codes and probabilities; nothing is checked.

    Parameters
    ----------
    true : ndarray of int, shape (n,)
        Position of each image's class in `labels`.
    probabilities : ndarray of float, shape (n, k)
        One column for each of the first k labels, the head; rows need not sum to one.
    labels : sequence of str
        The head's classes, then classes of the images that the head lacks.
    averaged, min_test_images
        As in `score`.

    Returns
    -------
    Answers
    """
    support = np.bincount(true, minlength=len(labels))
    enough = support >= max(min_test_images, 1) if averaged is None else np.isin(labels, list(averaged)) & (support > 0)
    return Answers(true, normalise(probabilities), tuple(labels), np.flatnonzero(enough))


def score_answers(answers, metrics=None):
    """As `score`, of answers.

    Parameters
    ----------
    answers : Answers
    metrics : iterable of Metric, optional
        By default those of the table.

    Returns
    -------
    dict
        As `score`.
    """
    labels, present = answers.labels, answers.present
    result = {
        "n": len(answers.true),
        "classes": sorted(labels[c] for c in present),
        "rare": sorted(labels[c] for c in np.setdiff1d(present, answers.averaged)),
        "recall": {},
    }
    if len(present) >= 2:
        recall = np.diag(answers.confusion)[present] / answers.support[present]
        result["recall"] = dict(sorted(zip((labels[c] for c in present), recall.tolist(), strict=True)))
    return result | {metric.name: metric.value(answers) for metric in metrics or METRICS.values()}


def normalise(probabilities):
    """Rows that sum to one; a row of zeros becomes uniform.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, k)

    Returns
    -------
    ndarray of float, shape (n, k)

    Examples
    --------
    >>> normalise(np.array([[1., 3.], [0., 0.]]))
    array([[0.25, 0.75],
           [0.5 , 0.5 ]])
    """
    total = probabilities.sum(axis=1, keepdims=True)
    return np.where(total > 0, probabilities, 1) / np.where(total > 0, total, probabilities.shape[1])

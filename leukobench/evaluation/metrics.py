"""Scores of one model on one target, written out in NumPy: a store holds tens of thousands of them.

scikit-learn has the same figures and is what the tests compare with; one call of it costs milliseconds where the whole
of `score` takes a fraction of one.
"""

import numpy as np

METRICS = ("balanced_accuracy", "macro_f1", "accuracy", "mcc", "kappa", "auroc", "log_loss", "ece")
CALIBRATION_BINS = 15
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
    return score_codes(
        np.array([head.index(c) for c in labels], int)[codes], probabilities, head, averaged, min_test_images
    )


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


def score_codes(true, probabilities, labels, averaged=None, min_test_images=MIN_TEST_IMAGES):
    """`score` for callers that have integer codes already; nothing is checked.

    Parameters
    ----------
    true : ndarray of int, shape (n,)
        Position of each image's class in `labels`.
    probabilities : ndarray of float, shape (n, k)
        One column for each of the first k labels, the head; rows need not sum to one.
    labels : list of str
        The head's classes, then classes of the images that the head lacks.
    averaged, min_test_images
        As in `score`.

    Returns
    -------
    dict
        As `score`.
    """
    m = len(labels)
    support = np.bincount(true, minlength=m)
    present = np.flatnonzero(support)
    kept = [c for c in present if (support[c] >= min_test_images if averaged is None else labels[c] in averaged)]
    result = {
        "n": len(true),
        "classes": sorted(labels[c] for c in present),
        "rare": sorted(labels[c] for c in present if c not in kept),
        "recall": {},
        **dict.fromkeys(METRICS, np.nan),
    }
    if len(present) < 2:
        return result
    probabilities = normalise(probabilities)
    predicted = probabilities.argmax(axis=1)
    confusion = np.bincount(true * m + predicted, minlength=m * m).reshape(m, m)
    recall = np.diag(confusion)[present] / support[present]
    result["recall"] = dict(sorted(zip((labels[c] for c in present), recall.tolist(), strict=True)))
    result |= _agreement(confusion)
    result["log_loss"] = _log_loss(true, probabilities)
    result["ece"] = calibration_error(probabilities.max(axis=1), predicted == true)
    if len(kept) >= 2:
        hits, called = np.diag(confusion)[kept], confusion.sum(axis=0)[kept]
        result["balanced_accuracy"] = float((hits / support[kept]).mean())
        result["macro_f1"] = float((2 * hits / (support[kept] + called)).mean())
        result["auroc"] = _auroc(true, probabilities, kept)
    return result


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


def _agreement(confusion):
    """Accuracy, Matthews correlation (Gorodkin 2004) and Cohen's kappa of a confusion matrix, rows true."""
    n = float(confusion.sum())
    hits, true, called = float(np.trace(confusion)), confusion.sum(axis=1) / n, confusion.sum(axis=0) / n
    accuracy, chance = hits / n, float(true @ called)
    spread = np.sqrt((1 - true @ true) * (1 - called @ called))
    return {
        "accuracy": accuracy,
        # A constant prediction has no correlation with anything; rounding must not make one up.
        "mcc": float((accuracy - chance) / spread) if np.count_nonzero(called) > 1 else 0.0,
        "kappa": (accuracy - chance) / (1 - chance),
    }


def _log_loss(true, probabilities):
    known = true < probabilities.shape[1]
    of_true = np.zeros(len(true))
    of_true[known] = probabilities[known, true[known]]
    return float(-np.log(np.maximum(of_true, np.finfo(float).eps)).mean())


def calibration_error(confidence, hit):
    """Expected calibration error: 15 equal-width bins, each without its lower and with its upper end.

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
    bins = np.minimum(np.ceil(confidence * CALIBRATION_BINS), CALIBRATION_BINS).astype(int)  # 0: nothing but zeros
    return float(np.abs(np.bincount(bins, weights=confidence - hit)).sum() / len(hit))


def _auroc(true, probabilities, kept):
    """Mean over classes of the share of (positive, negative) pairs in the right order (Mann-Whitney)."""
    n, k = probabilities.shape
    known = np.flatnonzero(true < k)
    # Votes of neighbours or trees tie, which counts half; renormalising them must not break the ties by its rounding.
    # One sorted row for all classes: each stands above the one before it.
    columns = probabilities.T.round(12) + 2.0 * np.arange(k)[:, None]
    ordered, positives = np.sort(columns, axis=1).ravel(), columns[true[known], known]
    below = np.searchsorted(ordered, positives, "left") + np.searchsorted(ordered, positives, "right")
    below = np.bincount(true[known], below - 2 * n * true[known], max(kept) + 1)[kept]
    size = np.bincount(true, minlength=max(kept) + 1)[kept]
    # size**2: of positives with each other. A class that the head lacks has probability zero throughout: all tied.
    areas = (below - size**2) / (2.0 * size * (n - size))
    return float(np.where(np.array(kept) < k, areas, 0.5).mean())

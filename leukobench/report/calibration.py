"""Whether probabilities can be believed: one temperature from the source's own predictions, and abstention by entropy.

No model is fitted here and no target is looked at before it is scored: the temperature of a model comes from its
out-of-fold predictions within the source, and is applied to what the model says about every other dataset.
"""

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from leukobench.metrics.catalogue import calibration_error

FLOOR = 1e-12  # of a probability before its logarithm, as in scikit-learn's temperature scaling
TEMPERATURES = (0.01, 100.0)  # a temperature lies between these; on an end where the best one lies beyond it
COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.5)
JUDGED = ("within", "pairwise")  # protocols of a single source, which has predictions of its own where both were run
ABSTAINING = [f"balanced_accuracy_at_{coverage}" for coverage in COVERAGES]
CALIBRATION = ["temperature", "ece_calibrated", *ABSTAINING, "aurc"]


def fit_temperature(true, probabilities):
    """Temperature at which known answers are most likely.

    Minimises the mean of -log q over q = p**(1/T) renormalised. That mean is convex in 1/T, so the root of its slope is
    the minimum. A class of whose images none got any probability takes no part: all of them lay in one fold (they come
    from one slide or patient), so that those who predicted them had never seen the class.

    Parameters
    ----------
    true : ndarray of int, shape (n,)
        Column of each image's class.
    probabilities : ndarray of float, shape (n, k)
        Rows sum to one; probabilities below 1e-12 count as that.

    Returns
    -------
    float
        Above 1 where the model was too sure of itself, between .01 and 100; 1 where every row is uniform, NaN with
        fewer than two classes among the images that take part.

    References
    ----------
    Guo et al., On calibration of modern neural networks, ICML 2017.

    Examples
    --------
    >>> says_nine_tenths = np.tile([.9, .1], (4, 1))
    >>> T = fit_temperature(np.array([0, 0, 0, 1]), says_nine_tenths)  # right in three cases of four
    >>> round(T, 3), calibrated_confidence(says_nine_tenths, T).round(3)[:1]
    (2.0, array([0.75]))
    """
    of_true = probabilities[np.arange(len(true)), true]
    predicted = np.bincount(true, of_true, probabilities.shape[1]) > 0
    kept = predicted[true]
    if np.count_nonzero(predicted) < 2:
        return np.nan
    logs = np.log(np.maximum(probabilities[kept], FLOOR))
    below = logs - logs.max(axis=1, keepdims=True)
    known = below[np.arange(len(below)), true[kept]].mean()

    def slope(log_temperature):
        weights = np.exp(below * np.exp(-log_temperature))
        return ((weights * below).sum(axis=1) / weights.sum(axis=1)).mean() - known

    low, high = np.log(TEMPERATURES)
    at_low, at_high = slope(low), slope(high)
    if at_low <= 0 <= at_high:  # the slope does not change: there is nothing but ties
        return 1.0
    if at_low <= 0:
        return TEMPERATURES[0]
    if at_high >= 0:
        return TEMPERATURES[1]
    return float(np.exp(brentq(slope, low, high)))


def calibrated_confidence(probabilities, temperature):
    """Highest probability of each row at a temperature.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, k)
        Rows sum to one.
    temperature : float or ndarray of float, shape (n,)

    Returns
    -------
    ndarray of float, shape (n,)
    """
    return _confidence(np.log(np.maximum(probabilities, FLOOR)), temperature)


def crossfitted_temperatures(true, probabilities, clusters):
    """Temperature for each image, fitted on the half of the images that it is not in.

    Parameters
    ----------
    true, probabilities
        As in `fit_temperature`.
    clusters : ndarray of int, shape (n,)
        Clusters stay whole.

    Returns
    -------
    ndarray of float, shape (n,)
        NaN where the other half does not do for a fit.
    """
    second = halves(true, clusters)
    of_first, of_second = (fit_temperature(true[half], probabilities[half]) for half in (~second, second))
    return np.where(second, of_first, of_second)


def halves(true, clusters):
    """Split images in two, the same for every model: clusters stay whole, classes are spread over both halves.

    Parameters
    ----------
    true : ndarray of int, shape (n,)
        A cluster goes by the class of its first image.
    clusters : ndarray of int, shape (n,)

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether an image is in the second half.

    Examples
    --------
    >>> halves(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 2, 3, 3])).astype(int)
    array([0, 0, 1, 0, 1, 1])
    """
    _, first, member = np.unique(clusters, return_index=True, return_inverse=True)
    second = np.empty(len(first), bool)
    second[np.lexsort((first, true[first]))] = np.arange(len(first)) % 2
    return second[member]


def abstention(true, hit, entropy, averaged):
    """What a model is worth that leaves the images open of which it is least sure.

    Of images with equal entropy (to 12 decimals) the same share is kept, so that their order does not matter.

    Parameters
    ----------
    true : ndarray of int, shape (n,)
        Class of each image.
    hit : ndarray of bool, shape (n,)
        Whether the answer is right.
    entropy : ndarray of float, shape (n,)
        Of the predicted probabilities; the images of lowest entropy are kept.
    averaged : ndarray of int
        Classes that the balanced accuracy is the mean of.

    Returns
    -------
    scores : ndarray of float, shape (5,)
        Balanced accuracy at coverage 1, .9, .8, .7 and .5; NaN where no image of an averaged class is kept, since a
        mean over the other classes would praise a model for leaving one out.
    aurc : float
        Area under the risk-coverage curve: error rate among the k surest images, mean over k = 1..n.

    References
    ----------
    Geifman and El-Yaniv, Selective classification for deep neural networks, NeurIPS 2017.

    Examples
    --------
    >>> true, hit = np.array([0, 0, 1, 1]), np.array([True, True, True, False])
    >>> scores, aurc = abstention(true, hit, np.array([.1, .2, .1, .6]), np.array([0, 1]))
    >>> scores.round(3), aurc  # the last image is kept to .6 and .2 of it at coverage .9 and .8
    (array([0.75 , 0.812, 0.917, 1.   , 1.   ]), 0.0625)
    """
    n, entropy = len(true), entropy.round(12)
    order = np.argsort(entropy, kind="stable")
    # Where one entropy ends and the next begins: between these every count grows evenly.
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(entropy[order])) + 1, [n]])
    is_class, right = true[order, None] == averaged, hit[order, None]
    counts = np.zeros((n + 1, 2 * len(averaged) + 1))
    np.cumsum(np.hstack([is_class, is_class & right, ~right]), axis=0, out=counts[1:])
    counts = counts[bounds]
    size = (n * np.array(COVERAGES)).round(9)
    end = np.searchsorted(bounds, size)
    start, more = counts[end - 1], counts[end] - counts[end - 1]
    kept = start + ((size - bounds[end - 1]) / (bounds[end] - bounds[end - 1]))[:, None] * more
    there, right = kept[:, : len(averaged)], kept[:, len(averaged) : -1]
    recall = np.divide(right, there, out=np.full(there.shape, np.nan), where=there > 0)
    k = np.arange(1, n + 1)
    aurc = float((np.interp(k, bounds, counts[:, -1]) / k).mean())
    return recall.mean(axis=1) if len(averaged) > 1 else np.full(len(COVERAGES), np.nan), aurc


def calibration_figures(true, probabilities, averaged, temperature):
    """Columns of `calibration.csv` that come from the predictions of one run cell for one target.

    Parameters
    ----------
    true : ndarray of int, shape (n,)
        Column of each image's class, among the classes shared by head and target.
    probabilities : ndarray of float, shape (n, k)
        Of these classes; rows sum to one.
    averaged : ndarray of int
        Columns that the balanced accuracy is the mean of.
    temperature : float or ndarray of float, shape (n,)
        NaN where there is none.

    Returns
    -------
    dict
        `ece_calibrated`, `balanced_accuracy_at_<coverage>`, `aurc`; empty with fewer than two classes among the images.
    """
    if not len(true) or (true == true[0]).all():
        return {}
    hit = probabilities.argmax(axis=1) == true
    logs = np.log(np.maximum(probabilities, FLOOR))
    scores, aurc = abstention(true, hit, -(probabilities * logs).sum(axis=1), averaged)
    figures = dict(zip(ABSTAINING, scores.tolist(), strict=True)) | {"aurc": aurc}
    if not np.isnan(temperature).any():
        figures["ece_calibrated"] = calibration_error(_confidence(logs, temperature), hit)
    return figures


def calibration_means(calibration, models):
    """Mean calibration of each model, over train x test of the mean over seeds, without contaminated targets.

    Parameters
    ----------
    calibration : DataFrame
        Rows of `calibration.csv`.
    models : sequence of str
        Order of the rows.

    Returns
    -------
    DataFrame
        Indexed by model: `within_ece`, `within_ece_calibrated`, `within_aurc` and the same with `pairwise_`, over the
        combinations whose planned seeds are all there. `_ece_calibrated` is NaN where one of them has no temperature:
        its mean would be over fewer than that of `_ece`.
    """
    figures = ["ece", "ece_calibrated", "aurc"]
    clean = calibration[~calibration["contaminated"]]
    by_pair = clean.assign(whole=clean["status"] == "ok").groupby(["model", "protocol", "train", "test"])
    pairs = by_pair[figures].mean()[by_pair["whole"].all()]
    pairs["ece_calibrated"] = pairs["ece_calibrated"].where(by_pair["ece_calibrated"].count() == by_pair.size())
    pairs = pairs.dropna(subset="ece")  # undefined: fewer than two classes there
    by_model = pairs.groupby(["model", "protocol"])
    means = by_model.mean()
    means["ece_calibrated"] = means["ece_calibrated"].where(by_model["ece_calibrated"].count() == by_model.size())
    wide = means.reindex(pd.MultiIndex.from_product([models, JUDGED])).unstack()
    wide.columns = [f"{protocol}_{figure}" for figure, protocol in wide.columns]
    return wide.reindex(models).rename_axis("model")


def _confidence(logs, temperature):
    return 1 / np.exp((logs - logs.max(axis=1, keepdims=True)) / np.reshape(temperature, (-1, 1))).sum(axis=1)

"""Where the variance of a mean over train x test pairs comes from: images, training sample, seed and laboratories."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from leukobench.metrics.statistics import LEVEL, Interval

FACTORS = ("source", "target", "pair")


class Components(NamedTuple):
    """Variances of one score on one pair, by where they come from.

    Parameters
    ----------
    images : float
        Of the test images, by the bootstrap.
    seed : float
        Between seeds of the same pair; NaN with one seed.
    training : float
        Between resamples of the source, beyond the seeds; NaN without any.
    source, target, pair : float
        Between laboratories: of those trained on, of those tested on, and of what is particular to the pair of them;
        NaN with fewer than three laboratories.
    """

    images: float
    seed: float
    training: float
    source: float
    target: float
    pair: float


def crossed_components(values, sources, targets):
    """Variance components of a crossed table with gaps, by Henderson's third method.

    Parameters
    ----------
    values : array of float, shape (n,)
        One per pair; the diagonal (trained and tested on one laboratory) may be missing.
    sources, targets : array of shape (n,)
        The laboratories of each.

    Returns
    -------
    dict of str to float
        `source`, `target` and `pair` (what is left: the pair itself with all that is measured of it); no less than 0,
        NaN where there are too few laboratories.

    References
    ----------
    Searle, Casella & McCulloch, Variance Components (1992), chapter 5.

    Examples
    --------
    >>> names = ["a", "b", "c", "d"]
    >>> pairs = [(s, t) for s in names for t in names if s != t]
    >>> of_target = {"a": 0.2, "b": 0.4, "c": 0.6, "d": 0.8}
    >>> found = crossed_components([of_target[t] for _, t in pairs], *zip(*pairs, strict=True))
    >>> {name: round(value, 4) for name, value in found.items()}
    {'source': 0.0, 'target': 0.0667, 'pair': 0.0}
    """
    values = np.asarray(values, float)
    one = np.ones((len(values), 1))
    of = {"source": _indicators(sources), "target": _indicators(targets)}
    spans = {
        "source": (_span(one, of["target"]), of["source"]),
        "target": (_span(one, of["source"]), of["target"]),
    }
    whole = _span(one, *of.values())
    freedom = len(values) - round(np.trace(whole))
    if freedom < 1 or min(each.shape[1] for each in of.values()) < 3:
        return dict.fromkeys(FACTORS, np.nan)
    pair = values @ (values - whole @ values) / freedom
    found = {}
    for name, (without, indicators) in spans.items():
        form = whole - without  # the sum of squares of this factor beyond the other
        share = np.trace(form @ indicators @ indicators.T)
        found[name] = max(0.0, (values @ form @ values - np.trace(form) * pair) / share)
    return {**found, "pair": max(0.0, float(pair))}


def components(scores, images):
    """Components of the scores of one model.

    Parameters
    ----------
    scores : pandas.DataFrame
        One row per run: train, test, seed, resample (0 is the source as it is) and score.
    images : pandas.Series
        Bootstrap variance of each pair's score, indexed by (train, test).

    Returns
    -------
    Components
    """
    plain = scores[scores["resample"] == 0]
    pairs = plain.groupby(["train", "test"])["score"]
    seed = float(pairs.var().mean())
    drawn = scores[scores["resample"] > 0].groupby(["train", "test"])["score"].var().mean()
    within = 0.0 if np.isnan(seed) else seed
    means, counts = pairs.mean(), pairs.size()
    keys = means.index.get_level_values("train"), means.index.get_level_values("test")
    found = crossed_components(means.to_numpy(), *keys)
    image = float(images.reindex(means.index).mean())
    # What is not known stays so: `max` would make nothing of it.
    found["pair"] = float(np.maximum(0.0, found["pair"] - image - within / counts.mean()))
    return Components(image, seed, float(np.maximum(0.0, drawn - within)), **found)


def total_interval(estimate, found, scores, level=LEVEL):
    """Interval of a mean over pairs for other laboratories, images, training samples and seeds than those at hand.

    Parameters
    ----------
    estimate : float
        The mean over pairs.
    found : Components
    scores : pandas.DataFrame
        As for `components`.
    level : float, default 0.95

    Returns
    -------
    Interval
        By Student's t with one degree of freedom less than there are laboratories; NaN ends where their variance is
        not known. Components that are not known count as none, so with one seed it is too narrow.
    """
    variance = mean_variance(found, scores)
    laboratories = min(scores["train"].nunique(), scores["test"].nunique())
    if np.isnan(variance):
        return Interval(estimate, np.nan, np.nan)
    reach = np.sqrt(variance) * stats.t.ppf((1 + level) / 2, laboratories - 1)
    return Interval(estimate, estimate - reach, estimate + reach)


def mean_variance(found, scores):
    """Variance of the mean over pairs by all components; NaN where that of laboratories is not known.

    Images of a target and the sample of a source are shared by the pairs that have it.
    """
    plain = scores[scores["resample"] == 0]
    sources, targets = plain["train"].nunique(), plain["test"].nunique()
    pairs, runs = len(plain[["train", "test"]].drop_duplicates()), len(plain)
    known = np.nan_to_num(np.array([found.images / targets, found.seed / runs, found.training / sources]))
    return known.sum() + found.source / sources + found.target / targets + found.pair / pairs


def _indicators(names):
    names = np.asarray(names)
    return (names[:, None] == np.unique(names)).astype(float)


def _span(*columns):
    """Projection onto the space of some columns."""
    matrix = np.hstack(columns)
    return matrix @ np.linalg.pinv(matrix)

"""P values: of several at once, of differences by laboratory, and of ranks over train x test combinations."""

import numpy as np
from scipy import stats


def holm(values):
    """P values adjusted for how many there are, so that one false alarm among all of them has the level asked for.

    Parameters
    ----------
    values : array-like of float
        NaN takes no part and stays.

    Returns
    -------
    ndarray of float

    References
    ----------
    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(values, float)
    order = np.argsort(values)[: np.isfinite(values).sum()]
    adjusted = np.full(values.shape, np.nan)
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def flip_test(differences):
    """Exact two-sided p value that differences, such as one per laboratory, lie around zero: each sign may be flipped.

    Of n differences it is 2 / 2^n at least: five laboratories cannot tell anything at a level of 5 %.

    Parameters
    ----------
    differences : array-like of float, length n
        At most 20, of which each is one of its own.

    Returns
    -------
    float
        NaN of fewer than two.

    Examples
    --------
    >>> flip_test([0.1, 0.2, 0.1, 0.3, 0.2]), flip_test([0.1, -0.1])
    (0.0625, 1.0)
    """
    differences = np.asarray(differences, float)
    if len(differences) < 2:
        return np.nan
    flipped = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    return float(flipped.pvalue)


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
    >>> import pandas as pd
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

"""Error bars and comparisons: a paired bootstrap over test images.

Every figure of the leaderboard is a weighted mean of one metric, which has a value per (train, test, model).
`bootstrap` gives the replicates of all of them from the same draws of images, so that any mean and any difference of
two means is one product with a vector of weights, and models are compared image by image.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special, stats

from leukobench.metrics.drawing import REPLICATES, Draws

LEVEL = 0.95
ROUNDING = 1e-12


class Interval(NamedTuple):
    """A figure with the ends of its interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Scores:
    """What all classifiers score on all targets by one metric, with their paired bootstrap replicates.

    Parameters
    ----------
    keys : pandas.MultiIndex, length k
        (train, test, model) of each column.
    point : ndarray of float, shape (k,)
        Of the images as they are.
    replicates : ndarray of float, shape (b, k)
    precision : dict of str -> (float, float)
        Of each target, see `Target.precision`.
    bounds : (float, float), default (0, 1)
        The least and the most that a score can be.
    """

    keys: pd.MultiIndex
    point: np.ndarray
    replicates: np.ndarray
    precision: dict
    bounds: tuple = (0.0, 1.0)

    def weights(self, chosen):
        """Weights that take the plain mean over some columns.

        Parameters
        ----------
        chosen : array-like of bool, shape (k,)

        Returns
        -------
        ndarray of float, shape (k,)
        """
        chosen = np.asarray(chosen, bool)
        return chosen / max(chosen.sum(), 1)

    def interval(self, weights, level=LEVEL):
        """Interval of a weighted sum of scores: a mean, or a difference of two means.

        The spread of the replicates, times the quantile of Student's t at the degrees of freedom that so few slides and
        images leave; of a mean of scores that have bounds on the scale of log odds between them (`within_bounds`).
        `benchmarks/intervals.py` says how often such an interval holds the truth.

        Parameters
        ----------
        weights : ndarray of float, shape (k,)
        level : float, default 0.95

        Returns
        -------
        Interval
            NaN throughout where all weights are zero.
        """
        used = np.flatnonzero(weights)
        if not len(used):
            return Interval(np.nan, np.nan, np.nan)
        estimate = float(self.point[used] @ weights[used])
        return self.around(estimate, float((self.replicates[:, used] @ weights[used]).std()), weights, level)

    def p_value(self, weights):
        """Two-sided p value of the hypothesis that a weighted sum is zero, such as a difference of two means.

        Of Student's t as the interval has it: below 0.05 where the interval of 95 % leaves zero out. Like the interval
        it is about other test images, and holds the trained models fixed.

        Parameters
        ----------
        weights : ndarray of float, shape (k,)

        Returns
        -------
        float
            NaN where all weights are zero; 1 or 0 where rounding alone makes the replicates differ.
        """
        used = np.flatnonzero(weights)
        if not len(used):
            return np.nan
        estimate = float(self.point[used] @ weights[used])
        spread = float((self.replicates[:, used] @ weights[used]).std())
        if spread <= ROUNDING:
            return float(abs(estimate) <= ROUNDING)
        return float(2 * stats.t.sf(abs(estimate) / spread, self._freedom(weights)))

    def around(self, estimate, spread, weights, level=LEVEL):
        """Interval around an estimate whose spread over the replicates is known.

        Parameters
        ----------
        estimate, spread : float
            The figure, and the standard deviation of its replicates.
        weights : ndarray of float, shape (k,)
            The scores that it is a sum of, for the degrees of freedom.
        level : float, default 0.95

        Returns
        -------
        Interval
        """
        # What rounding alone makes is no spread.
        reach = (spread > ROUNDING) * spread * stats.t.ppf((1 + level) / 2, self._freedom(weights))
        if not reach or (weights < 0).any():
            return Interval(estimate, estimate - reach, estimate + reach)
        return Interval(estimate, *within_bounds(estimate, reach, self.bounds))

    def _freedom(self, weights):
        """Degrees of freedom of a weighted sum over targets (Satterthwaite)."""
        place = self.keys.names.index("test")
        shares = np.bincount(self.keys.codes[place], np.abs(weights))
        used = np.flatnonzero(shares)
        variances, freedoms = np.array([self.precision[self.keys.levels[place][k]] for k in used]).T
        variances = variances * shares[used] ** 2
        return variances.sum() ** 2 / (variances**2 / freedoms).sum() if (variances / freedoms).any() else np.inf


def within_bounds(estimate, reach, bounds):
    """Ends of an interval that keeps to what a score can be: even on the scale of log odds, or of logarithms.

    Parameters
    ----------
    estimate, reach : float
        The score, and half the interval's width where it is even around it.
    bounds : (float, float)
        Log odds between two ends, logarithms above one, and the score itself where there is none, or at an end.

    Returns
    -------
    low, high : float

    Examples
    --------
    >>> low, high = within_bounds(0.9, 0.2, (-1, 1))
    >>> print(f"{low:.3f} {high:.3f}")
    0.397 0.987
    """
    least, most = bounds
    if not least < estimate < most or np.isinf(least):
        return estimate - reach, estimate + reach
    above = estimate - least
    if np.isinf(most):
        return tuple(float(least + above * np.exp(sign * reach / above)) for sign in (-1, 1))
    odds, reach = special.logit(above / (most - least)), reach / above + reach / (most - estimate)
    return tuple(float(least + (most - least) * special.expit(odds + sign * reach)) for sign in (-1, 1))


def bootstrap(targets, *, replicates=REPLICATES, seed=0, draws=None):
    """Resample every target's images, the same draw for all classifiers.

    Targets are strata: each is resampled on its own and keeps its number of clusters. A target's draws depend on its
    name and the seed only, not on which other targets there are.

    Parameters
    ----------
    targets : dict of str -> Target
    replicates : int, default 1000
    seed : int, default 0
    draws : Draws, optional
        Those of other bootstraps of the same images, instead of new ones.

    Returns
    -------
    Scores
    """
    draws = draws or Draws(replicates, seed)
    keys, point, drawn = [], [np.empty(0)], [np.empty((draws.replicates, 0))]
    for name, target in targets.items():
        keys += [(train, name, model) for train, model in target.columns]
        point.append(target.replicates(np.ones((1, len(target.clusters)), np.uint16))[0])
        drawn.append(target.replicates(draws.of(name, target)))
    index = pd.MultiIndex.from_frame(pd.DataFrame(keys, columns=["train", "test", "model"], dtype=str))
    precision = {name: target.precision for name, target in targets.items()}
    bounds = next((target.metric.bounds for target in targets.values()), (0, 1))
    return Scores(index, np.concatenate(point), np.concatenate(drawn, axis=1), precision, bounds)

"""Where the variance of a mean over train x test comes from: test images, training sample, seed and laboratory.

Every component is a quadratic function of the scores of single runs (nested random effects by the method of moments),
so its expectation holds what the finite test images add to it. The bootstrap over test images says how much: a
statistic Q of the scores and its mean Q* over the replicates give 2 Q - Q*. A difference between two seeds that only
these images make is therefore in the component of the images, and in no other.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class Components:
    """Variances of the means of m models, with what they share: m x m matrices.

    Parameters
    ----------
    images : ndarray
        Of other test images of the same laboratories.
    sample : ndarray or None
        Of other training images of the same laboratories; None where no source was resampled.
    seed : ndarray or None
        Of one other seed, of the mean of one; None where only one seed ran.
    laboratory : ndarray or None
        Of other laboratories; None where there are fewer than three. It holds whatever of the sample and the seed was
        not told apart.
    seeds : int
        Number of seeds that the means are over.
    """

    images: np.ndarray
    sample: np.ndarray | None
    seed: np.ndarray | None
    laboratory: np.ndarray | None
    seeds: int

    def total(self, laboratories=True):
        """Variance of the mean over the seeds that ran, with or without the choice of laboratories."""
        parts = [self.images, self.sample, None if self.seed is None else self.seed / self.seeds]
        return sum(part for part in [*parts, self.laboratory if laboratories else None] if part is not None)


def components(point, replicates, trains, pairs):
    """Components of the variance of means over train x test, mean over seeds.

    Parameters
    ----------
    point : ndarray of float, shape (p, 1 + r, k, m)
        Score of p pairs of source and target, of the source as it is and of r resamples of it, of k seeds, by m models.
    replicates : ndarray of float, shape (b, p, 1 + r, k, m)
        The same of images that were drawn again, the same for all.
    trains : sequence of str, length p
        Source of each pair.
    pairs : sequence of frozenset of str, length p
        Laboratories of each pair.

    Returns
    -------
    Components
        No variance below zero.

    References
    ----------
    Searle, Casella and McCulloch, Variance Components, Wiley 1992 (Henderson's method 3); Griffing, Concept of general
    and specific combining ability in relation to diallel crossing systems, Aust. J. Biol. Sci. 9 (1956), of which a
    table of all pairs without its diagonal is method 4.

    Examples
    --------
    >>> scores = np.array([0.5, 0.7, 0.9]).reshape(3, 1, 1, 1)
    >>> labs = [frozenset({name}) for name in "abc"]
    >>> found = components(scores, scores[None], list("abc"), labs)
    >>> round(float(found.laboratory[0, 0]), 4)  # 0.04 / 3
    0.0133
    """
    resamples, seeds = point.shape[1] - 1, point.shape[2]
    # A source stands in the mean once for each of its targets.
    names, member = np.unique(np.asarray(trains), return_inverse=True)
    shares = np.eye(len(names))[member].T / len(member)
    by_laboratory = _between(pairs)

    def between_seeds(scores):
        of_source = np.einsum("sp,prkm->srkm", shares, scores)
        apart = of_source - of_source.mean(axis=2, keepdims=True)
        return _products(apart) / ((seeds - 1) * (1 + resamples))

    def between_samples(scores):
        of_source = np.einsum("sp,prkm->srkm", shares, scores[:, 1:]).mean(axis=2)
        return _products(of_source - of_source.mean(axis=1, keepdims=True)) / (resamples - 1)

    def between_laboratories(scores):
        own = scores[:, 0].mean(axis=1)
        return own.T @ by_laboratory @ own

    def unbiased(statistic):
        return 2 * statistic(point) - np.mean([statistic(each) for each in replicates], axis=0)

    means = replicates[:, :, 0].mean(axis=(1, 2))
    apart = means - means.mean(axis=0)
    images = apart.T @ apart / len(apart)
    seed = _no_less_than_none(unbiased(between_seeds)) if seeds > 1 else None
    # Seeds are drawn for each model on its own: what two models seem to share of them is chance.
    seed = None if seed is None else np.diag(np.diag(seed))
    per_mean = 0 if seed is None else seed / seeds
    sample = _no_less_than_none(unbiased(between_samples) - per_mean) if resamples > 1 else None
    laboratory = None
    if by_laboratory is not None:
        rest = unbiased(between_laboratories) - per_mean - (0 if sample is None else sample)
        laboratory = _no_less_than_none(rest)
    return Components(images, sample, seed, laboratory, seeds)


def rank_intervals(means, covariance, *, draws=2000, seed=0, level=LEVEL):
    """Ranks that models may have where their means vary as they do.

    Parameters
    ----------
    means : ndarray of float, shape (m,)
        Higher is better.
    covariance : ndarray of float, shape (m, m)
        Such as `Components.total`.
    draws : int, default 2000
    seed : int, default 0
    level : float, default 0.95

    Returns
    -------
    ndarray of int, shape (m, 2)
        Lowest and highest rank; 1 is best.

    Examples
    --------
    >>> rank_intervals(np.array([0.9, 0.5, 0.5]), np.diag([1e-6, 1e-2, 1e-2])).tolist()
    [[1, 1], [2, 3], [2, 3]]
    """
    drawn = np.random.default_rng(seed).multivariate_normal(
        means, covariance, draws, method="eigh", check_valid="ignore"
    )
    # Models that are the same to the last digit share their rank.
    ranks = stats.rankdata(-drawn.round(9), axis=1, method="min")
    tails = [(1 - level) / 2, (1 + level) / 2]
    return np.quantile(ranks, tails, axis=0, method="inverted_cdf").T.astype(int)


def _products(apart):
    """Products of the models' columns, summed over everything else."""
    flat = apart.reshape(-1, apart.shape[-1])
    return flat.T @ flat


def _no_less_than_none(matrix):
    """The nearest matrix of variances: no sum of models varies less than not at all."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * values.clip(0)) @ vectors.T


def _between(pairs):
    """Matrix A such that y' A y estimates the variance of the mean of y over other laboratories.

    A pair scores mean + one effect of each of its laboratories + one of its own; both directions of a pair are one.
    None where the laboratories are fewer than three.
    """
    kinds = sorted(set(pairs), key=sorted)
    laboratories = sorted(frozenset().union(*kinds))
    if len(laboratories) < 3:
        return None
    gather = np.array([[pair == kind for pair in pairs] for kind in kinds], float)
    weight = gather.sum(axis=1) / len(pairs)
    gather /= gather.sum(axis=1, keepdims=True)
    incidence = np.array([[name in kind for name in laboratories] for kind in kinds], float)
    n = len(kinds)
    centre = np.eye(n) - 1 / n
    fitted = np.column_stack([np.ones(n), incidence])
    onto = fitted @ np.linalg.pinv(fitted)
    freedom = np.linalg.matrix_rank(fitted)
    own = (np.eye(n) - onto) / (n - freedom) if n > freedom else np.zeros((n, n))
    effect = (onto - 1 / n - (freedom - 1) * own) / np.trace(incidence.T @ centre @ incidence)
    found = effect * ((incidence.T @ weight) ** 2).sum() + own * (weight**2).sum()
    return gather.T @ found @ gather

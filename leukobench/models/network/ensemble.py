"""Several trainings of one network that answer together."""

from pathlib import Path

import numpy as np
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.utils.validation import check_is_fitted

from leukobench.models.wrapper import Probable


class NetworkEnsemble(MetaEstimatorMixin, Probable):
    """The mean of networks that differ by their seed alone: in the order of draws, augmentation and the last layer.

    Trainings that agree within their source differ on other laboratories; the mean of several varies less.

    Parameters
    ----------
    estimator : NetworkClassifier
        Its `random_state` decides those of the members.
    members : int, default 3

    Attributes
    ----------
    estimators_ : list of NetworkClassifier
    classes_ : ndarray of shape (k,)
    n_features_in_, size_ : int
        As of the members.

    References
    ----------
    B. Lakshminarayanan, A. Pritzel, C. Blundell, Simple and scalable predictive uncertainty estimation using deep
    ensembles, NeurIPS 2017, arXiv 1612.01474; under shift Y. Ovadia et al., NeurIPS 2019, arXiv 1906.02530.

    Examples
    --------
    >>> from leukobench.models.network.classifier import NetworkClassifier
    >>> X = np.repeat([[30], [220]], 20, 0) + np.zeros((1, 3 * 32 * 32))
    >>> model = NetworkEnsemble(NetworkClassifier("lenet", epochs=1), members=2).fit(X, np.repeat(["LY", "NE"], 20))
    >>> model.predict_proba(X).shape
    (40, 2)
    """

    def __init__(self, estimator, members=3):
        self.estimator = estimator
        self.members = members

    def fit(self, X, y, laboratories=None, groups=None, checkpoint=None, sample_weight=None):
        """Train the members one after the other.

        Parameters
        ----------
        X, y, laboratories, groups
            As of `NetworkClassifier.fit`.
        checkpoint : path-like or None, default None
            As there; a member has a file of its own, ".<number>" behind this, until all are trained.
        sample_weight : array-like of float, shape (n,), or None, default None
            As there.

        Returns
        -------
        NetworkEnsemble

        Raises
        ------
        UsageError, ValueError
            As of `NetworkClassifier.fit`.
        """
        if self.members < 1:
            raise ValueError(f"an ensemble of {self.members} members: one is needed at least")
        seeds = np.random.SeedSequence(self.estimator.random_state).generate_state(self.members).tolist()
        parts = [checkpoint and Path(f"{checkpoint}.{number}") for number in range(self.members)]
        told = {"laboratories": laboratories, "groups": groups, "keep": True, "sample_weight": sample_weight}
        self.estimators_ = [
            clone(self.estimator).set_params(random_state=seed).fit(X, y, checkpoint=part, **told)
            for seed, part in zip(seeds, parts, strict=True)
        ]
        first = self.estimators_[0]
        self.classes_, self.n_features_in_, self.size_ = first.classes_, first.n_features_in_, first.size_
        for part in filter(None, parts):
            part.unlink(missing_ok=True)
        return self

    def predict_proba(self, X):
        """Mean probabilities of the members, shape (n, k)."""
        check_is_fitted(self)
        return np.mean([member.predict_proba(X) for member in self.estimators_], axis=0)

    def field_of(self, X):
        """What the members see of rows of crops, see `NetworkClassifier.field_of`."""
        check_is_fitted(self)
        return self.estimators_[0].field_of(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # as the members
        return tags

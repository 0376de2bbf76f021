"""The few estimators that scikit-learn does not have, each for one reason that stands in its docstring."""

import warnings

import numpy as np
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_sample_weight

from leukobench.models.wrapper import Wrapper

INTERRUPTED = "Training interrupted"  # what scikit-learn says of Ctrl-C


class Balanced(Wrapper):
    """Give each class the same total weight, and the inner estimator labels 0..k-1.

    For estimators without `class_weight`, or that fail when a fold happens to miss a class (XGBoost does both).

    Parameters
    ----------
    estimator : classifier
        Takes `sample_weight` in `fit`.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
        The labels.
    estimator_ : classifier
        The fitted inner estimator.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> Balanced(GaussianNB()).fit([[0.0], [1.0], [5.0], [6.0]], [3, 3, 7, 7]).predict([[5.5]])
    array([7])
    """

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        """Fit the inner estimator to a table and its labels with balanced weights."""
        X, y = self._check(X, y)
        encoder = LabelEncoder().fit(y)
        self.classes_ = encoder.classes_
        weights = compute_sample_weight("balanced", y)
        self.estimator_ = clone(self.estimator).fit(X, encoder.transform(y), sample_weight=weights)
        return self


class BalancedLDA(LinearDiscriminantAnalysis):
    """Linear discriminant analysis that holds all classes equally likely, however many images each has.

    `LinearDiscriminantAnalysis` has no `class_weight`, and its `priors` need the number of classes beforehand.
    Parameters and attributes are those of the parent; `priors` set by hand are kept.

    Examples
    --------
    >>> X, y = [[0.0], [0.1], [0.2], [0.3], [2.0], [2.1]], [0, 0, 0, 0, 1, 1]
    >>> BalancedLDA(solver="lsqr", shrinkage=0.1).fit(X, y).priors_
    array([0.5, 0.5])
    """

    def fit(self, X, y):
        """Fit to a table and its labels with equal priors."""
        given = self.priors
        if given is None:
            k = len(np.unique(np.asarray(y)))
            self.priors = np.ones(k) / k
        try:
            return super().fit(X, y)
        finally:
            self.priors = given


class CappedNeighbors(KNeighborsClassifier):
    """Nearest neighbours, weighted by distance, that never asks for more neighbours than there are images.

    A small source leaves an inner fold with fewer images than the search space allows neighbours;
    `KNeighborsClassifier` then fails. Parameters are those of the parent, with `weights="distance"`.

    Examples
    --------
    >>> CappedNeighbors(n_neighbors=9).fit([[0.0], [1.0], [5.0]], [0, 0, 1]).predict([[0.2]])
    array([0])
    """

    def __init__(self, n_neighbors=5, *, metric="minkowski", p=2, algorithm="auto", n_jobs=None):
        super().__init__(n_neighbors, weights="distance", metric=metric, p=p, algorithm=algorithm, n_jobs=n_jobs)

    def kneighbors(self, X=None, n_neighbors=None, return_distance=True):
        """Nearest training images, as many as there are at most.

        Parameters
        ----------
        X : array-like of shape (n, p), or None
            The table; None is the training table, each row without itself.
        n_neighbors : int, or None
            Number of neighbours; None is the estimator's.
        return_distance : bool, default True
            Give distances as well.

        Returns
        -------
        distances, indices : ndarrays of shape (n, n_neighbors)
            Indices alone where `return_distance` is False.
        """
        most = self.n_samples_fit_ - (X is None)
        return super().kneighbors(X, min(n_neighbors or self.n_neighbors, most), return_distance)


class Perceptron(MLPClassifier):
    """A multilayer perceptron that is content with `max_iter`, ends with Ctrl-C, and keeps nothing of its training.

    `MLPClassifier` warns where the loss of a small source still falls, takes Ctrl-C for an early end and gives half a
    training, and is stored with its optimizer and its first weights, which hold thrice what its weights do. Parameters
    and attributes are those of the parent.

    Examples
    --------
    >>> model = Perceptron((4,), max_iter=300, random_state=0).fit([[-1.0], [-0.9], [0.9], [1.0]], [0, 0, 1, 1])
    >>> model.predict([[-2.0], [2.0]])
    array([0, 1])
    """

    def fit(self, X, y, sample_weight=None):
        """Fit to a table and its labels, each row by its weight."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("error", INTERRUPTED, UserWarning)
            try:
                return super().fit(X, y, sample_weight)
            except UserWarning as warning:
                if str(warning).startswith(INTERRUPTED):
                    raise KeyboardInterrupt from None
                raise

    def __getstate__(self):
        unused = ("_optimizer", "_random_state", "_best_coefs", "_best_intercepts", "loss_curve_", "validation_scores_")
        return {name: value for name, value in super().__getstate__().items() if name not in unused}


class ShuffledLabels(Wrapper):
    """Permute the labels before fitting: a control that must score at chance.

    Whatever it scores above chance is a leak, in the protocol or in the tuning.

    Parameters
    ----------
    estimator : classifier
        The model to be misled.
    random_state : int or None, default None
        Seed of the permutation.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
        The labels.
    estimator_ : classifier
        The inner estimator, fitted on permuted labels.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> ShuffledLabels(GaussianNB(), random_state=0).fit([[0.0], [1.0], [2.0]], [0, 0, 1]).classes_
    array([0, 1])
    """

    def __init__(self, estimator, random_state=None):
        self.estimator = estimator
        self.random_state = random_state

    def fit(self, X, y):
        """Fit the inner estimator to a table and its labels in another order."""
        X, y = self._check(X, y)
        self.estimator_ = clone(self.estimator).fit(X, check_random_state(self.random_state).permutation(y))
        self.classes_ = self.estimator_.classes_
        return self

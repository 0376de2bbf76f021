"""A support vector machine with probabilities that hold for rare classes too."""

from itertools import combinations

import numpy as np
from scipy.special import log_expit, softmax
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from leukobench.models.likelihood import likeliest
from leukobench.models.wrapper import Probable

SLOPES = (np.exp(-3), np.exp(4))


class PairwiseSVC(Probable):
    """Support vector machine whose probabilities come from the margins of its class pairs.

    `SVC(probability=True)` is deprecated and slow, and calibrating one class against the rest fails for classes
    with fewer images than folds. Here P(i) is proportional to the product over j of s(a d_ij), with s the logistic
    function, d_ij the margin of class i against class j and a > 0 one slope for all pairs (Platt scaling without
    offset), fitted on out-of-fold margins by balanced log loss. Classes too rare for the folds take no part in
    fitting the slope.

    Parameters
    ----------
    C : float, default 1.0
        Inverse strength of the regularisation.
    kernel : {"rbf", "poly", "linear", "sigmoid"}, default "rbf"
    degree : int, default 3
        Degree of the polynomial kernel.
    gamma : float or {"scale", "auto"}, default "scale"
        Kernel coefficient.
    coef0 : float, default 0.0
        Offset in the polynomial kernel.
    folds : int, default 3
        Folds for the slope.
    random_state : int or None, default None
        Seed of the folds.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
        The labels.
    svc_ : sklearn.svm.SVC
        The fitted machine.
    slope_ : float
        The slope a.

    References
    ----------
    J. Platt, Probabilistic outputs for support vector machines, 1999; T. Hastie and R. Tibshirani, Classification
    by pairwise coupling, Annals of Statistics 26(2), 1998.

    Examples
    --------
    >>> X, y = [[0.0], [0.1], [0.2], [1.0], [1.1], [1.2]], [0, 0, 0, 1, 1, 1]
    >>> PairwiseSVC(random_state=0).fit(X, y).predict([[0.1], [1.1]])
    array([0, 1])
    """

    def __init__(self, C=1.0, *, kernel="rbf", degree=3, gamma="scale", coef0=0.0, folds=3, random_state=None):
        self.C = C
        self.kernel = kernel
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0
        self.folds = folds
        self.random_state = random_state

    def fit(self, X, y):
        """Fit the machine to a table and its labels, and the slope on out-of-fold margins."""
        X, y = validate_data(self, X, y)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("the number of classes has to be greater than one; got 1 class")
        svc = SVC(
            C=self.C,
            kernel=self.kernel,
            degree=self.degree,
            gamma=self.gamma,
            coef0=self.coef0,
            class_weight="balanced",
            decision_function_shape="ovo",
            cache_size=500,
        )
        self.slope_ = self._fit_slope(svc, X, codes)
        self.svc_ = svc.fit(X, codes)
        return self

    def _fit_slope(self, svc, X, codes):
        frequent = np.flatnonzero(np.bincount(codes) >= self.folds)
        if len(frequent) < 2:
            return 1.0
        rows = np.isin(codes, frequent)
        X, codes = X[rows], np.searchsorted(frequent, codes[rows])
        margins = np.empty((len(codes), len(frequent) * (len(frequent) - 1) // 2))
        folds = StratifiedKFold(self.folds, shuffle=True, random_state=self.random_state)
        for train, test in folds.split(X, codes):
            margins[test] = _margins(clone(svc).fit(X[train], codes[train]), X[test])
        weights = compute_sample_weight("balanced", codes)

        def log_probabilities(log_slope):
            return np.log(np.maximum(_couple(margins, np.exp(log_slope), len(frequent)), 1e-12))

        return likeliest(log_probabilities, codes, SLOPES, weights)

    def predict_proba(self, X):
        """Probabilities by coupling the margins of the pairs, shape (n, k); rows sum to 1."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return _couple(_margins(self.svc_, X), self.slope_, len(self.classes_))


def _margins(svc, X):
    """Margins of the pairs (0, 1), (0, 2), ..., positive for the first; SVC turns the sign where k is 2."""
    margins = svc.decision_function(X)
    return -margins[:, None] if margins.ndim == 1 else margins


def _couple(margins, slope, k):
    scores = np.zeros((len(margins), k))
    for margin, (i, j) in zip(margins.T, combinations(range(k), 2), strict=True):
        scores[:, i] += log_expit(slope * margin)
        scores[:, j] += log_expit(-slope * margin)
    return softmax(scores, axis=1)

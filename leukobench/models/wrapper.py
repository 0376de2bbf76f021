"""What the classifiers here share that are made of another one: checks, predicting, and what is told of the rows."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from leukobench.models.pipeline import takes_gaps


class Probable(ClassifierMixin, BaseEstimator):
    """A classifier that names the class which its `predict_proba` holds likeliest."""

    def predict(self, X):
        """Most probable class of each row, shape (n,)."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]


class Wrapper(MetaEstimatorMixin, Probable):
    """Checks and predicting, for classifiers that wrap a fitted `estimator_` and know their `classes_`."""

    def _check(self, X, y, *told):
        """X, y and what is told of each row as arrays of one length, without an index; None stays None."""
        X, y = validate_data(self, X, y, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        check_consistent_length(X, *told)
        return X, y, *(None if each is None else column_or_1d(each) for each in told)

    def predict_proba(self, X):
        """Probabilities of the rows of a table, shape (n, k); rows sum to 1."""
        check_is_fitted(self)
        return self._answer(validate_data(self, X, reset=False, ensure_all_finite="allow-nan"))

    def _answer(self, X):
        return self.estimator_.predict_proba(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = takes_gaps(self.estimator)
        return tags


class ToldWrapper(Wrapper):
    """A wrapper that is told the laboratory of every row, and tells what it wraps."""

    def fit(self, X, y, laboratories=None, original=None):
        """Fit.

        Parameters
        ----------
        X : array-like of shape (n, p)
        y : array-like of shape (n,)
        laboratories : array-like of shape (n,) or None, default None
            None is one laboratory.
        original : array-like of bool, shape (n,), or None, default None
            Rows of images themselves, not of augmented copies; None is all.

        Returns
        -------
        ToldWrapper
        """
        X, y, laboratories, original = self._check(X, y, laboratories, original)
        self.classes_ = np.unique(y)
        laboratories = np.zeros(len(y), int) if laboratories is None else laboratories
        original = np.ones(len(y), bool) if original is None else original.astype(bool)
        self._learn(X, y, laboratories=laboratories, original=original)
        return self


def fit_told(estimator, X, y, **facts):
    """Fit a clone of an estimator, and tell it of the rows what its `fit` takes.

    Parameters
    ----------
    estimator : classifier
    X : array of shape (n, p)
    y : array of shape (n,)
    **facts : array of shape (n,)
        Such as laboratories.

    Returns
    -------
    classifier
        The fitted clone.
    """
    return clone(estimator).fit(X, y, **{name: facts[name] for name in facts if has_fit_parameter(estimator, name)})

"""Models for other laboratories: which features hold up, and, marked transductive, what unlabelled images tell.

Each wraps a classifier. `fit` may be told the laboratory of every row; `predict_proba` takes the images of one
laboratory at a time. The transductive ones look at all rows they are to predict, so what they say of an image depends
on the others beside it, and of a few images they say nothing.
"""

import warnings

import numpy as np
from sklearn.covariance import ledoit_wolf
from sklearn.feature_selection import f_classif
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from leukobench.errors import UsageError
from leukobench.models.estimators import Wrapper, fit_told

LEAST_IMAGES = 10
"""Images of a laboratory that a statistic needs. From Barcelona and from Raabin to the four others, standardised linear
discriminant analysis has a balanced accuracy of .20 and .21 on one image at a time, .52 and .49 on five, .61 and .55 on
ten, and .63 and .56 on all together; CORAL goes the same way."""


def check_enough(n, least=LEAST_IMAGES):
    """Refuse to take a statistic of too few images.

    Parameters
    ----------
    n : int
        Images of one laboratory.
    least : int, default 10

    Raises
    ------
    UsageError
        Where there are fewer.
    """
    if n < least:
        raise UsageError(
            f"{n} image(s) of a laboratory are too few for a transductive model, which needs {least}: of a few, their "
            "mean and spread say nothing",
            "give more images at a time, or take a model that looks at each image by itself",
        )


class StableFeatures(Wrapper):
    """Keep the features that tell the classes apart whichever laboratory is left out.

    A feature's score is its smallest F statistic over all ways of leaving one laboratory out, a stability selection
    (Meinshausen and Buehlmann 2010) over laboratories in place of random halves. Where there is a single one, the
    spread within a class is that of its images and their augmented copies, so a feature that a stain or a scale moves
    scores low.

    Parameters
    ----------
    estimator : classifier
    share : float, default 0.5
        Of the features that are kept.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
    kept_ : ndarray of int
        Columns that were kept.
    estimator_ : classifier
        Fitted on them.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = [[0.0, 5.0], [0.1, 1.0], [1.0, 1.1], [1.1, 5.1]], [0, 0, 1, 1]
    >>> StableFeatures(GaussianNB()).fit(X, y).kept_
    array([0])
    """

    def __init__(self, estimator, share=0.5):
        self.estimator = estimator
        self.share = share

    def fit(self, X, y, laboratories=None, genuine=None):
        """Choose features and fit.

        Parameters
        ----------
        X : array-like of shape (n, p)
        y : array-like of shape (n,)
        laboratories : array-like of shape (n,) or None, default None
            None is one laboratory.
        genuine : array-like of bool, shape (n,), or None, default None
            Rows of images themselves, not of copies, for an inner estimator that is told; None is not known.

        Returns
        -------
        StableFeatures
        """
        X, y, names, genuine = self._check(X, y, laboratories, genuine)
        filled = SimpleImputer(strategy="median", keep_empty_features=True).fit_transform(X)
        names = np.zeros(len(y)) if names is None else names
        rest = [names != name for name in np.unique(names)]
        rest = [rows for rows in rest if len(np.unique(y[rows])) > 1] or [np.ones(len(y), bool)]
        with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Features .* are constant")  # they score 0
            scores = np.min([np.nan_to_num(f_classif(filled[rows], y[rows])[0], posinf=0) for rows in rest], axis=0)
        count = max(1, round(self.share * X.shape[1]))
        self.kept_ = np.sort(np.argsort(-scores, kind="stable")[:count])
        self.estimator_ = fit_told(self.estimator, X[:, self.kept_], y, laboratories=names, genuine=genuine)
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X):
        """Probabilities from the kept features, shape (n, k)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan")
        return self.estimator_.predict_proba(X[:, self.kept_])


class StandardisedPerLaboratory(Wrapper):
    """Standardise each laboratory's features by its own mean and spread. Transductive.

    Parameters
    ----------
    estimator : classifier
    least : int, default 10
        Fewest images of a laboratory, in training and to predict.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> model = StandardisedPerLaboratory(GaussianNB(), least=3).fit([[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1])
    >>> model.predict([[70.0], [70.1], [71.0]])
    array([0, 0, 1])
    """

    def __init__(self, estimator, least=LEAST_IMAGES):
        self.estimator = estimator
        self.least = least

    def fit(self, X, y, laboratories=None, genuine=None):
        """Standardise each laboratory, then fit; parameters as in `StableFeatures.fit`."""
        X, y, names, genuine = self._check(X, y, laboratories, genuine)
        names = np.zeros(len(y)) if names is None else names
        X = X.astype(float)
        for name in np.unique(names):
            X[names == name] = self._standardised(X[names == name])
        self.estimator_ = fit_told(self.estimator, X, y, laboratories=names, genuine=genuine)
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X):
        """Probabilities of one laboratory's rows, standardised by themselves, shape (n, k)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan")
        return self.estimator_.predict_proba(self._standardised(X))

    def _standardised(self, X):
        check_enough(len(X), self.least)
        with np.errstate(invalid="ignore"):  # of a column that is missing throughout, which stays missing
            return StandardScaler().fit_transform(X)


class Coral(Wrapper):
    """Correlation alignment (Sun, Feng and Saenko 2016). Transductive.

    The rows to predict are whitened by their own covariance and coloured by the source's, both shrunk (Ledoit and Wolf
    2004); the paper colours the source instead, and then trains once per target.

    Parameters
    ----------
    estimator : classifier
    least : int, default 10
        Fewest images to predict.

    References
    ----------
    B. Sun, J. Feng, K. Saenko, Return of frustratingly easy domain adaptation, AAAI 2016.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> model = Coral(GaussianNB(), least=4).fit([[0.0], [0.1], [1.0], [1.1]], [0, 0, 1, 1])
    >>> model.predict([[70.0], [70.1], [71.0], [71.1]])
    array([0, 0, 1, 1])
    """

    def __init__(self, estimator, least=LEAST_IMAGES):
        self.estimator = estimator
        self.least = least

    def fit(self, X, y, laboratories=None, genuine=None):
        """Fit on the source and keep its moments; parameters as in `StableFeatures.fit`."""
        X, y, names, genuine = self._check(X, y, laboratories, genuine)
        self.scale_ = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
        scaled = self.scale_.fit_transform(X)
        self.mean_, self.root_ = scaled.mean(0), _power(scaled, 0.5)
        self.estimator_ = fit_told(self.estimator, scaled, y, laboratories=names, genuine=genuine)
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X):
        """Probabilities of one laboratory's rows, aligned with the source, shape (n, k)."""
        check_is_fitted(self)
        scaled = self.scale_.transform(validate_data(self, X, reset=False, ensure_all_finite="allow-nan"))
        check_enough(len(scaled), self.least)
        aligned = (scaled - scaled.mean(0)) @ _power(scaled, -0.5) @ self.root_ + self.mean_
        return self.estimator_.predict_proba(aligned)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True  # gaps are filled before the covariance is taken
        return tags


def _power(X, exponent):
    """Power of the shrunk covariance of rows, symmetric, shape (p, p)."""
    values, vectors = np.linalg.eigh(ledoit_wolf(X)[0])
    return (vectors * np.clip(values, 1e-6, None) ** exponent) @ vectors.T


class SelfTraining(Wrapper):
    """Learn from the model's own surest answers in the new laboratory, once. Transductive.

    The surest half of each predicted class joins the source with its predicted label, repeated until it makes up a
    stated share of the rows, and the estimator is fitted again (pseudo-labels, Lee 2013; by class, as in Zou 2018, so
    that a frequent class cannot take all).

    Parameters
    ----------
    estimator : classifier
    surest : float, default 0.5
        Share of the rows of each predicted class that are believed.
    share : float, default 0.2
        Of the rows of the second fit that come from the new laboratory.
    least : int, default 10
        Fewest images to predict: a few would only hear their own guess again.

    References
    ----------
    D.-H. Lee, Pseudo-label, ICML workshop 2013; Y. Zou et al., Unsupervised domain adaptation for semantic segmentation
    via class-balanced self-training, ECCV 2018.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> model = SelfTraining(GaussianNB(), least=4).fit([[0.0], [0.2], [1.0], [1.2]], [0, 0, 1, 1])
    >>> model.predict([[0.1], [0.2], [1.3], [1.4]])
    array([0, 0, 1, 1])
    """

    def __init__(self, estimator, surest=0.5, share=0.2, least=LEAST_IMAGES):
        self.estimator = estimator
        self.surest = surest
        self.share = share
        self.least = least

    def fit(self, X, y, laboratories=None, genuine=None):
        """Fit on the source and keep it; parameters as in `StableFeatures.fit`."""
        self.X_, self.y_, names, genuine = self._check(X, y, laboratories, genuine)
        self.laboratories_ = np.unique(np.zeros(len(self.y_)) if names is None else names, return_inverse=True)[1]
        self.genuine_ = np.ones(len(self.y_), bool) if genuine is None else genuine.astype(bool)
        told = {"laboratories": self.laboratories_, "genuine": self.genuine_}
        self.estimator_ = fit_told(self.estimator, self.X_, self.y_, **told)
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X):
        """Probabilities of one laboratory's rows after learning from them, shape (n, k)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan")
        check_enough(len(X), self.least)
        first = self.estimator_.predict_proba(X)
        guess, sureness = first.argmax(1), first.max(1)
        believed = np.concatenate([_largest(sureness, guess == k, self.surest) for k in np.unique(guess)])
        wanted = self.share / (1 - self.share) * len(self.y_)
        believed = np.repeat(believed, max(1, round(wanted / len(believed))))
        rows = np.concatenate([self.X_, X[believed]])
        labels = np.concatenate([self.y_, self.classes_[guess[believed]]])
        told = {
            "laboratories": np.append(self.laboratories_, np.full(len(believed), -1)),
            "genuine": np.append(self.genuine_, np.ones(len(believed), bool)),
        }
        return fit_told(self.estimator, rows, labels, **told).predict_proba(X)


def _largest(values, among, share):
    """Positions of the largest values among some, at least one; ties by position."""
    positions = np.flatnonzero(among)
    count = int(np.ceil(share * len(positions)))
    return positions[np.argsort(-values[positions], kind="stable")[:count]]

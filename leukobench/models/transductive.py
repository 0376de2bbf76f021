"""Models that learn from the unlabelled images of the laboratory that they are to predict.

Each wraps a classifier. `predict_proba` takes the images of one laboratory at a time and looks at all of them, so what
it says of an image depends on the others beside it, and of a few images it says nothing.
"""

import numpy as np
from sklearn.covariance import ledoit_wolf
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leukobench.errors import UsageError
from leukobench.models.wrapper import ToldWrapper, fit_told

LEAST_IMAGES = 10
"""Images of a laboratory that a statistic needs. From Barcelona and from Raabin to the four others, standardised linear
discriminant analysis has a balanced accuracy of .20 and .21 on one image at a time, .52 and .49 on five, .61 and .55 on
ten, and .63 and .56 on all together; CORAL goes the same way."""


class TooFewImages(UsageError):
    """A laboratory has too few images for a model that looks at all of them."""


def check_enough(n, least=LEAST_IMAGES):
    """Refuse to take a statistic of too few images.

    Parameters
    ----------
    n : int
        Images of one laboratory.
    least : int, default 10

    Raises
    ------
    TooFewImages
        Where there are fewer.
    """
    if n < least:
        raise TooFewImages(
            f"{n} image(s) of a laboratory are too few for a transductive model, which needs {least}: of a few, their "
            "mean and spread say nothing",
            "give more images at a time, or take a model that looks at each image by itself",
        )


class StandardisedPerLaboratory(ToldWrapper):
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

    def _learn(self, X, y, laboratories, original):
        X = X.astype(float)
        for name in np.unique(laboratories):
            X[laboratories == name] = self._standardised(X[laboratories == name])
        self.estimator_ = fit_told(self.estimator, X, y, laboratories=laboratories, original=original)

    def _answer(self, X):
        return self.estimator_.predict_proba(self._standardised(X))

    def _standardised(self, X):
        check_enough(len(X), self.least)
        with np.errstate(invalid="ignore"):  # of a column that is missing throughout, which stays missing
            return StandardScaler().fit_transform(X)


class Coral(ToldWrapper):
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

    def _learn(self, X, y, **told):
        self.scale_ = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
        scaled = self.scale_.fit_transform(X)
        self.mean_, self.root_ = scaled.mean(0), _power(scaled, 0.5)
        self.estimator_ = fit_told(self.estimator, scaled, y, **told)

    def _answer(self, X):
        check_enough(len(X), self.least)
        scaled = self.scale_.transform(X)
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


class SelfTraining(ToldWrapper):
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

    def _learn(self, X, y, laboratories, original):
        self.X_, self.y_, self.original_ = X, y, original
        self.laboratories_ = np.unique(laboratories, return_inverse=True)[1]
        self.estimator_ = fit_told(self.estimator, X, y, laboratories=self.laboratories_, original=original)

    def _answer(self, X):
        return self.adapted(X).predict_proba(X)

    def adapted(self, X):
        """The estimator fitted again with what it is sure of in a laboratory, for other images of that.

        Parameters
        ----------
        X : array of shape (n, p)
            Unlabelled images of one laboratory.

        Returns
        -------
        classifier

        Raises
        ------
        TooFewImages
            Where there are fewer than `least`.
        """
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
            "original": np.append(self.original_, np.ones(len(believed), bool)),
        }
        return fit_told(self.estimator, rows, labels, **told)


def _largest(values, among, share):
    """Positions of the largest values among some, at least one; ties by position."""
    positions = np.flatnonzero(among)
    count = int(np.ceil(share * len(positions)))
    return positions[np.argsort(-values[positions], kind="stable")[:count]]

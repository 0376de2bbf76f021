"""What every model has in front of its estimator: gaps filled, columns on one scale."""

import os

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_is_fitted, validate_data


def threads(otherwise=1):
    """Threads of one estimator: `LEUKOBENCH_MODEL_THREADS`, else 1, as the runner spreads whole cells over cores.

    Parameters
    ----------
    otherwise : int, default 1
        What it is where the variable is not set.

    Returns
    -------
    int
        Number of threads; -1 is all cores.

    Examples
    --------
    >>> threads()
    1
    """
    return int(os.environ.get("LEUKOBENCH_MODEL_THREADS", otherwise))


class Clip(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Limit every value to [-limit, limit].

    After standardising, a value of 20 says that a cell of another laboratory lies far outside what was trained on,
    and no more; left alone it would outvote all the other columns in a linear or distance-based model.

    Parameters
    ----------
    limit : float, default 4.0
        Largest absolute value let through.

    Examples
    --------
    >>> Clip(limit=3).fit_transform([[-7.0, 2.0]]).tolist()
    [[-3.0, 2.0]]
    """

    def __init__(self, limit=4.0):
        self.limit = limit

    def fit(self, X, y=None):
        """Check the table; there is nothing to learn."""
        validate_data(self, X)
        return self

    def transform(self, X):
        """Limit the values of a table."""
        return np.clip(validate_data(self, X, reset=False), -self.limit, self.limit)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


class Quantised(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Name every value by the quantile of the training rows that it lies in, 0 .. bins - 1; classes count alike.

    Boosting by histograms does so itself, but looks up each weighted quantile of each column by itself: three quarters
    of its time. As there, classes count alike: a rare one would else find nearly all edges among the others.
    `KBinsDiscretizer` takes an absolute width for an empty bin, and a list of arrays for its edges, which no stored
    model may hold.

    Parameters
    ----------
    bins : int, default 31

    Attributes
    ----------
    edges_ : ndarray of shape (bins - 1, p)

    Examples
    --------
    >>> Quantised(bins=2).fit([[0.0], [1.0], [8.0], [9.0]]).transform([[-3.0], [5.0], [70.0]]).tolist()
    [[0.0], [1.0], [1.0]]
    """

    def __init__(self, bins=31):
        self.bins = bins

    def fit(self, X, y=None):
        """Find the quantiles of a table; of rows that count alike where there are no classes."""
        X = validate_data(self, X)
        weights = None if y is None else compute_sample_weight("balanced", np.asarray(y))
        shares = np.linspace(0, 1, self.bins + 1)[1:-1]
        self.edges_ = np.quantile(X, shares, axis=0, weights=weights, method="inverted_cdf")
        return self

    def transform(self, X):
        """Numbers of the quantiles, shape (n, p)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        columns = zip(self.edges_.T, X.T, strict=True)
        return np.stack([np.searchsorted(edges, column) for edges, column in columns], axis=1).astype(float)


class Components(TransformerMixin, BaseEstimator):
    """Principal components, found in whichever way is faster for the shape of the training rows.

    To take apart the covariance of 1,280 columns takes as long for 100 rows as for 5,000; to take apart the rows takes
    the longer, the more there are. At two thirds as many rows as columns both take the same. scikit-learn's own choice
    asks for few columns, too.

    Parameters
    ----------
    variance : float, default 0.9
        Share of the variance that the components hold.

    Attributes
    ----------
    pca_ : sklearn.decomposition.PCA

    Examples
    --------
    >>> Components(0.9).fit_transform([[0.0, 0.0], [1.0, 0.1], [2.0, 0.0]]).shape
    (3, 1)
    """

    FEW = 2 / 3

    def __init__(self, variance=0.9):
        self.variance = variance

    def fit(self, X, y=None):
        """Find the components of a table."""
        X = validate_data(self, X, ensure_min_samples=2)
        few = len(X) < self.FEW * X.shape[1]
        self.pca_ = PCA(self.variance, svd_solver="full" if few else "covariance_eigh").fit(X)
        return self

    def transform(self, X):
        """Values of rows on the components, shape (n, k)."""
        check_is_fitted(self)
        return self.pca_.transform(validate_data(self, X, reset=False))


def imputed(*steps):
    """Put the imputer in front of some steps: medians of the training images stand in for NaN.

    A column that is NaN throughout becomes 0 rather than vanish, so the table keeps its width.

    Parameters
    ----------
    *steps : transformers, then one classifier
        What follows.

    Returns
    -------
    sklearn.pipeline.Pipeline
        The unfitted pipeline.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> [name for name, _ in imputed(GaussianNB()).steps]
    ['simpleimputer', 'gaussiannb']
    """
    chain = (SimpleImputer(strategy="median", keep_empty_features=True), *steps)
    return Pipeline([(type(step).__name__.lower(), step) for step in chain])


def takes_gaps(estimator):
    """Whether an estimator takes NaN. scikit-learn says so of one step, and of a pipeline never.

    Parameters
    ----------
    estimator : estimator
        A pipeline takes NaN where its first imputer and all before it do, or all of its steps; a vote where all who
        have one do; any other as its tag says.

    Returns
    -------
    bool

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> takes_gaps(scaled(GaussianNB())), takes_gaps(Pipeline([("scale", StandardScaler()), ("bayes", GaussianNB())]))
    (True, False)
    """
    if isinstance(estimator, Pipeline):
        steps = [step for _, step in estimator.steps if step not in (None, "passthrough")]
        fills = [type(step).__module__.startswith("sklearn.impute") for step in steps]
        return all(map(takes_gaps, steps[: fills.index(True) + 1] if any(fills) else steps))
    if isinstance(estimator, VotingClassifier):
        return all(takes_gaps(each) for _, each in estimator.estimators if each != "drop")
    return get_tags(estimator).input_tags.allow_nan


def scaled(*steps):
    """Put imputer, standardiser and clip in front of some steps, for models that add columns up.

    Parameters and result are those of `imputed`.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> [name for name, _ in scaled(GaussianNB()).steps]
    ['simpleimputer', 'standardscaler', 'clip', 'gaussiannb']
    """
    return imputed(StandardScaler(), Clip(), *steps)

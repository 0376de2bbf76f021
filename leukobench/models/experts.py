"""Several sources: trust each as far as it carries over to the others, which the sources alone can tell."""

import numpy as np
from sklearn.metrics import recall_score
from sklearn.utils.validation import check_is_fitted, validate_data

from leukobench.models.estimators import Wrapper, fit_told


class SourceExperts(Wrapper):
    """Mean of experts, one per laboratory and one of all, weighted by how well each carries over between the sources.

    More laboratories in one training set are not always better: a few poor pictures can spoil what a large, clean
    source knows. An expert's score is its mean balanced accuracy on the laboratories it was not trained on, on the
    images themselves and not on copies; that of the pooled expert is found by leaving each laboratory out. Weights are
    scores to a power, so that near ties share and a clearly worse expert has no say. From a single laboratory it is the
    estimator itself.

    Parameters
    ----------
    estimator : classifier
    sharpness : float, default 20
        The power. On the public sources any from 20 to 50 gives the same mean.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
    experts_ : list of (weight, fitted classifier)
        The pooled expert first; weights sum to 1.
    scores_ : dict of str to float
        Score of each laboratory's expert, and of the pooled one under "all"; empty where there is one laboratory.

    References
    ----------
    Y. Mansour, M. Mohri, A. Rostamizadeh, Domain adaptation with multiple sources, NIPS 2008 (combining per-source
    classifiers by weight; here the weights come from leaving sources out).

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> X, y = [[0.0], [0.1], [1.0], [1.1], [0.2], [0.1], [0.9], [1.2]], [0, 0, 1, 1, 0, 0, 1, 1]
    >>> model = SourceExperts(GaussianNB()).fit(X, y, laboratories=["a"] * 4 + ["b"] * 4)
    >>> model.scores_
    {'a': 1.0, 'b': 1.0, 'all': 1.0}
    """

    def __init__(self, estimator, sharpness=20):
        self.estimator = estimator
        self.sharpness = sharpness

    def fit(self, X, y, laboratories=None, genuine=None):
        """Fit and weigh the experts.

        Parameters
        ----------
        X : array-like of shape (n, p)
        y : array-like of shape (n,)
        laboratories : array-like of shape (n,) or None, default None
            None is one laboratory.
        genuine : array-like of bool, shape (n,), or None, default None
            Rows of images themselves; None is all.

        Returns
        -------
        SourceExperts
        """
        X, y, names, genuine = self._check(X, y, laboratories, genuine)
        names = np.zeros(len(y), int) if names is None else names
        genuine = np.ones(len(y), bool) if genuine is None else genuine.astype(bool)
        pooled = self._of(np.ones(len(y), bool), X, y, names, genuine)
        self.classes_ = pooled.classes_
        self.scores_, experts = {}, [pooled]
        places = {str(name): names == name for name in np.unique(names)}
        able = [name for name, here in places.items() if len(np.unique(y[here])) > 1]
        if len(places) > 1:
            for name in able:
                experts.append(self._of(places[name], X, y, names, genuine))
                away = [rows & genuine for other, rows in places.items() if other != name]
                self.scores_[name] = float(np.mean([_recall(experts[-1], X[rows], y[rows]) for rows in away]))
            self.scores_["all"] = float(
                np.mean([self._left_out(rows, X, y, names, genuine) for rows in places.values()])
            )
        scores = [self.scores_.get(name, 1.0) for name in ("all", *able)][: len(experts)]
        weights = (np.array(scores) / max(scores)) ** self.sharpness if max(scores) else np.ones(len(scores))
        self.experts_ = list(zip((weights / weights.sum()).tolist(), experts, strict=True))
        return self

    def _of(self, rows, X, y, names, genuine):
        """The estimator, fitted on some rows."""
        return fit_told(self.estimator, X[rows], y[rows], laboratories=names[rows], genuine=genuine[rows])

    def _left_out(self, rows, X, y, names, genuine):
        """Recall in a laboratory of what the others teach together; 0 where they teach one class only."""
        if len(np.unique(y[~rows])) < 2:
            return 0.0
        model = self._of(~rows, X, y, names, genuine)
        return _recall(model, X[rows & genuine], y[rows & genuine])

    def predict_proba(self, X):
        """Weighted mean of the experts' probabilities, shape (n, k); a class that an expert lacks gets 0 from it."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan")
        probabilities = np.zeros((len(X), len(self.classes_)))
        for weight, expert in self.experts_:
            probabilities[:, np.searchsorted(self.classes_, expert.classes_)] += weight * expert.predict_proba(X)
        return probabilities


def _recall(model, X, y):
    """Balanced accuracy over the classes in y; a class that the model lacks counts as missed."""
    return recall_score(y, model.predict(X), labels=np.unique(y), average="macro", zero_division=0)

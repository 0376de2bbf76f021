"""What several sources tell by themselves: which features hold up, and how far each source carries over."""

import warnings

import numpy as np
from sklearn.feature_selection import f_classif
from sklearn.impute import SimpleImputer
from sklearn.metrics import recall_score

from leukobench.models.wrapper import ToldWrapper, fit_told


class StableFeatures(ToldWrapper):
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

    def _learn(self, X, y, laboratories, original):
        filled = SimpleImputer(strategy="median", keep_empty_features=True).fit_transform(X)
        rest = [laboratories != name for name in np.unique(laboratories)]
        rest = [rows for rows in rest if len(np.unique(y[rows])) > 1] or [np.ones(len(y), bool)]
        with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Features .* are constant")  # they score 0
            scores = np.min([np.nan_to_num(f_classif(filled[rows], y[rows])[0], posinf=0) for rows in rest], axis=0)
        count = max(1, round(self.share * X.shape[1]))
        self.kept_ = np.sort(np.argsort(-scores, kind="stable")[:count])
        told = {"laboratories": laboratories, "original": original}
        self.estimator_ = fit_told(self.estimator, X[:, self.kept_], y, **told)

    def _answer(self, X):
        return self.estimator_.predict_proba(X[:, self.kept_])


class SourceExperts(ToldWrapper):
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

    def _learn(self, X, y, laboratories, original):
        def expert(rows):
            told = {"laboratories": laboratories[rows], "original": original[rows]}
            return fit_told(self.estimator, X[rows], y[rows], **told)

        def score(model, rows):
            """Balanced accuracy over the classes that are there; a class that the model lacks counts as missed."""
            truth, called = y[rows & original], model.predict(X[rows & original])
            return recall_score(truth, called, labels=np.unique(truth), average="macro", zero_division=0)

        places = {str(name): laboratories == name for name in np.unique(laboratories)}
        able = [name for name, here in places.items() if len(np.unique(y[here])) > 1]
        experts, self.scores_ = [expert(np.ones(len(y), bool))], {}
        if len(places) > 1:
            for name in able:
                experts.append(expert(places[name]))
                away = [rows for other, rows in places.items() if other != name]
                self.scores_[name] = float(np.mean([score(experts[-1], rows) for rows in away]))
            # Where the others together teach one class only, nothing carries over.
            left_out = [score(expert(~here), here) if len(np.unique(y[~here])) > 1 else 0.0 for here in places.values()]
            self.scores_["all"] = float(np.mean(left_out))
        scores = [self.scores_.get(name, 1.0) for name in ("all", *able)][: len(experts)]
        weights = (np.array(scores) / max(scores)) ** self.sharpness if max(scores) else np.ones(len(scores))
        self.experts_ = list(zip((weights / weights.sum()).tolist(), experts, strict=True))

    def _answer(self, X):
        """Weighted mean of the experts' probabilities; a class that an expert lacks gets 0 from it."""
        probabilities = np.zeros((len(X), len(self.classes_)))
        for weight, expert in self.experts_:
            probabilities[:, np.searchsorted(self.classes_, expert.classes_)] += weight * expert.predict_proba(X)
        return probabilities

"""Optuna tuning: inside the source alone, and the same whatever interrupted it."""

import functools

import numpy as np
import optuna
from optuna.trial import TrialState, create_trial

from leukobench.metrics import Answers
from leukobench.metrics.catalogue import DEFAULT
from leukobench.metrics.scoring import check_probabilities
from leukobench.models.recipe import COSTS
from leukobench.models.tables import fit_rows, themselves
from leukobench.running.folds import derive_seed, inner_folds

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Fitted:
    """An estimator with the classes of its source, whatever subset of them a fold held.

    Augmented copies of an image train beside it; what is predicted is the image itself.

    Parameters
    ----------
    recipe : Recipe
        How to build the estimator.
    params : dict
        Its parameters.
    seed : int
        Of the estimator.
    X : array of shape (n, p) or (n, 1 + copies, p)
        Training rows.
    y : array of str of shape (n,)
        Their classes.
    laboratories : array of str of shape (n,)
        Dataset of each row. An estimator whose `fit` takes `laboratories` is told them, and one that takes `original`
        which rows are images themselves, not copies.
    groups : array of shape (n,) or None, default None
        What must stay together in a split, for an estimator whose `fit` takes `groups`.
    checkpoint : path-like or None, default None
        Where an estimator whose `fit` takes `checkpoint` keeps what it goes on from after a kill.
    """

    def __init__(self, recipe, params, seed, X, y, laboratories, groups=None, checkpoint=None):
        self.classes, codes = np.unique(y, return_inverse=True)
        if len(self.classes) < 2:
            raise ValueError(f"only the class {self.classes[0]} is left in this fold: two are needed")
        told = {"laboratories": laboratories, "groups": groups, "checkpoint": checkpoint}
        self.estimator = fit_rows(recipe.build(params, seed), X, codes, **told)

    @classmethod
    def restore(cls, estimator, classes):
        """The same from an estimator that was fitted before, and the classes of its source."""
        fitted = cls.__new__(cls)
        fitted.estimator, fitted.classes = estimator, np.asarray(classes)
        return fitted

    def predict(self, X):
        """Classes of rows of shape (n, p) or (n, 1 + copies, p)."""
        return self.classes[np.asarray(self.estimator.predict(themselves(X)), dtype=int)]

    def predict_proba(self, X, head):
        """Probabilities of shape (n, len(head)); zero for a class of the head that the training rows lacked.

        Raises
        ------
        ValueError
            Where the model returns something that is no probability.
        """
        given = np.asarray(self.estimator.predict_proba(themselves(X)), dtype=float)
        if given.shape != (len(X), len(self.classes)):
            raise ValueError(f"the model gave {given.shape} for {len(X)} images and {len(self.classes)} classes")
        check_probabilities(given)
        if not np.allclose(given.sum(axis=1), 1, atol=1e-3):
            raise ValueError("the model gave probabilities that do not add up to 1")
        codes = np.arange(len(self.classes))
        if not np.array_equal(getattr(self.estimator, "classes_", codes), codes):
            raise ValueError("the model has other classes_ than those it was fitted on, sorted")
        probabilities = np.zeros((len(X), len(head)))
        probabilities[:, [list(head).index(name) for name in self.classes]] = given
        return probabilities


def tune(recipe, X, y, groups, *, laboratories, strata, trials, n_folds, seed, storage, study="tuning", metric=DEFAULT):
    """Choose a model's parameters by cross-validation on the source.

    The first trial takes the recipe's defaults. Of networks a trial ends after the first folds where it is worse than
    the median of those before. Each further one draws from its own seed, so that a study that goes on after a kill
    chooses what an undisturbed one would have chosen.

    Parameters
    ----------
    recipe : Recipe
        Gives the search space and builds the estimator.
    X, y, groups, laboratories, strata : arrays with n rows
        Source rows, their classes, what must stay together in a fold, their datasets and what to stratify by.
    trials, n_folds : int
        Budget; no trials, no search space, or a source that allows no folds gives the defaults.
    seed : int
        Of folds, sampler and estimators.
    storage : optuna.storages.BaseStorage
        Where trials are kept.
    study : str, default "tuning"
        Name of this tuning, for a storage that several share.
    metric : Metric, default balanced accuracy
        What is tuned for, one that needs no probabilities.

    Returns
    -------
    dict
        The parameters with the best mean of the metric over the folds, the earliest where two are equal.
    """
    if not recipe.space or trials < 1:
        return dict(recipe.defaults)
    folds = inner_folds(strata, y, groups, n_folds, seed)
    if not folds:  # nothing can be held out of the source, so nothing can be chosen by it
        return dict(recipe.defaults)

    def objective(params, report):
        scores = []
        for number, (train, test) in enumerate(folds):
            fitted = Fitted(recipe, params, seed, X[train], y[train], laboratories[train], groups[train])
            scores.append(float(metric.of(Answers.of_labels(y[test], fitted.predict(X[test])))))
            if report(float(np.mean(scores)), number):
                return None
        return float(np.mean(scores))

    pruned = COSTS[recipe.cost].pruned
    study = optuna.create_study(
        study_name=study,
        direction="maximize" if metric.higher_is_better else "minimize",
        storage=storage,
        load_if_exists=True,
        sampler=_sampler(recipe, seed, 0),
        pruner=optuna.pruners.MedianPruner(1) if pruned else optuna.pruners.NopPruner(),
    )
    for stale in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):  # of a process that was killed
        study.tell(stale.number, state=TrialState.FAIL)
    if not _finished(study):
        first = dict(recipe.defaults)
        means = {}
        value = objective(first, lambda mean, number: means.update({number: mean}))
        searched = {name: first[name] for name in recipe.space}
        study.add_trial(
            create_trial(params=searched, distributions=recipe.space, value=value, intermediate_values=means)
        )
    while (done := len(_finished(study))) < trials:
        study.sampler = _sampler(recipe, seed, done)
        trial = study.ask(recipe.space)
        value = objective(recipe.defaults | trial.params, functools.partial(_hopeless, trial) if pruned else _hopeful)
        study.tell(trial, value, TrialState.PRUNED if value is None else TrialState.COMPLETE)
    whole = [trial for trial in _finished(study)[:trials] if trial.state == TrialState.COMPLETE]
    best = max(whole, key=lambda trial: (metric.sign * trial.value, -trial.number))
    return recipe.defaults | best.params


def _hopeless(trial, mean, number):
    """Tell the trial its mean over the folds so far; whether the trials before it say to stop here."""
    trial.report(mean, number)
    return trial.should_prune()


def _hopeful(mean, number):
    """Tell nothing, where no trial is stopped: to write a mean to disk takes as long as a light model's fit."""
    return False


def _finished(study):
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _sampler(recipe, seed, number):
    return optuna.samplers.TPESampler(seed=derive_seed(seed, recipe.name, "trial", number), n_startup_trials=5)

"""The loss from one laboratory to another, split by correcting one thing at a time.

A fixed model is fitted to each source once; the corrections act on the target's rows, so what they give back is not
mixed with another fit. They know the target's images and labels. That makes them a diagnosis, and no method.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from leukobench.diagnosis.corrections import ALL, CORRECTIONS, corrected
from leukobench.diagnosis.rows import FOLDS, LEAST, folds
from leukobench.metrics import Answers
from leukobench.metrics.drawing import REPLICATES
from leukobench.metrics.statistics import LEVEL, bootstrap
from leukobench.metrics.target import Target

AS_IT_IS, WITHIN, PRIOR = "as it is", "within", "prior"
ORDER = (PRIOR, *CORRECTIONS, ALL)
ACCURACIES = {"accuracy": AS_IT_IS, "accuracy_prior": PRIOR}
PROTOCOL = (
    "{model} with its default parameters on {name}, fitted once to each source; balanced accuracy on the target, "
    f"answers limited to the classes that have {LEAST} images or more in both. Gains: the same model after one "
    "correction of the target's rows, minus its score on the rows as they are. colour, texture: every column of "
    "the group is shifted and stretched to the source's class-balanced mean and standard deviation. scale: "
    "lengths times one factor, areas times its square (the median over lengths and areas of the class-balanced "
    "ratio of medians). all: the three together. prior: probabilities weighed by the target's class frequencies; "
    "balanced accuracy asks for all classes alike and the model is fitted with equal class weights, so this can "
    f"help accuracy alone and is not in all. within: the same model on the target itself, {FOLDS}-fold, out of "
    f"fold. loss: within minus as it is. left: within minus all. {LEVEL:.0%} intervals: bootstrap over test "
    f"images, B = {REPLICATES}, paired, whole groups where known; models and corrections held fixed."
)
USES = "target images and labels"


@dataclass(frozen=True)
class Loss:
    """What the corrections give back.

    Parameters
    ----------
    pairs : DataFrame
        Per train and test: n, classes, the magnification of `scale`, as_it_is and within (balanced accuracy), accuracy,
        accuracy_prior, and `<what>`, `<what>_low` and `<what>_high` for loss, the gain of every correction, and left.
    mean : DataFrame
        Per what: mean over the pairs, with its interval, and the share of the loss.
    """

    pairs: pd.DataFrame
    mean: pd.DataFrame


def split_loss(rows, datasets, build, progress, *, replicates=REPLICATES, seed=0):
    """Split the loss of every train/test pair.

    Parameters
    ----------
    rows : Rows
        With features.
    datasets : list of str
    build : callable
        Seed to an unfitted classifier with `predict_proba` for labels 0..k-1 and rows with NaN.
    progress : callable
        Called as progress(stage, done, total).
    replicates, seed : int
        Of the bootstrap; the seed is also the model's.

    Returns
    -------
    Loss
    """
    probabilities, facts, steps = {}, [], len(datasets) * 2
    for step, source in enumerate(datasets):
        progress("loss between datasets", step, steps)
        head = rows.classes(source)
        if len(head) < 2:
            continue
        at = np.flatnonzero(rows.of(source) & np.isin(rows.label, head))
        fitted = build(seed).fit(rows.values[at], np.searchsorted(head, rows.label[at]))
        for target in datasets:
            shared = rows.shared(source, target)
            if target != source and len(shared) >= 2:
                found, fact = _corrected(rows, fitted, head, source, target, shared)
                probabilities[source, target] = found
                facts.append(fact)
    own = {}
    for step, target in enumerate(datasets):
        progress("loss between datasets", len(datasets) + step, steps)
        if any(target == test for _, test in probabilities):
            own[target] = _within(rows, target, build, seed)
    progress("loss between datasets", steps, steps)
    return _summary(rows, probabilities, own, pd.DataFrame(facts), replicates, seed)


def _corrected(rows, fitted, head, source, target, shared):
    """Answers for the target's images under every correction, and what is known of the pair."""
    columns = [head.index(name) for name in shared]
    inside = rows.of(target) & np.isin(rows.label, shared)
    at, own = np.flatnonzero(inside), np.flatnonzero(rows.of(source) & np.isin(rows.label, shared))
    label = rows.label[at]
    reference = rows.values[own], rows.label[own], shared
    changed, factor = corrected(rows.values[at], label, *reference, rows.features)
    changed[AS_IT_IS] = rows.values[at]
    found = {name: fitted.predict_proba(table)[:, columns] for name, table in changed.items()}
    found[PRIOR] = found[AS_IT_IS] * [np.mean(label == name) for name in shared]
    called = {name: np.array(shared)[table.argmax(1)] for name, table in found.items()}
    fact = {"train": source, "test": target, "n": len(at), "classes": " ".join(shared), "magnification": factor}
    fact |= {name: float(np.mean(called[what] == label)) for name, what in ACCURACIES.items()}
    return called, fact


def _within(rows, target, build, seed):
    """Out-of-fold probabilities for the target's images from a model of its own."""
    head = rows.classes(target)
    at = np.flatnonzero(rows.of(target) & np.isin(rows.label, head))
    codes, probabilities = np.searchsorted(head, rows.label[at]), np.zeros((len(rows.label), len(head)))
    for train, test in folds(rows.label[at], rows.cluster[at], seed):
        probabilities[at[test]] = (
            build(seed).fit(rows.values[at[train]], codes[train]).predict_proba(rows.values[at[test]])
        )
    return head, probabilities


def _summary(rows, called, own, facts, replicates, seed):
    """Scores and gains of all pairs, with intervals from one paired bootstrap."""
    if facts.empty:
        return Loss(facts, pd.DataFrame(columns=["what", "mean", "low", "high", "share_of_loss"]))
    targets = {}
    for target, (head, probabilities) in own.items():
        at = np.flatnonzero(rows.of(target))
        targets[target] = Target(rows.label[at], rows.cluster[at])
        for (source, test), answers in called.items():
            if test != target:
                continue
            shared = rows.shared(source, target)
            inside = np.flatnonzero(np.isin(rows.label[at], shared))
            answers = answers | {
                WITHIN: np.array(shared)[probabilities[at[inside]][:, [head.index(c) for c in shared]].argmax(1)]
            }
            true, every = np.searchsorted(shared, rows.label[at[inside]]), np.arange(len(shared))
            for name, answer in answers.items():
                found = Answers(true, None, tuple(shared), every, called=np.searchsorted(shared, answer))
                targets[target].add((source, name), inside, found)
    scores = bootstrap(targets, replicates=replicates, seed=seed)
    return Loss(_pairs(scores, facts), _mean(scores))


def _differences():
    """What is reported, as (name, what, minus what)."""
    return [
        ("loss", WITHIN, AS_IT_IS),
        *((name, name, AS_IT_IS) for name in ORDER),
        ("left", WITHIN, ALL),
    ]


def _pairs(scores, facts):
    where = {key: position for position, key in enumerate(scores.keys)}
    table = facts.copy()
    for name, what in (("as_it_is", AS_IT_IS), ("within", WITHIN)):
        table[name] = [scores.point[where[p.train, p.test, what]] for p in facts.itertuples()]
    for name, plus, minus in _differences():
        found = []
        for pair in facts.itertuples():
            weights = np.zeros(len(where))
            weights[where[pair.train, pair.test, plus]] = 1
            weights[where[pair.train, pair.test, minus]] -= 1
            found.append(scores.interval(weights))
        table[[name, f"{name}_low", f"{name}_high"]] = np.array(found)
    return table


def _mean(scores):
    what = scores.keys.get_level_values("model")
    plain = [(name, scores.weights(what == key)) for name, key in (("within", WITHIN), ("as it is", AS_IT_IS))]
    gains = [(name, scores.weights(what == a) - scores.weights(what == b)) for name, a, b in _differences()]
    table = pd.DataFrame(
        [(name, *scores.interval(weights)) for name, weights in plain + gains],
        columns=["what", "mean", "low", "high"],
    )
    loss = table.loc[table["what"] == "loss", "mean"].iloc[0]
    share = np.where(table["what"].isin([*ORDER, "left"]), table["mean"] / loss if loss else np.nan, np.nan)
    return table.assign(share_of_loss=share)

"""How many unlabelled cells of a laboratory adaptation needs, and whether their classes must come as in the others.

    python benchmarks/adaptation.py --data ../shared/data

Each target is cut into five. What is said of a fifth comes from a model that has adapted to cells of the other four, so
that all cells are scored, and none has adapted the model that it is scored by. Transductive: no labels of the target
are used, but some of its pictures are. A model adapts by self-training, or by the frequencies of classes alone, which
expectation maximisation finds from its own probabilities (Saerens 2002, doi 10.1162/089976602753284446).
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from leukobench.cache import TableCache
from leukobench.datasets import build_index, find_data_root
from leukobench.metrics.scoring import answers_of
from leukobench.metrics.statistics import bootstrap
from leukobench.metrics.target import Target
from leukobench.models import get_model
from leukobench.models.tables import themselves
from leukobench.running.computing import compute_missing
from leukobench.running.folds import group_ids
from leukobench.running.representations import load_rows
from leukobench.running.samples import select_samples
from leukobench.running.suite import load_suite
from leukobench.running.tuning import Fitted

MODEL = "vote@augmented+self_training"
FIFTH = 5
COMMON, LACKING = "NE", "LY"  # the classes that another mix has four of five of, or none


def any_of(number):
    """Takes so many cells, of whichever classes; all where there are fewer."""
    return lambda classes, rng: rng.permutation(len(classes))[:number]


def of_another_mix(number):
    """Takes so many cells, four of five of one class."""

    def choose(classes, rng):
        order = rng.permutation(len(classes))
        common = order[classes[order] == COMMON][: number * 4 // 5]
        return np.append(common, order[classes[order] != COMMON][: len(common) // 4])

    return choose


def of_all_classes_but_one(number):
    """Takes so many cells, none of one class."""

    def choose(classes, rng):
        order = rng.permutation(len(classes))
        return order[classes[order] != LACKING][:number]

    return choose


CHOICES = {
    "10 cells": any_of(10),
    "50 cells": any_of(50),
    "200 cells": any_of(200),
    "all of four fifths": any_of(10**9),
    "50 cells, four of five neutrophils": of_another_mix(50),
    "50 cells, no lymphocyte": of_all_classes_but_one(50),
}


FREQUENCIES = "frequencies of classes, by all of four fifths"
STEPS, LEAST = 100, 1e-3  # of expectation maximisation; what a class has at least, which may be there all the same


def frequencies(probabilities):
    """How often the classes come in a target, by the probabilities of a model for which all are as frequent.

    Parameters
    ----------
    probabilities : array, shape (n, k)
        Of unlabelled cells of the target.

    Returns
    -------
    array, shape (k,)
    """
    found = np.full(probabilities.shape[1], 1 / probabilities.shape[1])
    for _ in range(STEPS):
        weighted = probabilities * found
        found = np.maximum((weighted / weighted.sum(1, keepdims=True)).mean(0), LEAST)
    return found / found.sum()


def answers(model, rows, classes, seed, choices=CHOICES):
    """Probabilities of all cells of a target, by each choice of the cells that are adapted to."""
    plain = model.estimator_.predict_proba(rows)
    given = {"no cells": plain} | {name: np.empty_like(plain) for name in (*choices, FREQUENCIES)}
    folds = StratifiedKFold(FIFTH, shuffle=True, random_state=seed)
    for others, scored in folds.split(rows, classes):
        weighted = plain[scored] * frequencies(plain[others])
        given[FREQUENCIES][scored] = weighted / weighted.sum(1, keepdims=True)
        for name, choose in choices.items():
            cells = others[choose(classes[others], np.random.default_rng((seed, scored[0])))]
            given[name][scored] = model.adapted(rows[cells]).predict_proba(rows[scored])
    return given


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--source", default="barcelona")
    parser.add_argument("--seeds", type=int, default=1, help="cuts of each target, whose mean counts")
    parser.add_argument("--out", type=Path, default=Path("results/abroad"))
    options = parser.parse_args()
    # Of three basophils, two fifths have none: that is as it should be.
    warnings.filterwarnings("ignore", message="The least populated class")
    root, suite = find_data_root(options.data), load_suite("worlds", models=[MODEL])
    samples = select_samples(build_index(root, names=list(suite.datasets)), suite)
    recipe, tables = get_model(MODEL), TableCache()
    compute_missing([recipe.representation], samples, root, cache=tables)
    rows = load_rows(recipe.representation, samples, tables)
    classes, datasets = (samples[name].to_numpy(str) for name in ("class", "dataset"))
    own = datasets == options.source
    targets = {}
    with threadpool_limits(1):
        fitted = Fitted(recipe, dict(recipe.defaults), 0, rows[own], classes[own], datasets[own])
        for test in np.unique(datasets[~own]):
            theirs, labels = themselves(rows[datasets == test]), classes[datasets == test]
            target = targets[test] = Target(labels, group_ids(samples[datasets == test]))
            for seed in range(options.seeds):
                for name, given in answers(fitted.estimator, theirs, labels, seed).items():
                    codes = np.searchsorted(fitted.classes, labels)
                    target.add((name, MODEL), np.arange(len(labels)), answers_of(codes, given, fitted.classes))
            print(test, flush=True)
    scores = bootstrap(targets)
    table = figures(scores, ["no cells", *CHOICES, FREQUENCIES], [*targets])
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "adaptation.csv", index=False)
    print(table.to_string(index=False))


def figures(scores, choices, targets, those=True):
    """Each choice's mean over targets, and each target, with the gain over adapting to no cells; of those scores."""
    trains, tests = (scores.keys.get_level_values(level) for level in ("train", "test"))
    found = []
    for choice in choices:
        for test in ("mean", *targets):
            among = those & ((tests == test) | (test == "mean"))
            mine, none = (scores.weights(among & (trains == name)) for name in (choice, "no cells"))
            score, gain = scores.interval(mine), scores.interval(mine - none)
            found.append((choice, test, *np.round([*score, *gain], 4)))
    return pd.DataFrame(found, columns=["adapted to", "test", "score", "low", "high", "gain", "gain_low", "gain_high"])


if __name__ == "__main__":
    main()

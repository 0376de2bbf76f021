"""Whom of an ensemble's members to trust where, learnt in simulated laboratories.

    python benchmarks/trust.py choose --data ../shared/data
    python benchmarks/trust.py score --data ../shared/data

Members are fitted to four fifths of Barcelona, once. Ways to combine their probabilities learn from half of the cells
in half of the simulated laboratories and answer for the other cells in the other laboratories, four times; for cells at
home and in real laboratories they learn from all. `choose` looks at simulated laboratories and at home alone. Splits
and scores are those of `benchmarks/abroad.py`; trust.csv.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from abroad import Bench, figures
from cloud import distances, spaces
from masked_tokens import CHOSEN, SOURCE, TARGETS, parts_of, take
from scipy.optimize import minimize, minimize_scalar
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from leukobench.datasets import find_data_root

VOTE, FUSED, OLDER = "vote@worlds", "fused:mobilenet_v2@worlds", "vote@augmented"
NETWORK = "finetune:mobilenet_v2[epochs=16,precision=float32]+worlds"
SHORT = {VOTE: "vote", FUSED: "fused", OLDER: "older vote", NETWORK: "M"}
TEAMS = ((VOTE, NETWORK), (FUSED, NETWORK), (VOTE, FUSED, NETWORK), (VOTE, OLDER, NETWORK))
CLOUDS = {VOTE: "features", OLDER: "features", FUSED: "MobileNetV2", NETWORK: "MobileNetV2"}
LEAST = 1e-4  # of a probability, so that its logarithm is told
RIDGE = 0.01  # on weights of classes, towards equal ones
STRENGTH = 0.1  # C of the logistic regression
SHOWN = 8


def loss(given, true):
    """Mean negative logarithm of what is told of the true class."""
    return -np.log(np.maximum(given[np.arange(len(true)), true], LEAST)).mean()


def cooled(given, temperature):
    """Probabilities at a temperature."""
    return softmax(np.log(np.maximum(given, LEAST)) / temperature, axis=-1)


def temperatures(given, true):
    """Of each member, by its own loss."""
    return [
        np.exp(minimize_scalar(lambda log, one=one: loss(cooled(one, np.exp(log)), true), bounds=(-2, 2)).x)
        for one in given
    ]


def best(loss_of, number):
    """Numbers of least loss, from nothing on."""
    return minimize(loss_of, np.zeros(number), method="L-BFGS-B").x


# Each way learns from probabilities (members, n, classes), distances to clouds (members, n) and true classes (n,), and
# gives what combines probabilities and distances.


def mean(given, far, true):
    """All alike."""
    return lambda given, far: given.mean(0)


def product(given, far, true):
    """Mean of logarithms, so that who is sure that it is not a class is heard."""
    return lambda given, far: softmax(np.log(np.maximum(given, LEAST)).mean(0), axis=-1)


def calibrated(given, far, true):
    """Each at its own temperature."""
    heat = np.reshape(temperatures(given, true), (-1, 1, 1))
    return lambda given, far: cooled(given, heat).mean(0)


def weighted(given, far, true):
    """Calibrated, one weight of each."""
    heat = np.reshape(temperatures(given, true), (-1, 1, 1))
    each = cooled(given, heat)
    found = best(lambda logs: loss(np.tensordot(softmax(logs), each, 1), true), len(given))
    return lambda given, far: np.tensordot(softmax(found), cooled(given, heat), 1)


def by_class(given, far, true):
    """Calibrated, a weight of each class of each."""
    heat = np.reshape(temperatures(given, true), (-1, 1, 1))
    each, shape = cooled(given, heat), (len(given), 1, given.shape[2])

    def together(logs, each):
        """Weighted sums, brought to 1."""
        total = (np.exp(np.reshape(logs, shape)) * each).sum(0)
        return total / total.sum(1, keepdims=True)

    found = best(lambda logs: loss(together(logs, each), true) + RIDGE * np.square(logs).mean(), np.prod(shape))
    return lambda given, far: together(found, cooled(given, heat))


def by_distance(given, far, true):
    """Calibrated, less of whom the picture lies far from the cloud that it learnt from."""
    heat = np.reshape(temperatures(given, true), (-1, 1, 1))
    centre, spread = far.mean(1, keepdims=True), far.std(1, keepdims=True)
    each, place, number = cooled(given, heat), (far - centre) / spread, len(given)

    def together(numbers, each, place):
        """Weights of each picture, from a constant and a slope of each member."""
        weights = softmax(numbers[:number, None] - numbers[number:, None] * place, axis=0)
        return (weights[..., None] * each).sum(0)

    found = best(lambda numbers: loss(together(numbers, each, place), true), 2 * number)
    return lambda given, far: together(found, cooled(given, heat), (far - centre) / spread)


def stacked(given, far, true):
    """Logistic regression on logarithms."""

    def columns(given):
        """Of all members beside one another."""
        return np.concatenate(np.log(np.maximum(given, LEAST)), axis=1)

    model = LogisticRegression(C=STRENGTH, max_iter=1000).fit(columns(given), true)
    return lambda given, far: model.predict_proba(columns(given))


WAYS = (mean, product, calibrated, weighted, by_class, by_distance, stacked)


def crossed(way, given, far, true, cells, worlds):
    """Answers in simulated laboratories, of cells and laboratories that were not learnt from."""
    parts = [np.unique(each, return_inverse=True)[1] % 2 for each in (cells, worlds)]
    answers = np.empty(given.shape[1:])
    for cell in (0, 1):
        for world in (0, 1):
            told = (parts[0] == cell) & (parts[1] == world)
            asked = (parts[0] != cell) & (parts[1] != world)
            answers[asked] = way(given[:, told], far[:, told], true[told])(given[:, asked], far[:, asked])
    return answers


def combined(team, given, far, true, scored):
    """Names of ways to combine a team, and their answers of each part."""
    each = {part: np.array([given[name, part] for name in team]) for part in scored}
    away = {part: np.log(np.array([far[CLOUDS[name]][part] for name in team])) for part in scored}
    cells, worlds = (scored["worlds"][name].to_numpy(str) for name in ("sha256", "condition"))
    for way in WAYS:
        learnt = way(each["worlds"], away["worlds"], true)
        answers = {part: learnt(each[part], away[part]) for part in scored}
        answers["worlds"] = crossed(way, each["worlds"], away["worlds"], true, cells, worlds)
        yield f"{', '.join(SHORT[name] for name in team)}: {way.__name__}", answers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=["choose", "score"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/abroad"))
    options = parser.parse_args()
    bench = Bench(find_data_root(options.data), [SOURCE, *TARGETS], 8)
    train, scored = parts_of(bench, SHOWN)
    if options.step == "choose":
        del scored["real"]
    head = sorted(set(train["class"]))
    given = {
        (name, part): bench.probabilities(name, train, some, {}) for name in SHORT for part, some in scored.items()
    }
    anyone, far = {part: np.zeros(len(some)) for part, some in scored.items()}, {}
    with threadpool_limits(1):
        for space, copies, tables in spaces(bench, train, scored):
            far[space] = distances(copies, np.zeros(len(train)), tables, anyone)
    true, targets, models = np.searchsorted(head, scored["worlds"]["class"]), {part: {} for part in scored}, []
    for team in TEAMS:
        for name, answers in combined(team, given, far, true, scored):
            models.append(name)
            for part, some in scored.items():
                take(targets[part], name, answers[part], head, some)
    table = pd.concat([figures(targets[part], models, CHOSEN[part]) for part in scored])
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "trust.csv", index=False)
    print(table.pivot(index="model", columns="figure", values="score").loc[models].to_string())
    print(table.pivot(index="model", columns="figure", values="gain").loc[models].to_string())


if __name__ == "__main__":
    main()

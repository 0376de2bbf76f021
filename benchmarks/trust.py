"""Whom of an ensemble's members to trust where, learnt in simulated laboratories.

    python benchmarks/trust.py choose --data ../shared/data
    python benchmarks/trust.py score --data ../shared/data

Members are fitted to four fifths of Barcelona, once. Ways to combine their probabilities learn from what members make
of the held-out cells that simulated laboratories do not show, in training laboratories where no member has seen them.
`choose` then asks in simulated laboratories and at home alone. Splits and scores are those of `benchmarks/abroad.py`;
trust.csv.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from abroad import Bench, figures
from cloud import distances, rows_in, spaces
from joblib import Parallel, cpu_count, delayed
from masked_tokens import CHOSEN, SOURCE, TARGETS, parts_of, take
from scipy.optimize import minimize, minimize_scalar
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from leukobench.datasets import find_data_root
from leukobench.imaging.io import read_image
from leukobench.inputs import locate
from leukobench.models import get_model
from leukobench.preparation.crops import seen_crops
from leukobench.preparation.views import Seen, apply_view, get_view

VOTE, FUSED, OLDER = "vote@worlds", "fused:mobilenet_v2@worlds", "vote@augmented"
NETWORK = "finetune:mobilenet_v2[epochs=16,precision=float32]+worlds"
SHORT = {VOTE: "vote", FUSED: "fused", OLDER: "older vote", NETWORK: "M"}
TEAMS = ((VOTE, NETWORK), (FUSED, NETWORK), (VOTE, FUSED, NETWORK), (VOTE, OLDER, NETWORK))
CLOUDS = {VOTE: "features", OLDER: "features", FUSED: "MobileNetV2", NETWORK: "MobileNetV2"}
LEAST = 1e-4  # of a probability, so that its logarithm is told
RIDGE = 0.01  # on weights of classes, towards equal ones
STRENGTH = 0.1  # C of the logistic regression
SHOWN = 8
COPIES = get_view("worlds").copies
LEARNT = "learnt"  # what ways to combine learn from


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


def combined(team, given, far, true, scored):
    """Names of ways to combine a team, and their answers of each part."""
    each = {part: np.array([given[name, part] for name in team]) for part in (LEARNT, *scored)}
    away = {part: np.log([far[CLOUDS[name]][part] for name in team]) for part in each}
    for way in WAYS:
        learnt = way(each[LEARNT], away[LEARNT], true)
        answers = {part: learnt(each[part], away[part]) for part in scored}
        yield f"{', '.join(SHORT[name] for name in team)}: {way.__name__}", answers


def copied(bench, name, samples):
    """Rows of the copies of images in training laboratories, as a member reads them."""
    recipe = get_model(name)
    if recipe.kind != "network":
        rows = bench.rows(recipe.representation.replace("augmented", "worlds"), samples)[:, 1:]
        return rows.reshape(-1, rows.shape[-1])
    images = Parallel(cpu_count())(delayed(crops)(bench.root, sample) for sample in samples.itertuples())
    return np.concatenate(images)


def crops(root, sample):
    """What a network reads of the copies of an image, whose pictures are those of other members."""
    seen = apply_view([read_image(locate(root, sample.path), sample.sha256)], get_view("worlds"), [sample.um_per_px])
    return seen_crops(Seen(*(each[1:] for each in seen)))


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
    own = scored["own"]
    unshown = own[~own["sha256"].isin(scored["worlds"]["sha256"])].reset_index(drop=True)
    for name in SHORT:
        model = bench.fitted(get_model(name).with_training(epochs=bench.epochs), 0, train)
        given[name, LEARNT] = model.predict_proba(copied(bench, name, unshown), head)
    anyone, far = {part: np.zeros(len(some)) for part, some in scored.items()}, {}
    with threadpool_limits(1):
        for space, copies, tables in spaces(bench, train, scored):
            tables[LEARNT] = rows_in(bench, space, unshown)[:, 1:].reshape(-1, copies.shape[-1])
            anyone[LEARNT] = np.zeros(len(tables[LEARNT]))
            far[space] = distances(copies, np.zeros(len(train)), tables, anyone)
    true = np.repeat(np.searchsorted(head, unshown["class"]), COPIES)
    targets, models = {part: {} for part in scored}, []
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

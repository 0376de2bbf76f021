"""How often an interval holds the truth: the interval of the tables against others, on simulated answers.

    python benchmarks/intervals.py --out results/intervals

Cells lie on slides as in Raabin (one class on a single slide, one on sixteen), as in CVB and Munich (no slides known,
classes of 3 to 37 images), and as patients who have all classes. Whether an answer is right depends on the class, on
the slide and on chance. The truth is the mean over classes of the expected recall over all slides that there could be;
of a class with one slide alone, on that slide.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special, stats

from leukobench.metrics import Answers
from leukobench.metrics.drawing import draw_counts
from leukobench.metrics.statistics import Scores
from leukobench.metrics.target import Target
from leukobench.text import markdown_table

RAABIN = {  # slides with a class, as slide: images
    "BA": {0: 14, 1: 13, 2: 25, 3: 8},
    "EO": {4: 4, 5: 7, 6: 2, 7: 6, 8: 3, 9: 2, 10: 6, 11: 1, 12: 3, 13: 4, 14: 10, 15: 1, 16: 1, 17: 2, 18: 6, 19: 2},
    "LY": {5: 18, 6: 4, 7: 38},
    "MO": {20: 35, 21: 6, 22: 6, 23: 2, 24: 7, 19: 4},
    "NE": {15: 60},
}
UNKNOWN = {"CVB": (3, 12, 37, 15, 33), "Munich": (15, 15, 16, 16, 26)}
PATIENTS = 10
RECALLS = np.array([[0.9, 0.8, 0.95, 0.6, 0.85], [0.5, 0.3, 0.9, 0.7, 0.6], [0.97, 0.99, 0.95, 0.9, 0.98]])
# Standard deviations, in log odds, of slides and of slides within a class.
SPREADS = ((0.0, 0.0), (0.5, 0.5), (1.0, 0.5))
REPLICATES = 400
LEVEL = 0.95


def designs():
    """Name to (labels, clusters)."""
    found = {
        "Raabin": [(name, slide) for name, slides in RAABIN.items() for slide, n in slides.items() for _ in range(n)]
    }
    for dataset, sizes in UNKNOWN.items():
        labels = np.repeat(list(RAABIN), sizes)
        found[dataset] = list(zip(labels, range(len(labels)), strict=True))
    found["patients"] = [(name, patient) for patient in range(PATIENTS) for name in RAABIN for _ in range(4)]
    return {name: (np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])) for name, pairs in found.items()}


def simulate(labels, clusters, recalls, spreads, rng):
    """Which answers are right, and the truth."""
    codes = np.searchsorted(list(RAABIN), labels)
    odds = special.logit(recalls)
    slide, within = rng.normal(size=clusters.max() + 1), rng.normal(size=(clusters.max() + 1, len(recalls)))
    chance = special.expit(odds[codes] + spreads[0] * slide[clusters] + spreads[1] * within[clusters, codes])
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    truth = special.expit(odds[:, None] + np.hypot(*spreads) * nodes) @ weights / weights.sum()
    for c in range(len(recalls)):
        if len(np.unique(clusters[codes == c])) == 1 < np.sum(codes == c):
            truth[c] = chance[codes == c][0]
    return rng.random(len(labels)) < chance, truth.mean()


def target_of(labels, clusters, hit):
    """The target with the one classifier that is right where `hit` says so."""
    names, codes = np.unique(labels, return_inverse=True)
    target = Target(labels, clusters)
    called = np.where(hit, codes, (codes + 1) % len(names))
    target.add(
        ("source", "model"), np.arange(len(labels)), Answers(codes, None, tuple(names), np.arange(len(names)), called)
    )
    return target


def missing_classes(labels, clusters, hit, rng):
    """Clusters of all classes together; a class that was not drawn leaves the mean."""
    names, member = np.unique(clusters, return_inverse=True)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), REPLICATES)[:, member]
    return np.quantile(_recalls(labels, hit, counts), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])


def exponential(labels, clusters, hit, rng):
    """Exponential weights of the clusters (Bayesian bootstrap)."""
    weights = rng.exponential(size=(REPLICATES, clusters.max() + 1))[:, clusters]
    return np.quantile(_recalls(labels, hit, weights), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])


def _recalls(labels, hit, counts):
    recalls = []
    for name in np.unique(labels):
        own = labels == name
        size = counts[:, own].sum(axis=1)
        recalls.append(np.divide(counts[:, own] @ hit[own], size, out=np.full(len(size), np.nan), where=size > 0))
    return np.nanmean(recalls, axis=0)


def ours(labels, clusters, hit, rng):
    """Intervals from the draws of the package: of the tables, without Student's t, and by percentiles."""
    target = target_of(labels, clusters, hit)
    values = target.replicates(draw_counts(labels, clusters, REPLICATES, rng.integers(1 << 30)))
    point = target.replicates(np.ones((1, len(labels)), int))[0]
    keys = pd.MultiIndex.from_tuples([("source", "target", "model")], names=["train", "test", "model"])
    found = {
        "tables": Scores(keys, point, values, {"target": target.precision}),
        "tables, not in log odds": Scores(keys, point, values, {"target": target.precision}, bounds=(-np.inf, np.inf)),
        "tables, normal in place of t": Scores(keys, point, values, {"target": (1.0, np.inf)}),
    }
    intervals = {name: scores.interval(np.ones(1), LEVEL)[1:] for name, scores in found.items()}
    return intervals | {"within classes, percentiles": np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])}


def coverage(name, labels, clusters, spreads, simulations, seed):
    """Rows of the table for one design."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(simulations):
        hit, truth = simulate(labels, clusters, RECALLS[number % len(RECALLS)], spreads, rng)
        intervals = ours(labels, clusters, hit, rng) | {
            "all classes at once, percentiles": missing_classes(labels, clusters, hit, rng),
            "exponential weights, percentiles": exponential(labels, clusters, hit, rng),
        }
        rows += [
            (method, low <= truth <= high, truth > high, truth < low, high - low)
            for method, (low, high) in intervals.items()
        ]
    table = pd.DataFrame(rows, columns=["interval", "coverage", "truth above", "truth below", "width"])
    means = table.groupby("interval", sort=False).mean().reset_index()
    means.insert(0, "slides", [f"{spreads[0]:g} / {spreads[1]:g}"] * len(means))
    means.insert(0, "design", name)
    return means


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=Path("results/intervals"))
    options = parser.parse_args()
    tables = [
        coverage(name, labels, clusters, spreads, options.simulations, seed)
        for seed, (name, (labels, clusters)) in enumerate(designs().items())
        for spreads in (SPREADS if len(np.unique(clusters)) < len(clusters) else SPREADS[:1])
    ]
    table = pd.concat(tables, ignore_index=True)
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "coverage.csv", index=False, float_format="%.4f", lineterminator="\n")
    error = stats.norm.ppf(0.975) * np.sqrt(LEVEL * (1 - LEVEL) / options.simulations)
    wide = table.pivot(index=["design", "slides"], columns="interval", values="coverage")[table["interval"].unique()]
    text = f"Coverage of {LEVEL:.0%} intervals, {options.simulations} simulations each (+- {error:.3f})."
    page = f"# Intervals\n\n{text}\n\n{markdown_table(wide.map('{:.3f}'.format).reset_index())}\n"
    (options.out / "README.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()

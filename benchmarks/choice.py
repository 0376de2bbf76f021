"""How often the interval of a chosen model holds the truth, where it knows of the choice and where it does not.

    python benchmarks/choice.py --out results/intervals

Four laboratories train the same models. Of five heads on one frozen network the one counts that is best on its source's
own images, and its score on the other laboratories is asked for, alone and less that of a model without such a choice.
An image is hard or easy for all models, and so is a patient. The truth is the expectation, over images that there could
be, of the score of the head that is chosen; where one head is the best in truth, its score stands beside it.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from leukobench.metrics import Answers
from leukobench.metrics.catalogue import get_metric
from leukobench.metrics.statistics import LEVEL, bootstrap
from leukobench.metrics.target import Target
from leukobench.report.designs import make_field
from leukobench.text import markdown_table

LABORATORIES, CLASSES, PER_CLASS, PATIENTS = "abcd", ("BA", "EO", "LY", "MO", "NE"), 30, 10
HEADS, OTHER = [f"head {k}" for k in range(5)], "other"
ABROAD = dict(zip([*HEADS, OTHER], (0.45, 0.55, 0.60, 0.65, 0.75, 0.62), strict=True))
WITHIN = {  # of the heads, and of the other one
    "one head is best": (0.97, 0.85, 0.85, 0.85, 0.85, 0.90),
    "one head is slightly better": (0.93, 0.91, 0.91, 0.90, 0.90, 0.90),
    "all heads are equal": (0.90, 0.90, 0.90, 0.90, 0.90, 0.90),
    "all heads are equal, abroad also": (0.90, 0.90, 0.90, 0.90, 0.90, 0.90),
}
SPREADS = {"images": (1.0, 0.0), "patients": (1.0, 0.5)}  # of images and of patients, beside a model's own luck of 1
REPLICATES = 400


def recalls(case):
    """Chance of each model to be right, on its source and abroad."""
    abroad = dict.fromkeys(HEADS, 0.6) | {OTHER: ABROAD[OTHER]} if case.endswith("also") else ABROAD
    return dict(zip(ABROAD, WITHIN[case], strict=True)), abroad


def simulate(case, spreads, rng, replicates):
    """Bootstraps of the scores abroad and within, from the same draws, as a report makes them."""
    own, abroad = recalls(case)
    labels = np.repeat(CLASSES, PER_CLASS)
    codes, rows = np.repeat(np.arange(len(CLASSES)), PER_CLASS), np.arange(len(labels))
    clusters = rng.integers(PATIENTS, size=len(labels)) if spreads[1] else rows
    away, within = {}, {}
    scale = np.sqrt(1 + spreads[0] ** 2 + spreads[1] ** 2)
    for test in LABORATORIES:
        away[test], within[test] = Target(labels, clusters), Target(labels, clusters)
        ease = spreads[0] * rng.normal(size=len(labels)) + spreads[1] * rng.normal(size=len(labels))[clusters]
        for train in LABORATORIES:
            place, chances = (within, own) if train == test else (away, abroad)
            for model, chance in chances.items():
                hit = stats.norm.ppf(chance) * scale + ease + rng.normal(size=len(labels)) > 0
                called = np.where(hit, codes, (codes + 1) % len(CLASSES))
                answers = Answers(codes, None, CLASSES, np.arange(len(CLASSES)), called)
                place[test].add((train, model), rows, answers)
    drawn = {"replicates": replicates, "seed": int(rng.integers(1 << 30))}
    return bootstrap(away, **drawn), bootstrap(within, **drawn)


def intervals(scores, own):
    """The choice of each source, and (figure, method) to its interval."""
    field = make_field([*HEADS, OTHER], None, scores, own, get_metric("balanced_accuracy"))
    chosen, other = field.best([HEADS]), field.best([[OTHER]])
    picks = field.own[:, : len(HEADS)].argmax(axis=1)
    taken = {(source, HEADS[k]) for source, k in zip(LABORATORIES, picks, strict=True)}
    given = scores.weights([(train, model) in taken for train, _, model in scores.keys])
    against = scores.weights(scores.keys.get_level_values("model") == OTHER)
    return picks, {
        ("score", "knows of the choice"): field.interval(chosen),
        ("score", "choice as given"): scores.interval(given),
        ("difference", "knows of the choice"): field.interval(chosen, other),
        ("difference", "choice as given"): scores.interval(given - against),
    }


def coverage(case, spread, simulations, seed, replicates=REPLICATES):
    """Rows of the table for one case."""
    rng, abroad = np.random.default_rng(seed), recalls(case)[1]
    found, expected = [], []
    for _ in range(simulations):
        picks, each = intervals(*simulate(case, SPREADS[spread], rng, replicates))
        expected.append(np.mean([abroad[HEADS[k]] for k in picks]))
        found += [(*key, *interval) for key, interval in each.items()]
    table = pd.DataFrame(found, columns=["figure", "interval", "estimate", "low", "high"])
    within = WITHIN[case][: len(HEADS)]
    truths = {"truth": np.mean(expected), "best": abroad[HEADS[0]] if max(within) > min(within) else np.nan}
    for name, truth in truths.items():
        truth = truth - abroad[OTHER] * (table["figure"] == "difference")
        table[name] = truth
        table[f"holds {name}"] = ((table["low"] <= truth) & (truth <= table["high"])).astype(float).where(truth.notna())
    table["width"] = table["high"] - table["low"]
    groups = table.drop(columns=["low", "high"]).groupby(["figure", "interval"], sort=False)
    means = groups.mean()
    means["needed"] = 2 * stats.norm.ppf((1 + LEVEL) / 2) * groups["estimate"].std()
    means = means.reset_index()
    return means.assign(within=case, drawn=spread)[["within", "drawn", *means.columns]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("results/intervals"))
    options = parser.parse_args()
    cases = [(case, spread) for case in WITHIN for spread in SPREADS]
    table = pd.concat(
        [coverage(*case, options.simulations, seed) for seed, case in enumerate(cases)], ignore_index=True
    )
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "choice.csv", index=False, float_format="%.4f", lineterminator="\n")
    (options.out / "choice.md").write_text(page(table, options.simulations), encoding="utf-8")
    print(page(table, options.simulations))


def page(table, simulations):
    """The table as Markdown."""
    error = stats.norm.ppf(0.975) * np.sqrt(LEVEL * (1 - LEVEL) / simulations)
    text = (
        f"Coverage of {LEVEL:.0%} intervals, {simulations} simulations each (+- {error:.3f}); needed is the width\n"
        "that the spread of the estimates over the simulations asks for."
    )
    numbers = table.select_dtypes("number").columns
    shown = table.assign(**{name: table[name].map("{:.3f}".format).replace("nan", "") for name in numbers})
    about = __doc__.split("results/intervals")[1].strip()
    return f"# Intervals of a chosen model\n\n{about}\n\n{text}\n\n{markdown_table(shown)}\n"


if __name__ == "__main__":
    main()

"""What each step towards transfer is worth, from a finished run of the suite `transfer`.

    leukobench run --suite transfer --data ../shared/data --out results/runs/transfer
    python benchmarks/transfer.py results/runs/transfer --out results/transfer

writes ablation.md and ablation.csv: mean balanced accuracy within, out of domain (all pairs) and leaving one dataset
out, from one source to each target, and the paired difference to a reference model, with 95 % bootstrap intervals.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from leukobench.metrics.statistics import bootstrap
from leukobench.report.cells import score_cells
from leukobench.report.reader import read_run
from leukobench.text import markdown_table

MEANS = {"within": "within", "pairwise": "out of domain", "lodo": "leave one out"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="run folder of the suite transfer")
    parser.add_argument("--out", type=Path, default=Path("results/transfer"))
    parser.add_argument("--source", default="barcelona")
    parser.add_argument("--reference", default="vote@augmented", help="model that differences are taken to")
    options = parser.parse_args()
    run = read_run(options.folder)
    models = list(dict.fromkeys(record["model"] for record in run.records))
    scores = {protocol: _scores(run, protocol) for protocol in MEANS}
    table = pd.DataFrame({"model": models}).set_index("model")
    for protocol, name in MEANS.items():
        add(table, name, scores[protocol], options.reference)
    fixed = scores["pairwise"].keys.get_level_values("train") == options.source
    add(table, f"{options.source} to others", scores["pairwise"], options.reference, fixed)
    within = scores["within"].keys.get_level_values("train") == options.source
    add(table, f"{options.source} within", scores["within"], options.reference, within)
    for target in sorted(set(scores["pairwise"].keys.get_level_values("test")) - {options.source}):
        add(table, f"to {target}", scores["pairwise"], options.reference, fixed & _is(scores["pairwise"], test=target))
    for target in sorted(set(scores["lodo"].keys.get_level_values("test"))):
        add(table, f"all to {target}", scores["lodo"], options.reference, _is(scores["lodo"], test=target))
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "ablation.csv", float_format="%.6f")
    text = page(table, run, options)
    (options.out / "ablation.md").write_text(text, encoding="utf-8")
    print(text)


def _scores(run, protocol):
    scored = score_cells(run, protocol)
    return bootstrap(scored.targets)


def _is(scores, **levels):
    return np.logical_and.reduce([scores.keys.get_level_values(key) == value for key, value in levels.items()])


def add(table, name, scores, reference, among=True):
    """Columns of one mean: the value and its interval, the difference to the reference and its interval."""
    base = scores.weights(_is(scores, model=reference) & among)
    for model in table.index:
        weights = scores.weights(_is(scores, model=model) & among)
        found, difference = scores.interval(weights), scores.interval(weights - base)
        for suffix, value in zip(("", " low", " high"), found, strict=True):
            table.loc[model, f"{name}{suffix}"] = value
        for suffix, value in zip((" d", " d low", " d high"), difference, strict=True):
            table.loc[model, f"{name}{suffix}"] = value


def page(table, run, options):
    suite = run.suite
    transductive = {record["model"] for record in run.records if record["transductive"]}
    names = [
        name.removesuffix(" low") for name in table.columns if name.endswith(" low") and not name.endswith("d low")
    ]
    means = [name for name in names if " to " not in f" {name}" or name.endswith(" to others")]
    targets = [name for name in names if name not in means]
    facts = json.loads((options.folder / "environment.json").read_text())
    lines = [
        "# What each step towards transfer is worth",
        "",
        f"Suite {suite['name']}, level {suite['level']}, budget {suite['budget']['name']}, seeds {suite['seeds']}.",
        "Balanced accuracy, shared scoring, classes with five or more test images; means over train x test. In",
        "brackets 95 % intervals, a bootstrap over test images that says nothing about laboratories that are not here.",
        f"Differences are paired, image by image, to `{options.reference}`. Models marked * saw unlabelled target",
        "images.",
        f"Version {facts['leukobench']}, commit {facts['commit'][:12]}, {facts['processor']}, {facts['cores']} cores.",
        "",
    ]
    rows = [
        [_named(model, transductive)] + [f"{row[n]:.3f} [{row[f'{n} low']:.3f}, {row[f'{n} high']:.3f}]" for n in means]
        for model, row in table.iterrows()
    ]
    lines += [markdown_table(pd.DataFrame(rows, columns=["model", *means])), "", "## Paired differences", ""]
    rows = [
        [_named(model, transductive)]
        + [f"{row[f'{n} d']:+.3f} [{row[f'{n} d low']:+.3f}, {row[f'{n} d high']:+.3f}]" for n in means]
        for model, row in table.iterrows()
        if model != options.reference
    ]
    lines += [markdown_table(pd.DataFrame(rows, columns=["model", *means])), "", "## By target", ""]
    rows = [[_named(model, transductive)] + [f"{row[n]:.3f}" for n in targets] for model, row in table.iterrows()]
    return "\n".join([*lines, markdown_table(pd.DataFrame(rows, columns=["model", *targets]))]) + "\n"


def _named(model, transductive):
    return model + (" *" if model in transductive else "")


if __name__ == "__main__":
    main()

"""Published comparisons across laboratories, run here: ours beside theirs, and what cannot be compared.

    python benchmarks/reproduce sada bc-sam --data ../shared/data --out results/reproduce

Each is a TOML file beside this one. What is there of its data is run; what is not is named, and stays owed.
"""

import argparse
import dataclasses
from pathlib import Path

import pandas as pd

from leukobench.datasets import build_index, find_data_root, present_datasets
from leukobench.datasets.added import with_folders
from leukobench.datasets.registry import DATASETS
from leukobench.inputs import read_toml
from leukobench.models import get_model
from leukobench.models.catalogue import describe
from leukobench.report import write_report
from leukobench.running.protocols import Protocol, register
from leukobench.running.runner import run
from leukobench.running.suite import load_suite
from leukobench.text import from_csv, markdown_table

TABLES = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}
TITLES = {"deployed_accuracy": "accuracy over all images, as deployed"}


def main():
    parser = argparse.ArgumentParser(prog="reproduce", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(TABLES)}; default: all")
    parser.add_argument("--data", help="data root")
    parser.add_argument("--runs", type=Path, default=Path("results/runs/reproduce"), help="where run folders go")
    parser.add_argument("--out", type=Path, default=Path("results/reproduce"))
    parser.add_argument("--models", help="in place of those of the file, comma-separated")
    options = parser.parse_args()
    root = find_data_root(options.data)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or TABLES:
        told = read_toml(TABLES[name])
        told["models"] = options.models.split(",") if options.models else told["models"]
        table, notes = reproduce(name, told, root, options.runs / name)
        table.to_csv(options.out / f"{name}.csv", index=False, float_format="%.4f")
        text = page(name, told, table, notes)
        (options.out / f"{name}.md").write_text(text, encoding="utf-8")
        print(text)


def reproduce(name, told, root, folder):
    """Run what can be run of a comparison.

    Parameters
    ----------
    name : str
    told : dict
        Content of its file.
    root : path-like
        The data root.
    folder : path-like
        The run folder; what it holds is kept.

    Returns
    -------
    table : DataFrame
        A row per model, theirs and ours, source, target and metric: `who`, `model`, `train`, `test`, `metric`, `score`,
        and `data`: of ours what is not there of the images that theirs were made of, empty where all is.
    notes : list of str
        What cannot be compared, and why.
    """
    texts = [f"{each}={root / path}" for each, path in told.get("folders", {}).items() if (root / path).is_dir()]
    with with_folders(root, texts) as (joined, added):
        here = [each for each in told["datasets"] if each in {*present_datasets(joined), *added}]
        lacking = [each for each in told["datasets"] if each not in here]
        notes = [f"owed, for lack of the data: {', '.join(lacking)}"] if lacking else []
        protocols = told.get("protocols") or [registered(name, told["fits"]).name]
        reasons = {model: describe(get_model(model))["missing"] for model in told["models"]}
        notes += [f"owed: {model} ({reason})" for model, reason in reasons.items() if reason]
        models = [model for model, reason in reasons.items() if not reason]
        suite = load_suite(
            told.get("suite", "cross-dataset"),
            datasets=here,
            models=models,
            protocols=protocols,
            seeds=[0],
            level=told["level"],
        )
        suite = dataclasses.replace(suite, name=name, description=told["title"])
        if not protocols_have_fits(protocols, told, here):
            return published(told).assign(data=""), [*notes, "nothing of it can be run here"]
        run(suite, joined, folder)
        counts = build_index(joined, names=here)["dataset"].value_counts()
    write_report(folder)
    table = pd.concat([published(told), ours(told, folder)], ignore_index=True)
    cut = parts(told, counts)
    return with_data(table, told, lacking, [*cut]), notes + [f"a part of the release: {each}" for each in cut.values()]


def protocols_have_fits(protocols, told, here):
    """Whether any fit is left of a comparison that lists its own."""
    return "fits" not in told or bool(fits_of(told["fits"], here))


def fits_of(fits, names):
    """The fits of a file with the datasets that are there."""
    kept = []
    for fit in fits:
        sources, targets = (tuple(each for each in fit[key] if each in names) for key in ("sources", "targets"))
        kept += [(fit["train"], sources, targets)] if sources and targets else []
    return kept


def registered(name, fits):
    """A protocol that makes the fits of a file."""
    called = "reproduce_" + name.replace("-", "_")
    return register(
        Protocol(called, called, "reproduced", f"By the split of {name}", lambda names: fits_of(fits, names), needs=2)
    )


def published(told):
    """Their figures."""
    rows = [
        ("theirs", each["model"], each.get("train", "-"), test, each.get("metric", told["metric"]), score)
        for each in told.get("published", [])
        for test, score in each["scores"].items()
    ]
    return pd.DataFrame(rows, columns=["who", "model", "train", "test", "metric", "score"])


def ours(told, folder):
    """Our figures: of every metric that is asked for, and the mean over targets that are away from their source."""
    cells = from_csv(pd.read_csv(folder / "cells.csv"))
    metrics = [told["metric"], *told.get("beside", [])]
    table = cells.melt(["model", "train", "test"], metrics, "metric", "score").dropna(subset="score")
    away = table[table["train"] != table["test"]]
    means = away.groupby(["model", "metric"], as_index=False, sort=False)["score"].mean().assign(train="-", test="mean")
    table = pd.concat([table, means], ignore_index=True) if away["test"].nunique() > 1 else table
    return table.assign(who="ours")[["who", "model", "train", "test", "metric", "score"]]


def parts(told, counts):
    """Datasets of which not all is there, each with how much is."""
    full = {name: DATASETS[name].card.total for name in counts.index if name in DATASETS} | told.get("full", {})
    return {
        name: f"{name}, {n:,} of {full[name]:,} images"
        for name, n in counts.items()
        if full.get(name) and n < 0.98 * full[name]
    }


def with_data(table, told, lacking, cut):
    """The table with what its own datasets lack, row by row: a mean and a merged source are of all datasets."""
    sources = {fit["train"]: fit["sources"] for fit in told.get("fits", [])} | {
        name: [name] for name in told["datasets"]
    }

    def of(row):
        if row.who == "theirs":
            return ""
        used = [*sources.get(row.train, told["datasets"]), row.test]
        missing = [f"no {name}" for name in dict.fromkeys(used) if name in lacking]
        return ", ".join(missing + [f"a part of {name}" for name in dict.fromkeys(used) if name in cut])

    return table.assign(data=[of(row) for row in table.itertuples()])


def place_of(rows):
    """What a column of the comparison is called."""
    return (rows["train"] + " to " + rows["test"]).where(rows["train"] != "-", rows["test"])


def page(name, told, table, notes):
    """The comparison for people: a row per model, a column per source and target."""
    lines = [f"# {told['title']}", f"Source: {told['source']}. Made by `python benchmarks/reproduce {name}`."]
    for metric, rows in table.groupby("metric", sort=False):
        rows = rows.assign(place=place_of(rows))
        wide = rows.pivot_table("score", ["who", "model"], "place", sort=False)
        wide = wide.map(lambda score: "-" if pd.isna(score) else f"{score:.3f}").reset_index()
        lines += [
            f"{metric.replace('deployed_accuracy', 'accuracy, as deployed').replace('_', ' ')}:",
            markdown_table(wide),
        ]
    own = table[table["who"] == "ours"].assign(place=place_of).drop_duplicates("place")
    if len(own):
        lines += [
            "What each of ours was made of:",
            markdown_table(own[["place", "data"]].replace({"data": {"": "all"}})),
        ]
    verdict = "Not comparable, figure by figure:" if notes or told["differs"] else "Comparable."
    lines += [verdict, "\n".join(f"- {note}" for note in [*notes, *told["differs"]])]
    return "\n\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

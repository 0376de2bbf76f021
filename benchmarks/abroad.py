"""Choose a model for laboratories that nobody has seen by simulated ones, and score it in real ones afterwards.

    python benchmarks/abroad.py --data ../shared/data --models 'vote@worlds,ensemble:"vote@worlds,lenet"'
    python benchmarks/abroad.py --data ../shared/data --models ... --targets raabin,munich,cvb,jiangxi

Each model, and each member of an ensemble, is fitted once to four fifths of the source; copies of the held-out fifth in
simulated laboratories that no model trained in give worlds.csv, other datasets give targets.csv. Members of an ensemble
have the same seed wherever they stand, so that what an average gives is told by the same fits.
"""

import argparse
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from leukobench.cache import TableCache, cache_folder
from leukobench.datasets import build_index, find_data_root
from leukobench.files import content_hash
from leukobench.metrics import Answers
from leukobench.metrics.statistics import bootstrap
from leukobench.metrics.target import Target
from leukobench.models import get_model
from leukobench.models.ensemble import Build
from leukobench.models.identity import recipe_hash
from leukobench.running.computing import compute_missing
from leukobench.running.folds import group_ids
from leukobench.running.plan import select_samples
from leukobench.running.protocols import PROTOCOLS
from leukobench.running.representations import load_rows, representation_key
from leukobench.running.setting import Setting
from leukobench.running.splits import shown_samples
from leukobench.running.suite import load_suite
from leukobench.running.tuning import Fitted
from leukobench.text import split_outside

FIFTH = 5
LEAST = 5  # images of a class that counts in a mean


class Bench:
    """Rows, fits and probabilities of models of one source, each made once."""

    def __init__(self, root, source, names, epochs):
        self.root, self.epochs, self.tables = root, epochs, TableCache()
        suite = load_suite("cross-dataset", datasets=[source, *names], models=["vote"], level="L5")
        samples = select_samples(build_index(root, names=list(suite.datasets)), suite)
        self.source = samples[samples["dataset"] == source].reset_index(drop=True)
        self.targets = {name: samples[samples["dataset"] == name].reset_index(drop=True) for name in names}
        self.head = sorted(set(self.source["class"]))
        classes = self.source["class"].to_numpy(str)
        folds = StratifiedGroupKFold(FIFTH, shuffle=True, random_state=0)
        self.train, held_out = next(folds.split(classes, classes, group_ids(self.source)))
        self.held_out = self.source.iloc[held_out].reset_index(drop=True)

    def rows(self, name, samples):
        compute_missing([name], samples, self.root, cache=self.tables)
        return load_rows(name, samples, self.tables)

    def fitted(self, recipe):
        """The fit of a model, and its seconds."""
        key = [recipe.name, recipe_hash(recipe), representation_key(recipe.representation)]
        key += self.source["sha256"].tolist()
        path = cache_folder() / "abroad" / f"{content_hash(key)}.joblib"
        if not path.exists():
            rows, own = self.rows(recipe.representation, self.source)[self.train], self.source.iloc[self.train]
            told = own["class"].to_numpy(str), own["dataset"].to_numpy(str)
            start = time.perf_counter()
            with threadpool_limits(1):
                made = Fitted(recipe, dict(recipe.defaults), 0, rows, *told, groups=group_ids(own))
            path.parent.mkdir(parents=True, exist_ok=True)
            joblib.dump((made, time.perf_counter() - start), path)
        return joblib.load(path)

    def probabilities(self, name, samples, known):
        """Of a model, or the mean of those of the members of an ensemble; `known` keeps them by name."""
        recipe = get_model(name).with_epochs(self.epochs)
        if isinstance(recipe.build, Build):
            return np.mean([self.probabilities(each.name, samples, known) for each in recipe.build.members], axis=0)
        if name not in known:
            rows = self.rows(recipe.representation, samples)
            known[name] = self.fitted(recipe)[0].predict_proba(rows, self.head)
        return known[name]


def scored(bench, models, samples):
    """Balanced accuracy of models on every target that samples name, as the bootstrap of all of them."""
    known = {}
    given = {name: bench.probabilities(name, samples, known) for name in models}
    targets = {}
    for test, at in samples.groupby("test", sort=False).indices.items():
        own = samples.iloc[at]
        true, clusters = own["class"].to_numpy(str), group_ids(own)
        labels = [*bench.head, *sorted({*true} - {*bench.head})]
        codes = np.array([labels.index(each) for each in true])
        averaged = np.flatnonzero(np.bincount(codes, minlength=len(labels)) >= LEAST)
        targets[test] = Target(true, clusters)
        for name, probabilities in given.items():
            answers = Answers(codes, probabilities[at], tuple(labels), averaged)
            targets[test].add(("source", name), np.arange(len(own)), answers)
    return bootstrap(dict(sorted(targets.items())))


def means(scores, models, groups):
    """One row of each model: its mean over the targets of each group, with the interval; groups may depend on it."""
    tests, names = (scores.keys.get_level_values(name) for name in ("test", "model"))
    rows = []
    for model in models:
        row, points = {"model": model}, pd.Series(scores.point, tests)[names == model]
        for group, choose in groups.items():
            found = scores.interval(scores.weights(np.isin(tests, choose(points)) & (names == model)))
            row |= dict(zip((group, f"{group}_low", f"{group}_high"), np.round(found, 4), strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--source", default="barcelona")
    parser.add_argument("--models", required=True, help="names with commas between them")
    parser.add_argument("--targets", default="", help="datasets; none scores simulated laboratories")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--shown", type=int, default=8, help="cells of a class in each simulated laboratory")
    parser.add_argument("--out", type=Path, default=Path("results/abroad"))
    options = parser.parse_args()
    models = [get_model(name).name for name in split_outside(options.models, ",")]
    names = [name for name in options.targets.split(",") if name]
    bench = Bench(find_data_root(options.data), options.source, names, options.epochs)
    options.out.mkdir(parents=True, exist_ok=True)
    if names:
        samples = pd.concat(bench.targets.values(), ignore_index=True)
        samples = samples.assign(test=samples["dataset"], condition="")
        groups = {"mean": lambda points: points.index} | {n: lambda points, n=n: [n] for n in names}
        table = means(scored(bench, models, samples), models, groups)
        table["worst"] = table[names].min(axis=1)
        table.to_csv(options.out / "targets.csv", index=False)
    else:
        setting = Setting("within", conditions=PROTOCOLS["worlds"].setting.conditions, shown=options.shown)
        samples = shown_samples(bench.held_out, setting)
        own = bench.held_out.assign(test=options.source, condition="")
        worlds = {
            "worlds": lambda points: points.index,
            "worst_tenth": lambda points: points.sort_values().index[: len(points) // 10],
        }
        table = means(scored(bench, models, samples), models, worlds)
        table = table.merge(means(scored(bench, models, own), models, {"own": lambda points: points.index}), on="model")
        table.to_csv(options.out / "worlds.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()

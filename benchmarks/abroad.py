"""Choose a model for laboratories that nobody has seen by simulated ones, and score it in real ones afterwards.

    python benchmarks/abroad.py --data ../shared/data --models 'vote@worlds,ensemble:"vote@worlds,lenet"'
    python benchmarks/abroad.py --data ../shared/data --models ... --targets raabin,munich,cvb,jiangxi
    python benchmarks/abroad.py --data ../shared/data --models ... --unusual
    python benchmarks/abroad.py --data ../shared/data --models ... --protocols lodo,pairwise

Each model, and each member of an ensemble, is fitted once to four fifths of the source; copies of the held-out fifth in
simulated laboratories that no model trained in give worlds.csv, other datasets give targets.csv. With `--unusual` the
fifth is no draw but the least usual cells of each class, by size and shape (unusual.csv). With protocols, the fits are
those of the suite cross-dataset, to whole datasets, and give everywhere.csv. The first member of a name in an ensemble
has the seed (0), the second the next one, wherever they stand, so that what an average gives is told by the same fits;
a fit that is done is not done again.
"""

import argparse
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from leukobench.cache import TableCache, cache_folder
from leukobench.datasets import build_index, find_data_root
from leukobench.features import feature_names
from leukobench.files import content_hash
from leukobench.metrics.scoring import MIN_TEST_IMAGES, answers_of
from leukobench.metrics.statistics import bootstrap
from leukobench.metrics.target import Target
from leukobench.models import get_model
from leukobench.models.ensemble import Build
from leukobench.models.identity import recipe_hash
from leukobench.running.computing import compute_missing
from leukobench.running.folds import group_ids
from leukobench.running.plan import head_of
from leukobench.running.protocols import PROTOCOLS
from leukobench.running.representations import load_rows, representation_key
from leukobench.running.samples import select_samples
from leukobench.running.setting import Setting
from leukobench.running.splits import shown_samples
from leukobench.running.suite import load_suite
from leukobench.running.tuning import Fitted
from leukobench.text import split_outside

FIFTH = 5
SHAPE = ("cell_area", "nc_area_ratio", "nucleus_solidity", "nucleus_circularity")


class Bench:
    """Rows, fits and probabilities of models, each made once."""

    def __init__(self, root, datasets, epochs, seed=0):
        self.root, self.epochs, self.seed, self.tables = root, epochs, seed, TableCache()
        self.suite = load_suite("cross-dataset", datasets=datasets, models=["vote"], level="L5")
        self.samples = select_samples(build_index(root, names=list(datasets)), self.suite)

    def of(self, *datasets):
        return self.samples[self.samples["dataset"].isin(datasets)].reset_index(drop=True)

    def learnt(self, sources):
        """Images of the sources, of the classes that they have enough of to train on."""
        own = self.of(*sources)
        return own[own["class"].isin(head_of(own, sources, self.suite)[0])].reset_index(drop=True)

    def rows(self, name, samples):
        compute_missing([name], samples, self.root, cache=self.tables)
        return load_rows(name, samples, self.tables)

    def fitted(self, recipe, seed, train):
        """The fit of a model to some images."""
        key = [recipe.name, recipe_hash(recipe), representation_key(recipe.representation), *train["sha256"]]
        key += [seed] * bool(seed)
        path = cache_folder() / "abroad" / f"{content_hash(key)}.joblib"
        if not path.exists():
            told = train["class"].to_numpy(str), train["dataset"].to_numpy(str)
            rows, unfinished = self.rows(recipe.representation, train), path.with_suffix(".unfinished")
            path.parent.mkdir(parents=True, exist_ok=True)
            start = time.perf_counter()
            with threadpool_limits(1):
                made = Fitted(
                    recipe, dict(recipe.defaults), seed, rows, *told, groups=group_ids(train), checkpoint=unfinished
                )
            joblib.dump(made, path)
            sources = ", ".join(train["dataset"].unique())
            print(
                f"{recipe.name}, seed {seed}, {len(train)} of {sources}: {time.perf_counter() - start:.0f} s",
                flush=True,
            )
        return joblib.load(path)

    def probabilities(self, name, train, samples, known, seed=0):
        """Of a model, or the mean of those of the members of an ensemble; `known` keeps them by name and seed."""
        recipe = get_model(name).with_training(epochs=self.epochs)
        if (name, seed) not in known and isinstance(recipe.build, Build):
            names = [each.name for each in recipe.build.members]
            seeds = [seed + names[:place].count(each) for place, each in enumerate(names)]
            members = zip(names, seeds, strict=True)
            of_each = [self.probabilities(each, train, samples, known, number) for each, number in members]
            known[name, seed] = np.mean(of_each, axis=0)
        elif (name, seed) not in known:
            rows = self.rows(recipe.representation, samples)
            known[name, seed] = self.fitted(recipe, seed, train).predict_proba(rows, sorted(set(train["class"])))
        return known[name, seed]

    def take(self, targets, source, models, train, samples):
        """Add to the targets what models make of their images, where both know the class; `samples` tells the test."""
        head, known = sorted(set(train["class"])), {}
        for model in models:
            probabilities = self.probabilities(model, train, samples, known, self.seed)
            for test, at in samples.groupby("test", sort=False).indices.items():
                true = samples["class"].to_numpy(str)[at]
                shared = [label for label in head if label in true]
                rows = np.flatnonzero(np.isin(true, shared))
                given = probabilities[at[rows]][:, np.searchsorted(head, shared)]
                target = targets.setdefault(test, Target(true, group_ids(samples.iloc[at])))
                target.add((source, model), rows, answers_of(np.searchsorted(shared, true[rows]), given, shared))


def fifths(own):
    """Four fifths of images to train on, and a fifth that is drawn."""
    folds = StratifiedGroupKFold(FIFTH, shuffle=True, random_state=0).split(own, own["class"], group_ids(own))
    return (own.iloc[rows].reset_index(drop=True) for rows in next(folds))


def unusual(bench, own):
    """Four fifths to train on, and of each class a tenth at either end of the axis along which its cells differ most.

    The axis is the first principal component of normal scores of `SHAPE` within the class: what is held out is as
    another laboratory's patients and smears may be, where no laboratory but the source is known.
    """
    names = feature_names("untextured")
    shape = bench.rows("features:untextured@scale", own)[:, [names.index(name) for name in SHAPE]]
    place = np.zeros(len(own))
    for rows in own.groupby("class").indices.values():
        scores = norm.ppf((rankdata(shape[rows], axis=0, nan_policy="omit") - 0.5) / len(rows))
        # what could not be measured is in the middle
        place[rows] = (rankdata(PCA(1).fit_transform(np.nan_to_num(scores))) - 0.5) / len(rows)
    rare = abs(place - 0.5) > 0.5 - 0.5 / FIFTH
    # pictures of one group stay together
    rare = np.isin(group_ids(own), group_ids(own)[rare])
    return (own[rows].reset_index(drop=True) for rows in (~rare, rare))


def figures(targets, models, chosen):
    """Each model's mean of the scores that `chosen` takes by (train, test), and its gain on the first model."""
    scores = bootstrap(dict(sorted(targets.items())))
    names, rows, first = scores.keys.get_level_values("model"), [], {}
    for model in models:
        points = pd.Series(scores.point, scores.keys.droplevel("model"))[names == model]
        for figure, choose in chosen.items():
            mine = (names == model) & scores.keys.droplevel("model").isin(choose(points).index)
            weights = scores.weights(mine)
            gain = scores.interval(weights - first.setdefault(figure, weights))
            rows.append((model, figure, *np.round([*scores.interval(weights), *gain], 4)))
    return pd.DataFrame(rows, columns=["model", "figure", "score", "low", "high", "gain", "gain_low", "gain_high"])


def everything(points):
    return points


def worst_tenth(points):
    return points.sort_values()[: len(points) // 10]


def of(**names):
    """Takes the scores of one train, or of one test, or of both."""
    return lambda points: points.xs(tuple(names.values()), level=tuple(names), drop_level=False)


def in_worlds(bench, models, train, held_out, shown):
    """Of a part of a source, in forty simulated laboratories and at home."""
    worlds, home = {}, {}
    setting = Setting("within", conditions=PROTOCOLS["worlds"].setting.conditions, shown=shown)
    bench.take(worlds, "source", models, train, shown_samples(held_out, setting))
    bench.take(home, "source", models, train, held_out.assign(test="own"))
    chosen = {"worlds": everything, "worst tenth of worlds": worst_tenth}
    return pd.concat([figures(worlds, models, chosen), figures(home, models, {"own": everything})])


def in_targets(bench, models, train, names):
    """Of a part of a source, in other datasets."""
    targets = {}
    samples = bench.of(*names)
    bench.take(targets, "source", models, train, samples.assign(test=samples["dataset"]))
    return figures(targets, models, {"mean": everything} | {name: of(test=name) for name in names})


def everywhere(bench, models, protocol):
    """Of whole datasets, as a protocol takes them."""
    targets, chosen = {}, {protocol: everything}
    for train, sources, names in PROTOCOLS[protocol].fits(bench.suite.datasets):
        samples = bench.of(*names)
        bench.take(targets, train, models, bench.learnt(sources), samples.assign(test=samples["dataset"]))
        chosen |= {f"{protocol}: {train}": of(train=train)}
        if len(names) > 1:
            chosen |= {f"{protocol}: {train} > {name}": of(train=train, test=name) for name in names}
    return figures(targets, models, chosen)


def main():
    how = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], formatter_class=how)
    parser.add_argument("--data", type=Path, help="data root")
    parser.add_argument("--source", default="barcelona", help="dataset to train on, where no protocol says it")
    parser.add_argument("--models", required=True, help="names with commas between them")
    parser.add_argument("--targets", default="", help="datasets")
    parser.add_argument("--unusual", action="store_true", help="hold out the fifth that is least usual")
    parser.add_argument("--per-class", type=int, help="cells of a class to train on where a part of the source trains")
    parser.add_argument("--protocols", default="", help="lodo or pairwise or both; over five datasets")
    parser.add_argument("--epochs", type=int, default=8, help="of networks whose name tells none")
    parser.add_argument("--seed", type=int, default=0, help="of all fits, and the next ones of members of one name")
    parser.add_argument("--shown", type=int, default=8, help="cells of a class in each simulated laboratory")
    parser.add_argument("--out", type=Path, default=Path("results/abroad"), help="folder of the table")
    parser.add_argument("--name", help="of the table, in place of worlds, unusual, targets or everywhere")
    options = parser.parse_args()
    models = [get_model(name).name for name in split_outside(options.models, ",")]
    targets, protocols = (list(filter(None, given.split(","))) for given in (options.targets, options.protocols))
    datasets = load_suite("worlds").datasets if protocols else [options.source, *targets]
    bench = Bench(find_data_root(options.data), datasets, options.epochs, options.seed)
    if protocols:
        name, table = "everywhere", pd.concat([everywhere(bench, models, protocol) for protocol in protocols])
    else:
        own = bench.learnt([options.source])
        train, held_out = unusual(bench, own) if options.unusual else fifths(own)
        train = train.groupby("class").head(options.per_class or len(train)).reset_index(drop=True)
        if targets:
            name, table = "targets", in_targets(bench, models, train, targets)
        else:
            name = "unusual" if options.unusual else "worlds"
            table = in_worlds(bench, models, train, held_out, options.shown)
            counts = held_out["class"].value_counts()
            few = counts < MIN_TEST_IMAGES
            print(f"asked about {counts[~few].to_dict()}; of too few to be scored: {counts[few].to_dict()}")
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / f"{options.name or name}.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()

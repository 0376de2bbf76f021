"""Whether a network notices cells of a class that it was not trained on, and what its own cells pay for it.

    python benchmarks/strangers.py --data ../shared/data --out results/strangers

A network as predict's default has one, of half as many epochs, is fitted to four fifths of the source (the fit of
benchmarks/abroad.py); each measure says how strange a cell is to it. The limit is the 95 % quantile over one half of
the held-out fifth, or over copies of that half in simulated laboratories that the network was not trained in, so that
no other class and no other dataset has a say. The other half, other classes, and the known classes of other datasets
are held against it; what is told is the mean over random halves. The distance to five neighbours was chosen before any
was tried; the others stand beside it.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from abroad import Bench, fifths
from scipy.special import logsumexp, softmax
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from leukobench.datasets import build_index, find_data_root
from leukobench.models import get_model
from leukobench.models.network.exported import LOGITS, MAPS
from leukobench.running.protocols import PROTOCOLS
from leukobench.running.samples import select_samples
from leukobench.running.setting import Setting
from leukobench.running.splits import shown_samples
from leukobench.running.suite import load_suite

NETWORK = "finetune:mobilenet_v2[epochs=16]+worlds"
NEIGHBOURS = 5
KEPT = 0.95  # of own cells that stay below the limit
HALVES = 100
MOST = 200  # cells of a class that is unknown
SHOWN = 8  # held-out cells of a class in each simulated laboratory
LEVELS = ("L8", "L15")  # that name the classes which the network has never seen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--source", default="barcelona")
    parser.add_argument("--out", type=Path, default=Path("results/strangers"))
    options = parser.parse_args()
    root, datasets = find_data_root(options.data), load_suite("worlds").datasets
    bench = Bench(root, datasets, epochs=8)
    train, own = fifths(bench.learnt([options.source]))
    network = bench.fitted(get_model(NETWORK), 0, train).estimator
    head = np.unique(train["class"].to_numpy(str))
    strange = measures(*seen(bench, network, train), train["class"].to_numpy(str))
    worlds = Setting("within", conditions=PROTOCOLS["worlds"].setting.conditions, shown=SHOWN)
    asked = {"own": own, "own, in simulated laboratories": shown_samples(own, worlds)}
    asked |= unknown(root, datasets, bench.samples) | known(bench, options.source)
    found = {}
    for name, samples in asked.items():
        vectors, logits = seen(bench, network, samples)
        right = head[logits.argmax(axis=1)] == samples["class"].to_numpy(str)
        found[name] = pd.DataFrame(strange(vectors, logits)).assign(right=right, sha256=samples["sha256"].to_numpy())
    table = pd.DataFrame(rows(found)).round(4)
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "strangers.csv", index=False)
    print(table.to_string(index=False))


def unknown(root, datasets, samples):
    """Cells of classes that the network is not trained on, by dataset and class: the coarse one where there is one."""
    index = build_index(root, names=list(datasets))
    every = pd.concat(
        [select_samples(index, load_suite("cross-dataset", datasets=datasets, level=level)) for level in LEVELS]
    )
    others = every.drop_duplicates("sha256").sample(frac=1, random_state=0)
    others = others[~others["sha256"].isin(samples["sha256"])]
    groups = others.groupby(["dataset", "class"])
    return {" ".join(names): some.iloc[:MOST].reset_index(drop=True) for names, some in groups}


def known(bench, source):
    """Cells of the network's own classes in other laboratories."""
    return {f"{name}, known": bench.of(name) for name in bench.suite.datasets if name != source}


def seen(bench, network, samples):
    """Vectors of the network, of length 1, and its logits."""
    crops = network.field_of(bench.rows(get_model(NETWORK).representation, samples))
    exported = network.exported()
    maps = np.concatenate([exported._run(MAPS, crops[at : at + 64]).mean((2, 3)) for at in range(0, len(crops), 64)])
    return normalize(maps), exported._run(LOGITS, crops)


def measures(vectors, logits, classes):
    """Function of vectors and logits of cells that gives name of a measure to how strange each cell is."""
    names, codes = np.unique(classes, return_inverse=True)
    near = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(vectors)
    means = np.stack([vectors[codes == k].mean(axis=0) for k in range(len(names))])
    within, whole = LedoitWolf().fit(vectors - means[codes]), LedoitWolf().fit(vectors)

    def strange(vectors, logits):
        to_class = np.stack([within.mahalanobis(vectors - mean) for mean in means]).min(axis=0)
        return {
            "distance to 5 neighbours": near.kneighbors(vectors)[0].mean(axis=1),
            "Mahalanobis": to_class,
            "relative Mahalanobis": to_class - whole.mahalanobis(vectors),
            "energy": -logsumexp(logits, axis=1),
            "doubt": 1 - softmax(logits, axis=1).max(axis=1),
        }

    return strange


def rows(found):
    """Of every measure and kind of cell: AUROC against own held-out cells, and what lies beyond either limit."""
    rng, (own, worlds) = np.random.default_rng(0), list(found.values())[:2]
    halves = [set(rng.permutation(own["sha256"])[: len(own) // 2]) for _ in range(HALVES)]
    for measure in own.columns.drop(["right", "sha256"]):
        limits = {
            name: [each.loc[each["sha256"].isin(half), measure].quantile(KEPT) for half in halves]
            for name, each in (("own", own), ("simulated", worlds))
        }
        for cells, each in found.items():
            row = {"measure": measure, "cells": cells, "n": len(each)}
            if each is not own:
                both = np.concatenate([own[measure], each[measure]])
                row["auroc"] = roc_auc_score(np.repeat([0, 1], [len(own), len(each)]), both)
            others = [each[~each["sha256"].isin(half)] for half in halves]
            for name, of_halves in limits.items():
                beyond = [rest[measure] > limit for rest, limit in zip(others, of_halves, strict=True)]
                row[f"beyond, {name}"] = np.mean([some.mean() for some in beyond])
                if each["right"].any():
                    told = zip(others, beyond, strict=True)
                    row[f"right below, {name}"] = np.mean([rest["right"][~some].mean() for rest, some in told])
            yield row | ({"right": each["right"].mean()} if each["right"].any() else {})


if __name__ == "__main__":
    main()

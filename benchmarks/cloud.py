"""Whether real laboratories lie inside the cloud of simulated ones, for each class of cells by itself.

    python benchmarks/cloud.py --data ../shared/data

The cloud is copies of the source's cells in training laboratories. A cell lies inside where the mean distance to its
nearest neighbours of its class is within what 95 of 100 copies of other cells in other simulated laboratories have. And
a classifier tells a laboratory's cells from such copies. A laboratory is one point of a cloud and can always be told
from it; so both are done with each simulated laboratory too, in place of a real one: only what differs from those lies
outside. It describes worlds, and chooses no model: labels of real laboratories are looked at. cloud.csv.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from abroad import Bench
from masked_tokens import SOURCE, TARGETS, parts_of
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from leukobench.datasets import find_data_root
from leukobench.models.pipeline import scaled
from leukobench.running.representations import columns_of

SPACES = {"features": "features:untextured@worlds", "MobileNetV2": "embedding:mobilenet_v2@worlds"}
NEIGHBOURS, DIMENSIONS, INSIDE = 5, 30, 0.95
FOLDS, TREES = 5, 100


def spaces(bench, train, scored):
    """Each space: copies that train, and rows of each part of what is compared."""
    for space in SPACES:
        shown = {part: pd.DataFrame({"condition": ""} | samples.to_dict("series")) for part, samples in scored.items()}
        parts = {part: rows_in(bench, space, samples) for part, samples in shown.items()}
        yield space, rows_in(bench, space, train)[:, 1:], parts


def rows_in(bench, space, samples):
    """Rows of images in a space, of those that train with their copies."""
    told = columns_of(SPACES[space])
    # Few worlds tell their scale, so that lengths would tell worlds from the rest by being there.
    columns = slice(None) if told is None else [each.unit == "1" for each in told]
    return bench.rows(SPACES[space], samples)[..., columns]


def distances(copies, classes, tables, labels):
    """Mean distance of each row to its nearest neighbours of its class among copies of cells."""
    place = scaled(PCA(DIMENSIONS, whiten=True, random_state=0)).fit(copies.reshape(-1, copies.shape[-1]))
    found = {part: np.full(len(rows), np.nan) for part, rows in tables.items()}
    for label in np.unique(classes):
        cloud = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(place.transform(np.concatenate(copies[classes == label])))
        for part, rows in tables.items():
            some = labels[part] == label
            if some.any():
                found[part][some] = cloud.kneighbors(place.transform(rows[some]))[0].mean(1)
    return found


def told_apart(rows, classes, cells, others, other_classes, other_cells):
    """How well a laboratory is told from others, by as many of their cells of each class; area under the curve."""
    known = np.isin(other_classes, classes)
    X = np.concatenate([rows, others[known]])
    true = np.repeat([1, 0], [len(rows), known.sum()])
    groups = np.concatenate([cells, other_cells[known]])
    model = scaled(
        ExtraTreesClassifier(TREES, max_features=0.1, min_samples_leaf=2, class_weight="balanced", random_state=0)
    )
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    given = cross_val_predict(model, X, true, groups=groups, cv=folds, method="predict_proba")[:, 1]
    # Within a class, so that what a laboratory shows more of does not count.
    each = np.concatenate([classes, other_classes[known]])
    both = [label for label in np.unique(classes) if len(set(true[each == label])) == 2]
    return np.mean([roc_auc_score(true[each == label], given[each == label]) for label in both])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--shown", type=int, default=8, help="cells of a class in each laboratory")
    parser.add_argument("--cells", type=int, default=60, help="of a class of the source, in the cloud")
    parser.add_argument("--out", type=Path, default=Path("results/abroad"))
    options = parser.parse_args()
    bench = Bench(find_data_root(options.data), [SOURCE, *TARGETS], 1)
    train, scored = parts_of(bench, options.shown)
    train = train.groupby("class").head(options.cells).reset_index(drop=True)
    classes = train["class"].to_numpy(str)
    labels = {part: samples["class"].to_numpy(str) for part, samples in scored.items()}
    worlds = scored["worlds"]["condition"].to_numpy(str)
    cells = {part: samples["sha256"].to_numpy(str) for part, samples in scored.items()}
    places = {(name, "worlds"): np.flatnonzero(worlds == name) for name in np.unique(worlds)}
    places |= {(f"{SOURCE}, held out", "own"): np.arange(len(scored["own"]))}
    places |= {(name, "real"): np.flatnonzero(scored["real"]["dataset"] == name) for name in TARGETS}
    rows = []
    with threadpool_limits(1):
        for space, copies, tables in spaces(bench, train, scored):
            far = distances(copies, classes, tables, labels)
            for (name, part), at in places.items():
                others = np.flatnonzero(worlds != name)
                own = labels[part][at]
                within = np.full(len(at), np.nan)
                for label in np.unique(own):
                    limit = np.quantile(far["worlds"][others][labels["worlds"][others] == label], INSIDE)
                    within[own == label] = far[part][at][own == label] <= limit
                some = pd.Series(own).groupby(own).head(options.shown).index.to_numpy()
                area = told_apart(
                    *(tables[part][at][some], own[some], cells[part][at][some]),
                    *(tables["worlds"][others], labels["worlds"][others], cells["worlds"][others]),
                )
                by_class = pd.Series(within).groupby(own).mean()
                each = {f"inside_{label}": by_class.get(label) for label in np.unique(classes)}
                rows.append(
                    {"space": space, "laboratory": name, "cells": len(at), "inside": by_class.mean(), "area": area}
                    | each
                )
    table = pd.DataFrame(rows)
    options.out.mkdir(parents=True, exist_ok=True)
    simulated = table["laboratory"].str.startswith("world-")
    for space, some in table[simulated].groupby("space", sort=False):
        numbers = some.drop(columns=["space", "laboratory"]).quantile([0.05, 0.5, 0.95])
        told = {0.05: "worlds, 5 of 100 below", 0.5: "worlds, median", 0.95: "worlds, 5 of 100 above"}
        table = pd.concat(
            [table, numbers.reset_index(names="laboratory").assign(space=space).replace({"laboratory": told})]
        )
    table = table[~table["laboratory"].str.startswith("world-")]
    table.round(4).to_csv(options.out / "cloud.csv", index=False)
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()

"""What a scale that is told by regression is worth to a vote, where a laboratory says nothing of it.

    python benchmarks/told_scale.py --data ../shared/data

`scale_regression.py` has the regression; here it learns from copies of the source's own part that trains. The vote
is fitted to the same cells and copies, whose scale is told by their laboratory or else found in one of three ways: by
red cells or a typical cell, as views do it; by the regression; or, which only a simulation can, as it is. Simulated
laboratories first, then real ones; told_scale.csv.
"""

import argparse
import dataclasses
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from abroad import Bench, figures
from masked_tokens import CHOSEN, SOURCE, TARGETS, parts_of, take
from scale_regression import columns_of, fitted, measures
from scale_regression import table as copies_of_known_scale
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from leukobench.datasets import find_data_root
from leukobench.features.viewed import seen_features
from leukobench.imaging.io import read_image
from leukobench.inputs import locate
from leukobench.models import get_model
from leukobench.preparation.conditions import WORLDS
from leukobench.preparation.views import apply_view, get_view
from leukobench.preparation.worlds import CHOOSING, TRAINING, draw_world, said, show
from leukobench.running.folds import group_ids
from leukobench.running.tuning import Fitted

MODEL, COPIES = "vote@worlds", 4
VIEW = dataclasses.replace(get_view("worlds"), copies=0)
WAYS = ("red cells or a typical cell (today)", "boosted trees", "the truth")


def pictures(root, sample, copies):
    """An image as it is shown and its copies, with what is said of their scales and what these are."""
    image, um_per_px = read_image(locate(root, sample.path)), sample.um_per_px
    seed = zlib.crc32(np.ascontiguousarray(image))
    worlds = [(TRAINING, seed, number) for number in range(copies)]
    if getattr(sample, "condition", ""):
        worlds = [(CHOOSING, WORLDS.index(sample.condition))]
    else:
        yield image, um_per_px, um_per_px
    for key in worlds:
        world = draw_world(*key)
        picture, scale = show(image, um_per_px, world, np.random.default_rng((seed, *key)))
        yield picture, said(scale, world), scale


def rows_of(root, samples, copies, regression):
    """Features of every image and its copies, by each way to find a scale that nobody tells."""
    found = {way: [] for way in WAYS}
    for sample in tqdm(samples.itertuples(), total=len(samples), desc="images"):
        shown, told, true = zip(*pictures(root, sample, copies), strict=True)
        told = np.array(told)
        guessed = told.copy()
        for k in np.flatnonzero(np.isnan(told)):
            row = pd.DataFrame([measures(shown[k])])
            guessed[k] = np.exp(regression.predict(row[columns_of(row)])[0] + row["log_typical"][0])
        for way, scales in zip(WAYS, (told, guessed, np.array(true)), strict=True):
            found[way].append(seen_features(apply_view(shown, VIEW, scales), VIEW, "untextured")[:, 0])
    return {way: np.array(rows) for way, rows in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--shown", type=int, default=8, help="cells of a class in each simulated laboratory")
    parser.add_argument("--images", type=int, default=300, help="of the source, that the regression learns from")
    parser.add_argument("--out", type=Path, default=Path("results/abroad"))
    options = parser.parse_args()
    bench = Bench(find_data_root(options.data), [SOURCE, *TARGETS], 1)
    train, scored = parts_of(bench, options.shown)
    recipe, head = get_model(MODEL), sorted(set(train["class"]))
    told = train["class"].to_numpy(str), train["dataset"].to_numpy(str)
    with threadpool_limits(1):
        some = train.sample(min(options.images, len(train)), random_state=0)
        known = copies_of_known_scale(bench.root, some, 6)
        regression = fitted("boosted trees", known[known["part"] == "training"])
        learnt = rows_of(bench.root, train, COPIES, regression)
        models = {
            way: Fitted(recipe, dict(recipe.defaults), 0, rows, *told, groups=group_ids(train))
            for way, rows in learnt.items()
        }
        tables = []
        for part in ("worlds", "real"):
            rows = rows_of(bench.root, scored[part], 0, regression)
            ways = WAYS if part == "worlds" else WAYS[:2]  # nobody knows the truth of all real ones
            targets = {}
            for way in ways:
                take(targets, way, models[way].predict_proba(rows[way][:, 0], head), head, scored[part])
            tables.append(figures(targets, ways, CHOSEN[part]))
            print(tables[-1].to_string(index=False), flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    pd.concat(tables).rename(columns={"model": "scale_by"}).to_csv(options.out / "told_scale.csv", index=False)


if __name__ == "__main__":
    main()

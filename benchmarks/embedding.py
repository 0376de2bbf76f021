"""Milliseconds per image of the embedding, seconds per fit of the heads, and the field of view within one dataset.

    python benchmarks/embedding.py
    python benchmarks/embedding.py --data ../shared/data --heads
    python benchmarks/embedding.py --data ../shared/data --fields 15 20 25 30

writes results/embedding/speed.csv or, with --heads, heads.csv or, with --fields, field_of_view.csv.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from threadpoolctl import threadpool_limits

from leukobench.datasets import build_index, find_data_root
from leukobench.imaging.io import read_image
from leukobench.models import MODELS
from leukobench.models.backbones import BACKBONES, import_deep
from leukobench.models.embedding import CNNEmbedding, crop_field
from leukobench.models.heads import HEADS
from leukobench.models.inference import embedder
from leukobench.running.computing import compute_missing
from leukobench.running.representations import load_rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--fields", type=float, nargs="*", default=[], help="micrometres; measured within Barcelona")
    parser.add_argument("--heads", action="store_true", help="time the heads on 2,000 images of Barcelona")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("results/embedding"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.heads:
        tables = {"heads": heads(find_data_root(options.data))}
    elif options.fields:
        tables = {"field_of_view": field_of_view(find_data_root(options.data), options.fields)}
    else:
        tables = {"speed": pd.concat(speed(card, options) for card in BACKBONES.values())}
    for name, table in tables.items():
        print(table.to_string(index=False))
        table.to_csv(options.out / f"{name}.csv", index=False)


def speed(card, options):
    """Time the ways to embed in turn, round after round, so that other load falls on all of them alike; it is noted."""
    torch = import_deep("torch")
    torch.set_num_threads(options.threads)
    images = [np.random.default_rng(i).integers(0, 256, (360, 363, 3), np.uint8) for i in range(options.images)]
    crops = np.stack([crop_field(image, card.input_size, 0.1) for image in images])
    plain = card.module(card.input_size)
    pixels = torch.from_numpy((crops.transpose(0, 3, 1, 2) - np.reshape(card.mean, (3, 1, 1))).astype(np.float32))
    channels_last = embedder(card, card.input_size, "cpu", "torch", options.threads)
    onnx = embedder(card, card.input_size, "cpu", "onnx", options.threads)
    transformer = CNNEmbedding(card.name, device="cpu", threads=options.threads)

    def eager(rows):
        with torch.inference_mode():
            plain(pixels[rows])

    def in_batches(function, batch):
        return lambda: [function(slice(i, i + batch)) for i in range(0, len(images), batch)]

    ways = {"CNNEmbedding, crop included": lambda: transformer.transform(images, um_per_px=0.1)}
    for batch in (1, 4, 8):
        ways[f"torch eager, network alone, batch {batch}"] = in_batches(eager, batch)
        ways[f"torch channels-last, batch {batch}"] = in_batches(lambda rows: channels_last(crops[rows]), batch)
        ways[f"ONNX Runtime, batch {batch}"] = in_batches(lambda rows: onnx(crops[rows]), batch)
    times = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            passed = time.perf_counter() - wall, time.process_time() - cpu
            times[name].append(1000 * np.array(passed) / len(images))
    table = pd.DataFrame(
        [(card.name, name, *np.median(ms, axis=0), *np.min(ms, axis=0)) for name, ms in times.items()],
        columns=["backbone", "way", "wall_ms_median", "cpu_ms_median", "wall_ms_best", "cpu_ms_best"],
    )
    eager = table[table.way.str.contains("eager")]
    for clock in ("wall", "cpu"):
        table[f"{clock}_ratio_to_best_eager"] = eager[f"{clock}_ms_best"].min() / table[f"{clock}_ms_best"]
    return table.round(2).assign(threads=options.threads, load_average=round(os.getloadavg()[0], 1))


def heads(root, points=4):
    """Processor seconds of one fit on one thread: with the defaults, and the mean over points of the search space."""
    index = build_index(root, names=["barcelona"])
    index = index[(index.status == "ok") & index.L5.notna()].sample(2000, random_state=0)
    compute_missing(["embedding:mobilenet_v2"], index, root)
    vectors, labels = load_rows("embedding:mobilenet_v2", index), pd.factorize(index.L5, sort=True)[0]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rows = []
    for head in HEADS:
        recipe = MODELS[f"mobilenet_v2+{head}"]
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
        seconds = []
        for params in [recipe.defaults, *(study.ask(dict(recipe.space)).params for _ in range(points))]:
            with threadpool_limits(1):
                start = time.process_time()
                recipe.build(params, 0).fit(vectors, labels)
                seconds.append(time.process_time() - start)
        rows.append((head, recipe.cost, *np.round([seconds[0], np.mean(seconds[1:])], 2)))
    table = pd.DataFrame(rows, columns=["head", "cost", "cpu_s_defaults", "cpu_s_mean_over_space"])
    return table.assign(images=len(labels), load_average=round(os.getloadavg()[0], 1))


def field_of_view(root, fields):
    """Balanced accuracy within Barcelona at L5, logistic regression with defaults, three folds, by field of view."""
    index = build_index(root, names=["barcelona"])
    index = index[(index.status == "ok") & index.L5.notna()]
    images = [read_image(Path(root) / path) for path in index.path]
    labels, _ = pd.factorize(index.L5, sort=True)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    rows = []
    for backbone in BACKBONES:
        recipe = MODELS[f"{backbone}+logistic_regression"]
        for field in fields:
            vectors = CNNEmbedding(backbone, field_of_view_um=field).transform(images, um_per_px=index.um_per_px)
            predicted = cross_val_predict(recipe.build(recipe.defaults, 0), vectors, labels, cv=folds)
            rows.append((backbone, field, len(labels), round(balanced_accuracy_score(labels, predicted), 4)))
    return pd.DataFrame(rows, columns=["backbone", "field_of_view_um", "images", "balanced_accuracy_within"])


if __name__ == "__main__":
    main()

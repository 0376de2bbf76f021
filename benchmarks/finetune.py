"""Seconds, accuracy and peak memory of one fine-tuning, on this machine's CPU or on a CUDA device.

    python benchmarks/finetune.py --data ../shared/data
    python benchmarks/finetune.py --data ../shared/data --device cuda --out results/gpu

trains on nine parts in ten of Barcelona at level L8 and scores the tenth; appends a row to finetune.csv.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score

from leukobench.datasets import build_index, find_data_root
from leukobench.devices import PRECISIONS, training_precision
from leukobench.models import get_model
from leukobench.models.backbones import import_deep
from leukobench.running.computing import compute_missing
from leukobench.running.environment import describe_environment
from leukobench.running.folds import make_folds
from leukobench.running.representations import load_rows
from leukobench.running.samples import select_samples
from leukobench.running.suite import load_suite


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", default="finetune:mobilenet_v2")
    parser.add_argument("--budget", default="quick", help="its epochs are trained")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--precision", choices=PRECISIONS, help="default: the device's")
    parser.add_argument("--out", type=Path, default=Path("results/finetune"))
    options = parser.parse_args()
    suite = load_suite("cross-dataset", datasets=["barcelona"], protocols=["within"], level="L8", budget=options.budget)
    root = find_data_root(options.data)
    samples = select_samples(build_index(root), suite)
    precision = options.precision or training_precision(options.device)
    recipe = get_model(options.model).with_training(epochs=suite.budget.epochs, precision=precision)
    prepared = compute_missing([recipe.representation], samples, root, jobs=2)[recipe.representation]
    rows, classes = load_rows(recipe.representation, samples), samples["class"].to_numpy(str)
    train, test = make_folds(classes, np.arange(len(classes)), 10, 0)[0]
    model = recipe.build(dict(recipe.defaults), 0).set_params(device=options.device)
    start = time.perf_counter()
    model.fit(rows[train], classes[train])
    fit_s = time.perf_counter() - start
    start = time.perf_counter()
    predicted = model.predict(rows[test])
    environment = describe_environment()
    row = {
        "model": options.model,
        "device": environment["gpu"] if options.device == "cuda" else f"{environment['processor']}, one thread",
        "precision": precision,
        "images": len(train),
        "epochs": suite.budget.epochs,
        "fit_s": round(fit_s, 1),
        "predict_ms_per_image": round(1000 * (time.perf_counter() - start) / len(test), 2),
        "crops_ms_per_image": prepared["ms_per_image"],
        "balanced_accuracy": round(balanced_accuracy_score(classes[test], predicted), 4),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "gpu_peak_mb": _gpu_peak() if options.device == "cuda" else None,
        "commit": environment.get("commit"),
    }
    path = options.out / "finetune.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    before = pd.read_csv(path) if path.exists() else pd.DataFrame()
    table = pd.concat([before, pd.DataFrame([row])], ignore_index=True)
    table.to_csv(path, index=False)
    print(table.to_string(index=False))


def _gpu_peak():
    return round(import_deep("torch").cuda.max_memory_allocated() / 2**20)


if __name__ == "__main__":
    main()

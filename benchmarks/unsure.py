"""Of how many of a source's own held-out cells `predict` is unsure, and how right it is about the others.

    python benchmarks/unsure.py --data ../shared/data --out results/unsure

The model is trained on a data root of links that lacks a quarter of the sources' images, by slide or patient where that
is known, with whatever it holds out itself for its limits and its temperature. Then it is asked about that quarter.
"""

import argparse
import tempfile
from pathlib import Path

import pandas as pd
from rich.console import Console
from scipy.stats import binomtest
from sklearn.model_selection import StratifiedGroupKFold

from leukobench.datasets import build_index, find_data_root
from leukobench.inference.predict import UNSURE, predict_images
from leukobench.inference.trained import train_model
from leukobench.inputs import locate
from leukobench.models import DEFAULT
from leukobench.progress import ProgressReport
from leukobench.running.folds import group_ids
from leukobench.running.samples import select_samples
from leukobench.running.suite import load_suite

PARTS = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", default=DEFAULT)
    parser.add_argument("--sources", default=",".join(load_suite("worlds").datasets))
    parser.add_argument("--out", type=Path, default=Path("results/unsure"))
    options = parser.parse_args()
    root, sources = find_data_root(options.data), options.sources.split(",")
    index = build_index(root, names=sources)
    asked = held_out(select_samples(index, load_suite("cross-dataset", datasets=sources, models=["vote"], level="L5")))
    with tempfile.TemporaryDirectory() as folder, ProgressReport(Console(stderr=True)) as progress:
        # the same picture may lie there under another name
        link(root, Path(folder), sources, index[index["sha256"].isin(asked["sha256"])])
        trained = train_model(options.model, sources, folder, progress=progress)
        images = asked.assign(error="", mask="", mask_sha256="", synthetic=False)
        answers = predict_images(trained, images, root, progress=progress)
    table = told(asked, answers.set_index("file").loc[asked["path"]])
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "unsure.csv", index=False, float_format="%.4f", lineterminator="\n")
    print(f"{options.model}\n{table.round(3).to_string(index=False)}")


def held_out(samples):
    """A quarter of the images, classes of each dataset alike."""
    folds = StratifiedGroupKFold(PARTS, shuffle=True, random_state=0)
    strata = samples["dataset"] + " " + samples["class"]
    return samples.iloc[next(folds.split(samples, strata, group_ids(samples)))[1]].reset_index(drop=True)


def link(root, folder, sources, left_out):
    """The data root again, of links, without some images."""
    missing = {locate(root, path).resolve() for path in left_out["path"]}
    for file in (file for source in sources for file in (root / source).rglob("*") if file.is_file()):
        if file.resolve() not in missing:
            again = folder / file.relative_to(root)
            again.parent.mkdir(parents=True, exist_ok=True)
            again.symlink_to(file.resolve())


def told(asked, answers):
    """One row of each dataset and one of all: cells, the share that is unsure, and how many of either are right."""
    cells = pd.DataFrame(
        {
            "source": asked["dataset"].to_numpy(),
            "unsure": (answers["class"] == UNSURE).to_numpy(),
            "right": answers["likeliest"].to_numpy(str) == asked["class"].to_numpy(str),
        }
    )
    parts = [*cells.groupby("source", sort=False), ("all", cells)]
    return pd.DataFrame([{"source": name} | _row(part["unsure"], part["right"]) for name, part in parts])


def _row(unsure, right):
    interval = binomtest(int(unsure.sum()), len(unsure)).proportion_ci(0.95, method="wilson")
    return {
        "cells": len(unsure),
        "unsure": unsure.mean(),
        "low": interval.low,
        "high": interval.high,
        "right_if_sure": right[~unsure].mean(),
        "right_if_unsure": right[unsure].mean(),
    }


if __name__ == "__main__":
    main()

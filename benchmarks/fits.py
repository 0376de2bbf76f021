"""Processor time of a whole run's fits on one thread, by model and protocol: what `leukobench plan` reckons with.

    python benchmarks/fits.py --data ../shared/data --models lda,extra_trees

writes results/path/fits.csv, where models that are not asked for keep their rows. Tuning and answers are among the
seconds; features, vectors, journals and records are not.
"""

import argparse
import time
from pathlib import Path

import pandas as pd
from optuna.storages import InMemoryStorage
from threadpoolctl import threadpool_limits

from leukobench.datasets import find_data_root
from leukobench.running.cell import run_cell
from leukobench.running.computing import compute_missing
from leukobench.running.plan import head_of
from leukobench.running.prepare import prepare
from leukobench.running.representations import load_rows, names_in
from leukobench.running.suite import load_suite

KEYS = ["model", "protocol"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--models", type=lambda text: text.split(","), required=True)
    parser.add_argument("--out", type=Path, default=Path("results/path"))
    options = parser.parse_args()
    root = find_data_root(options.data)
    suite = load_suite("cross-dataset", models=options.models, budget="quick")
    suite, _, samples, cells, _ = prepare(suite, root)
    compute_missing(sorted({name for cell in cells for name in names_in(cell.recipe.representation)}), samples, root)
    with threadpool_limits(1):
        taken = [(cell.model, cell.protocol, seconds(cell, samples, suite)) for cell in cells]
    table = pd.DataFrame(taken, columns=[*KEYS, "core_s"]).groupby(KEYS, sort=False)["core_s"].sum().round(1)
    file = options.out / "fits.csv"
    if file.exists():
        table = table.combine_first(pd.read_csv(file).set_index(KEYS)["core_s"])
    options.out.mkdir(parents=True, exist_ok=True)
    table.sort_index().to_csv(file, lineterminator="\n")
    print(table.unstack().assign(all=table.groupby("model").sum()).to_string())


def seconds(cell, samples, suite):
    """Processor time of one run cell in this process."""
    rows, (head, left_out) = load_rows(cell.recipe.representation, samples), head_of(samples, cell.sources, suite)
    before = time.process_time()
    run_cell(cell, samples, rows, head, left_out, lambda number: InMemoryStorage())
    return time.process_time() - before


if __name__ == "__main__":
    main()

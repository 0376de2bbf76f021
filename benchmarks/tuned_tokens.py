"""Parts for token_training.py, which tunes a vision transformer on a GPU, and what its answers are worth.

    python benchmarks/tuned_tokens.py prepare PARTS --data ../shared/data
    python benchmarks/token_training.py PARTS vit_s_focus.onnx --data ../shared/data --out TUNED
    python benchmarks/tuned_tokens.py score PARTS TUNED --data ../shared/data

Parts are those of `masked_tokens.py`. PARTS holds the source's samples, and squares of real laboratories without a word
of what they show, so that the machine needs the source's images alone. The transformer that `score` combines with other
models is the best in simulated laboratories, by mean and worst tenth; tuned_tokens.csv.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from abroad import Bench
from masked_tokens import SOURCE, TARGETS, parts_of, tables, take
from squares import squares

from leukobench.datasets import find_data_root

COLUMNS = ["part", "sha256", "path", "um_per_px", "condition", "class"]
SCORED = ("own", "worlds", "real")  # the order of the probabilities


def prepare(bench, options):
    """Write what trains and is predicted: of real laboratories squares alone, so that nothing can score them."""
    train, scored = parts_of(bench, options.shown)
    parts = {"train": train, "own": scored["own"], "worlds": scored["worlds"]}
    table = pd.concat([some.assign(part=part) for part, some in parts.items()])
    options.parts.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.parts / "samples.csv", columns=COLUMNS, index=False)
    real = [squares(bench.root, sample) for sample in scored["real"].itertuples()]
    np.save(options.parts / "real.npy", np.concatenate(real))


def score(bench, options):
    """Score all trainings, and the best in simulated laboratories together with other models."""
    train, scored = parts_of(bench, options.shown)
    head = sorted(set(train["class"]))
    rows = pd.read_csv(options.tuned / "rows.csv", index_col="name")
    transformers = rows[~rows.index.str.startswith("mobilenet")]
    best = (transformers["worlds"] + transformers["worst_tenth"]).idxmax()
    ends = np.cumsum([len(scored[part]) for part in SCORED])[:-1]
    with np.load(options.tuned / "probabilities.npz") as file:
        tuned = {name: dict(zip(SCORED, np.split(file[name].astype(float), ends), strict=True)) for name in rows.index}
    others = {name: {} for name in filter(None, options.beside.split(";"))}
    for name, part in ((name, part) for name in others for part in SCORED):
        others[name][part] = bench.probabilities(name, train, scored[part], {})
    together = {f"{best} and {name}": [tuned[best], given] for name, given in others.items()}
    if len(others) > 1:
        together[" and ".join(others)] = list(others.values())
        together[" and ".join([best, *others])] = [tuned[best], *others.values()]
    means = {
        name: {part: np.mean([each[part] for each in some], 0) for part in SCORED} for name, some in together.items()
    }
    targets = {part: {} for part in SCORED}
    models = others | tuned | means
    for name, given in models.items():
        for part in SCORED:
            take(targets[part], name, given[part], head, scored[part])
    table = tables(targets, list(models))
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "tuned_tokens.csv", index=False)
    print(table.pivot(index="model", columns="figure", values="score").loc[list(models)].to_string())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=["prepare", "score"])
    parser.add_argument("parts", type=Path)
    parser.add_argument("tuned", type=Path, nargs="?", help="what token_training.py has written")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--shown", type=int, default=8, help="cells of a class in each simulated laboratory")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument(
        "--beside",
        default="vote@worlds;finetune:mobilenet_v2[epochs=16]+worlds",
        help="models, with semicolons between them; each gain is on the first",
    )
    parser.add_argument("--out", type=Path, default=Path("results/abroad"))
    options = parser.parse_args()
    bench = Bench(find_data_root(options.data), [SOURCE, *TARGETS], options.epochs)
    {"prepare": prepare, "score": score}[options.step](bench, options)


if __name__ == "__main__":
    main()

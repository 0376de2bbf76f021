"""How far representations follow the cell and how far the laboratory, classical and deep on one axis.

    pip install leukobench[robustness]
    python benchmarks/representations.py --data ../shared/data --out results/representations

By croma (Apache-2.0): the Robustness Index of PathoROB (arXiv 2507.17845), the share of informative neighbours that are
of the same class and another laboratory rather than of another class and the same laboratory, and CRoMa (arXiv
2607.25497), the signed margin between the two. Every draw takes as many images of each dataset and class, where there
are so many, and keeps images of one slide or cell out of each other's neighbours; the spread is that of the draws. The
labels of all laboratories are looked at, so this describes representations, and chooses and ranks no model.

A network as predict's default has one, of half as many epochs, is tuned to four fifths of one laboratory (the fit of
benchmarks/abroad.py) and looked at in the others alone, and all that it stands beside once more there. What the
default's perceptrons read of an image is the row of `features:untextured@canonical`: only their training has copies.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from abroad import Bench, fifths
from croma import RI, CRoMa
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from strangers import NETWORK, seen

from leukobench.datasets import find_data_root
from leukobench.models import get_model
from leukobench.models.pipeline import Clip
from leukobench.running.environment import describe_environment
from leukobench.running.suite import load_suite
from leukobench.text import markdown_table

REPRESENTATIONS = {
    "features:core": "hand-crafted",
    "features:untextured": "hand-crafted",
    "features:untextured@canonical": "hand-crafted",
    "features:tavakoli2021": "hand-crafted",
    "embedding:mobilenet_v2": "frozen network",
    "embedding:efficientnet_lite0": "frozen network",
    "features:background": "control",
}
TUNED_IN = "barcelona"
PREPARED = ("as it is", "standardised", "standardised by laboratory")
CANDIDATES = (3, 5, 9, 15, 21)  # neighbours that RI chooses from, by the balanced accuracy of their vote
FIGURES = ("RI", "support", "CRoMa", "worst tenth", "laboratory first")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    parser.add_argument("--out", type=Path, default=Path("results/representations"))
    parser.add_argument("--per-class", type=int, default=12, help="images of a dataset and class in a draw")
    parser.add_argument("--draws", type=int, default=10)
    options = parser.parse_args()
    # What croma warns of, few informative neighbours, has a column of its own.
    warnings.filterwarnings("ignore", ".*RI/MaRI", RuntimeWarning)
    bench = Bench(find_data_root(options.data), load_suite("worlds").datasets, epochs=8)
    found = {name: (kind, bench.rows(name, bench.samples)) for name, kind in REPRESENTATIONS.items()}
    rows = list(lines(found, bench.samples, "all", options))
    away = (bench.samples["dataset"] != TUNED_IN).to_numpy()
    others = bench.samples[away].reset_index(drop=True)
    network = bench.fitted(get_model(NETWORK), 0, next(fifths(bench.learnt([TUNED_IN])))).estimator
    found = {name: (kind, given[away]) for name, (kind, given) in found.items()}
    found[NETWORK] = "tuned network", seen(bench, network, others)[0]
    rows += lines(found, others, f"without {TUNED_IN}", options)
    table = pd.DataFrame(rows)
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "representations.csv", index=False, float_format="%.4f")
    text = page(table, bench.samples, options)
    (options.out / "representations.md").write_text(text, encoding="utf-8")
    print(text)


def lines(found, samples, laboratories, options):
    """A row of the table for every representation, as it is and as models see it."""
    for name, (kind, rows) in found.items():
        for prepared in PREPARED:
            if prepared != "as it is" or "network" in kind:  # units of features have nothing in common
                told = {"laboratories": laboratories, "representation": name, "kind": kind, "prepared": prepared}
                yield told | scores(prepare(rows, samples, prepared), samples, options)


def prepare(rows, samples, how):
    """Rows as models see them: gaps filled, and columns on one scale, of all images or of each laboratory."""
    if how == "as it is":
        return rows
    whole = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), Clip())
    if how == "standardised":
        return whole.fit_transform(rows)
    scaled = np.empty(rows.shape)
    for _, at in samples.groupby("dataset").indices.items():
        scaled[at] = whole.fit_transform(rows[at])
    return scaled


def manifest_of(samples):
    """The images as croma wants them told."""
    single = samples["dataset"] + "/" + samples["sha256"]
    return pd.DataFrame(
        {
            "sample_id": single,
            "image_path": samples["path"],
            "label": samples["class"],
            "laboratory": samples["dataset"],
            "group_id": (samples["dataset"] + "/" + samples["group"].astype("string")).fillna(single),
        }
    )


def draw(samples, per_class, rng):
    """Rows of as many images of each dataset and class, sorted; all where there are fewer."""
    chosen = [rng.permutation(at)[:per_class] for at in samples.groupby(["dataset", "class"]).indices.values()]
    return np.sort(np.concatenate(chosen))


def scores(rows, samples, options):
    """Mean and standard deviation over the draws of every figure."""
    manifest, found = manifest_of(samples), []
    for seed in range(options.draws):
        at = draw(samples, options.per_class, np.random.default_rng(seed))
        told = manifest.iloc[at].reset_index(drop=True)
        index = RI.compute(rows[at], told, confounder_column="laboratory", k_candidates=CANDIDATES)
        margin = CRoMa.compute(rows[at], told, confounder_column="laboratory")
        found.append((index.value, index.support, margin.value, margin.ltm_alpha, margin.f0))
    table = pd.DataFrame(found, columns=FIGURES)
    return {**table.mean(), **table.std().add_suffix(" sd")}


def page(table, samples, options):
    """The table for people."""
    shown = table[["laboratories", "representation", "kind", "prepared"]].copy()
    for name in FIGURES:
        spread = table[f"{name} sd"].map("{:.3f}".format)
        shown[name] = table[name].map("{:.3f}".format) + " ± " + spread
    counts = samples.groupby(["dataset", "class"]).size().clip(upper=options.per_class)
    commit = (describe_environment()["commit"] or "unknown")[:10]
    told = (
        f"{counts.sum()} images a draw ({options.per_class} of each dataset and class, or all that there are), "
        f"{options.draws} draws, mean ± standard deviation over them; {', '.join(counts.index.levels[0])} at L5; "
        f"leukobench {commit}, croma 1.0.1."
    )
    return "\n\n".join(["# Representations: the cell or the laboratory", told, markdown_table(shown)]) + "\n"


if __name__ == "__main__":
    main()

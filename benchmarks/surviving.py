"""Which features follow the cell and not the laboratory, and what the best of them are worth to a vote.

    python benchmarks/surviving.py --data ../shared/data

Of copies of the source's cells in training laboratories: how much classes differ in a feature, over how much the copies
of one cell do (surviving.csv; `candidates.py` has those that the package lacks), and how well each group of
features tells WBCAtt's attributes of held-out cells in simulated laboratories (attributes.csv). Then `vote@worlds` is
fitted to the best k by that ratio; k is chosen by simulated laboratories, and only that vote, the plain one and the
plain one with what is tried are scored in real ones (best_features.csv). Splits and scores are those of
`benchmarks/abroad.py`.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from abroad import Bench, figures
from candidates import PART
from masked_tokens import CHOSEN, SOURCE, TARGETS, parts_of, take
from sklearn.metrics import balanced_accuracy_score
from threadpoolctl import threadpool_limits

from leukobench.datasets import find_data_root
from leukobench.features import features_of, register
from leukobench.models import get_model
from leukobench.models.classical import build_lda
from leukobench.models.pipeline import scaled
from leukobench.running.folds import group_ids
from leukobench.running.tuning import Fitted

SETS = "features:extended@worlds&features:candidates@worlds"
MODEL = "vote@worlds"
NUMBERS = (40, 80, 120, 160, 200, 254, 320)
ATTRIBUTES = 11
LEAST = 20  # cells that a value of an attribute has at least, else it is left out


def survival(rows, classes):
    """Variance of class means over that of copies of one cell, of values as models see them, classes counting alike."""
    copies = scaled().fit_transform(rows.reshape(-1, rows.shape[-1])).reshape(rows.shape)[:, 1:]
    codes = pd.factorize(classes)[0]
    by_class = pd.DataFrame(copies.mean(1)).groupby(codes).mean().var(ddof=0)
    return (by_class / pd.DataFrame(copies.var(1)).groupby(codes).mean().mean()).to_numpy()


def ranking(rows, train, features):
    """All features with their ratio, the best first."""
    table = pd.DataFrame(
        [(each.name, each.group, each.region) for each in features], columns=["feature", "group", "region"]
    )
    table["tried"] = table["feature"].isin(PART.columns)
    table["classes_over_worlds"] = survival(rows, train["class"].to_numpy(str))
    table["told"] = np.isfinite(rows[:, 1:]).mean((0, 1))
    return table.sort_values("classes_over_worlds", ascending=False, kind="stable")


def vote(columns, rows, train, scored_rows):
    """What the vote on some columns makes of each part."""
    recipe = get_model(MODEL)
    told = train["class"].to_numpy(str), train["dataset"].to_numpy(str)
    with threadpool_limits(1):
        made = Fitted(recipe, dict(recipe.defaults), 0, rows[..., columns], *told, groups=group_ids(train))
    head = sorted(set(train["class"]))
    return {part: made.predict_proba(given[..., columns], head) for part, given in scored_rows.items()}


def attributes(root, samples):
    """WBCAtt's table in the order of samples; empty where it knows an image not."""
    files = sorted((Path(root) / "barcelona" / "WBCAtt").glob("pbc_attr_v1_*.csv"))
    told = pd.concat(map(pd.read_csv, files)).drop_duplicates("img_name").set_index("img_name")
    return told.reindex([Path(path).name for path in samples["path"]])[told.columns[1 : 1 + ATTRIBUTES]]


def probes(bench, groups, rows, train, scored, scored_rows):
    """Balanced accuracy of each attribute by each group of features, in simulated laboratories."""
    own, others = attributes(bench.root, train), attributes(bench.root, scored["worlds"])
    found = []
    for attribute in own:
        learnt = own[attribute].map(own[attribute].value_counts()).ge(LEAST).to_numpy()
        known = others[attribute].isin(set(own[attribute][learnt])).to_numpy()
        for group, columns in groups.items():
            some = rows[learnt][..., columns]
            model = build_lda({"shrinkage": 0.1}, 0)
            model.fit(some.reshape(-1, some.shape[-1]), np.repeat(own[attribute][learnt].to_numpy(str), some.shape[1]))
            given = model.predict(scored_rows["worlds"][known][..., columns])
            score = balanced_accuracy_score(others[attribute][known].to_numpy(str), given)
            found.append((attribute, own[attribute][learnt].nunique(), learnt.sum(), group, round(score, 4)))
    return pd.DataFrame(found, columns=["attribute", "values", "cells", "features", "balanced_accuracy"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--shown", type=int, default=8, help="cells of a class in each simulated laboratory")
    parser.add_argument("--out", type=Path, default=Path("results/abroad"))
    options = parser.parse_args()
    register(PART)
    bench = Bench(find_data_root(options.data), [SOURCE, *TARGETS], 1)
    train, scored = parts_of(bench, options.shown)
    rows = bench.rows(SETS, train)
    # What is shown under a condition has no copies, and "" is none.
    shown = {part: {"condition": ""} | samples.to_dict("series") for part, samples in scored.items()}
    scored_rows = {part: bench.rows(SETS, pd.DataFrame(samples)) for part, samples in shown.items()}
    features = [*features_of("extended"), *features_of("candidates")]
    options.out.mkdir(parents=True, exist_ok=True)
    ranked = ranking(rows, train, features)
    ranked.round(4).to_csv(options.out / "surviving.csv", index=False)
    print(ranked.groupby(["group", "region", "tried"])["classes_over_worlds"].describe().round(2).to_string())

    names = [each.name for each in features]
    plain = [names.index(each.name) for each in features_of("untextured")]
    tried = np.arange(len(names) - len(PART.columns), len(names))
    order = ranked.index.to_numpy()
    choices = {"untextured": plain, "untextured and tried": [*plain, *tried], "all": order}
    choices |= {f"best {number}": order[:number] for number in NUMBERS}
    owned = order[~np.isin(order, tried)]
    choices |= {f"best {number} of the package's": owned[:number] for number in NUMBERS}
    targets, head = {"worlds": {}, "own": {}, "real": {}}, sorted(set(train["class"]))
    given = {name: vote(columns, rows, train, scored_rows) for name, columns in choices.items()}
    for name, each in given.items():
        for part in ("worlds", "own"):
            take(targets[part], name, each[part], head, scored[part])
    table = pd.concat([figures(targets[part], list(given), CHOSEN[part]) for part in ("worlds", "own")])
    reached = table[table["figure"].str.contains("worlds")].groupby("model", sort=False)["score"].sum()
    chosen = reached.drop("untextured").idxmax()
    asked = list(dict.fromkeys(["untextured", "untextured and tried", chosen]))
    for name in asked:
        take(targets["real"], name, given[name]["real"], head, scored["real"])
    table = pd.concat([table, figures(targets["real"], asked, CHOSEN["real"])])
    table.to_csv(options.out / "best_features.csv", index=False)
    print(table.pivot(index="model", columns="figure", values="score").loc[list(given)].to_string())
    print(table[table["model"] == chosen].to_string())

    groups = {
        group: [k for k, each in enumerate(features) if each.group == group]
        for group in ("morphology", "colour", "texture")
    }
    groups |= {"tried": tried, "untextured": plain, chosen: choices[chosen]}
    found = probes(bench, groups, rows, train, scored, scored_rows)
    found.to_csv(options.out / "attributes.csv", index=False)
    print(found.pivot(index="attribute", columns="features", values="balanced_accuracy").to_string())


if __name__ == "__main__":
    main()

"""Steps away from a protocol: what labels, sizes and corruptions do to a score, on the same images and draws.

A protocol whose setting is like another's differs from it by that setting alone, so each of its figures has a partner.
Both are of the same test images; the bootstrap draws these once for all steps, and the interval of a change is paired.
"""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pandas as pd

from leukobench.metrics.catalogue import DEFAULT
from leukobench.metrics.drawing import REPLICATES
from leukobench.metrics.statistics import bootstrap
from leukobench.metrics.target import Target
from leukobench.report.layout import Images, Layout
from leukobench.running.protocols import protocols_of
from leukobench.running.setting import WORLD, condition_of, dataset_of

BETWEEN = "\x1f"  # model and step in one key of the bootstrap
ALL = "all conditions"
WORST = "worst tenth of worlds"
COLUMNS = ["model", "train", "step", "n_train", "pairs", "score", "low", "high"]
CHANGES = ["change", "change_low", "change_high", "error_ratio", "of_gap"]


def curves(run, gaps, metric=DEFAULT, *, replicates=REPLICATES, seed=0):
    """Every step beside the protocol that it is like.

    Parameters
    ----------
    run : reader.Run
    gaps : dict of str to float
        What each model loses to other laboratories (`gap` of the leaderboard), for comparison.
    metric : Metric, default balanced accuracy
    replicates : int, default 1000
        Bootstrap replicates.
    seed : int, default 0
        Of the bootstrap.

    Returns
    -------
    dict of str to DataFrame
        Name of a protocol that others of the run are like to a table; one row per model, source ("" for the mean of
        all) and step, the protocol itself first:

        - `step`: a protocol, or a condition; of corruptions also each over all severities, and all of them; of
          simulated laboratories also all of them, and the tenth in which the model does worst;
        - `n_train`: mean number of training images; `pairs`: train x test combinations in the mean, those that every
          step of the model has with all planned seeds, without targets that its weights have seen;
        - `score`, `low`, `high`: mean over these and its 95 % interval;
        - `change`, `change_low`, `change_high`: step less the protocol itself, paired;
        - `error_ratio`: 1 - score of the step over that of the protocol itself, of metrics from 0 to 1, 1 the best;
        - `of_gap`: loss over the model's gap. It compares sizes, and says nothing of causes.
    """
    present = {protocol.name: protocol for protocol in protocols_of({record["protocol"] for record in run.records})}
    tables = {}
    for base in present:
        steps = [name for name, protocol in present.items() if protocol.setting.like == base]
        if steps:
            tables[base] = _curve(run, base, steps, gaps, metric, replicates, seed)
    return tables


def _curve(run, base, steps, gaps, metric, replicates, seed):
    taken = _Taken(run, metric)
    # What is shown of a dataset comes first: the protocol itself, the last, is then scored on the same images.
    order = [*steps, base]
    records = [record for record in run.records if record["protocol"] in order]
    for record in sorted(records, key=lambda record: order.index(record["protocol"])):
        taken.add(record)
    scores = bootstrap(dict(sorted(taken.targets.items())), replicates=replicates, seed=seed)
    keys = scores.keys.to_frame(index=False)
    keys[["model", "step"]] = keys["model"].str.split(BETWEEN, expand=True)
    keys["pair"] = list(zip(keys["train"], keys["test"], strict=True))
    rows = []
    for model, own in keys.groupby("model", sort=False):
        pairs = set.intersection(*(set(pairs) for _, pairs in own.groupby("step")["pair"])) - taken.lost[model]
        own = own[own["pair"].isin(pairs)]
        if own.empty:
            continue
        whole = {step: [step] for step in taken.steps}
        for train in ["", *sorted(own["train"].unique())]:
            some = own if not train else own[own["train"] == train]
            alone = {step: scores.interval(_weights(len(keys), some, [step]))[0] for step in whole}
            for step, members in _aggregated(whole, base, alone).items():
                mean, start = (_weights(len(keys), some, which) for which in (members, [base]))
                row = {"model": model, "train": train, "step": step, "pairs": some["pair"].nunique()}
                row |= {"n_train": taken.trained(model, members, some["train"])}
                row |= dict(zip(("score", "low", "high"), scores.interval(mean), strict=True))
                if step != base:
                    row |= dict(zip(CHANGES[:3], scores.interval(mean - start), strict=True))
                    row |= _ratios(row, metric, gaps.get(model, np.nan) if not train else np.nan)
                rows.append(row)
    return pd.DataFrame(rows, columns=[*COLUMNS, *CHANGES])


def _aggregated(steps, base, scores):
    """Steps, the protocol itself first; of conditions also each corruption, all, all worlds, and the worst of them."""
    groups = defaultdict(list)
    for step in steps:
        if step.rpartition("-")[2].isdigit():
            groups[step.rpartition("-")[0]].append(step)
    worlds = sorted(groups.get(WORLD, ()), key=scores.get)
    worst = {WORST: worlds[: -(-len(worlds) // 10)]} if worlds else {}
    corrupted = [step for name, group in groups.items() if name != WORLD for step in group]
    every = {ALL: corrupted} if corrupted else {}
    return {base: [base]} | steps | groups | worst | every


def _weights(n, some, steps):
    chosen = np.zeros(n)
    chosen[some.index[some["step"].isin(steps)]] = 1
    return chosen / chosen.sum()


def _ratios(row, metric, gap):
    found = {"of_gap": -metric.sign * row["change"] / gap if gap > 0 else np.nan}
    if metric.bounded and metric.sign > 0:
        found["error_ratio"] = (1 - row["score"]) / max(1 - row["score"] + row["change"], np.finfo(float).eps)
    return found


class _Taken:
    """What classifiers answered at every step, on the images that are the same at all of them."""

    def __init__(self, run, metric):
        self.run, self.metric, self.images = run, metric, Images()
        self.targets, self.shown, self.lost, self.sizes = {}, {}, defaultdict(set), defaultdict(list)
        self.steps = {}  # in order

    def add(self, record):
        """Take up a run cell; what is lacking is left out of all steps of its model."""
        seen = set(record.get("contamination", ()))
        for test in record["targets"]:
            if record["status"] != "ok" or dataset_of(test) in seen:
                self.lost[record["model"]].add((record["train"], dataset_of(test)))
        if record["status"] != "ok":
            return
        table, probabilities = self.run.predictions(record)
        layout = Layout(table, record["head_classes"], record, self.images)
        for test, part in layout.parts.items():
            name, condition = dataset_of(test), condition_of(test)
            hashes = self.images.truth[test][0]
            shown = self.shown.setdefault(name, hashes)
            at = np.flatnonzero(np.isin(hashes, shown))
            part = replace(part, rows=part.rows[at], true=part.true[at], clusters=part.clusters[at])
            _, answers = part.answers(probabilities[part.rows], self.run.suite["min_test_images"])
            if not self.metric.defined(answers):
                self.lost[record["model"]].add((record["train"], name))
                continue
            step = condition or record["protocol"]
            self.steps[step] = None
            target = self.targets.setdefault(name, Target(part.true, part.clusters, self.metric))
            target.add((record["train"], record["model"] + BETWEEN + step), part.kept, answers)
            self.sizes[record["model"], step, record["train"]].append(record["n_train"])

    def trained(self, model, steps, trains):
        """Mean number of training images."""
        return float(np.mean([n for step in steps for train in set(trains) for n in self.sizes[model, step, train]]))


def as_pivot(table):
    """A table for people: steps in rows, models in columns, with the change and its interval; no single severities.

    Parameters
    ----------
    table : DataFrame
        One of `curves`.

    Returns
    -------
    DataFrame of str
    """
    rows = table[(table["train"] == "") & ~table["step"].str.contains(r"-\d+$")]
    text = [_cell(row) for row in rows.to_dict("records")]
    pivot = rows.assign(text=text).pivot_table(
        index="step", columns="model", values="text", aggfunc="first", sort=False
    )
    return pivot.reset_index()


def _cell(row):
    if pd.isna(row["change"]):
        return f"{row['score']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
    return f"{row['score']:.3f}, {row['change']:+.3f} [{row['change_low']:+.3f}, {row['change_high']:+.3f}]"

"""From predictions to scores: one row per protocol x train x test x model x seed, and what the bootstrap needs."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from leukobench.errors import UsageError
from leukobench.evaluation.metrics import METRICS, score_codes
from leukobench.evaluation.statistics import Target
from leukobench.report.reader import PROTOCOLS

IDENTITY = ["protocol", "train", "test", "model", "seed"]
TIMES = ["tune_s", "fit_s", "predict_ms_per_image"]  # the only columns that differ between two runs of one plan
SAME_CLASSES = "within_same_classes"  # of a pairwise row: the source's own score on the classes averaged there


@dataclass
class Cells:
    """Scores of a run.

    Parameters
    ----------
    table : DataFrame
        See `cells_table`.
    targets : dict of str -> Target
        Per dataset, who got which image right under `protocol`; input of `statistics.bootstrap`.
    columns : dict of str -> list of (train, model)
        The classifiers behind the columns of each target.
    """

    table: pd.DataFrame
    targets: dict
    columns: dict


def cells_table(run):
    """Score every run cell on each of its targets.

    Parameters
    ----------
    run : Run

    Returns
    -------
    DataFrame
        Columns as `docs/protocol.md` lists them; sorted by protocol, train, test, model and seed. A run cell that has
        failed or is missing gives a row per target, with its status and no scores.
    """
    return score_cells(run).table


def score_cells(run, protocol="pairwise"):
    """Score every run cell, and keep what a bootstrap of one protocol needs.

    Parameters
    ----------
    run : Run
    protocol : str, default "pairwise"
        Protocol whose hits are kept.

    Returns
    -------
    Cells
    """
    images, layouts, rows, hits = _Images(), {}, [], _Hits()
    limit = run.suite["min_test_images"]
    sources = defaultdict(dict)  # (train, model, seed) -> test -> (shared, averaged) of the pairwise rows
    own = {}  # (train, model, seed, shared, averaged) -> the source's own balanced accuracy on them
    # Pairwise first: it says on which classes the within predictions are scored again for the gap.
    for record in sorted(run.records, key=lambda record: record["protocol"] != "pairwise"):
        key = record["train"], record["model"], record["seed"]
        if record["status"] != "ok":
            rows += [_facts(record, test) for test in record["targets"]]
            continue
        table, probabilities = run.predictions(record)
        head = record["head_classes"]
        place = record["protocol"], record["train"], tuple(head)
        layout = layouts.get(place)
        if layout is None or not layout.table.equals(table):
            layout = layouts[place] = _Layout(table, head, record, images)
        for test in record["targets"]:
            part = layout.parts[test]
            deployed, shared, averaged = part.score(probabilities[part.rows], limit)
            rows.append(_facts(record, test) | _figures(deployed, shared))
            if record["protocol"] == protocol and len(averaged) > 1:
                hits.add(test, record, averaged, part.hits(probabilities[part.rows], part.shared))
            if record["protocol"] == "pairwise":
                sources[key][test] = part.shared, averaged
            if record["protocol"] == "within":
                for classes in set(sources[key].values()):
                    own[key, classes] = part.balanced_accuracy(probabilities[part.rows], *classes)
    for row in rows:
        if row["protocol"] == "pairwise":
            key = row["train"], row["model"], row["seed"]
            row[SAME_CLASSES] = own.get((key, sources[key].get(row["test"])), np.nan)
    return Cells(_as_table(rows, run), *hits.targets(images))


class _Images:
    """The test images of each dataset, the same whoever predicts them: sorted hashes, true classes, clusters."""

    def __init__(self):
        self.truth = {}

    def order(self, test, hashes, true, groups, record):
        """Positions that sort a table's images of one dataset by hash, once it is sure they are the same images."""
        order = np.argsort(hashes)
        truth = hashes[order], true[order], groups[order]
        known = self.truth.setdefault(test, truth)
        if not all(np.array_equal(a, b) for a, b in zip(known, truth, strict=True)):
            cell = "{protocol} {train} {model} {seed}".format(**record)
            raise UsageError(
                f"predictions/{record['fingerprint']}.parquet ({cell}) is not about the same images of {test} "
                "as the other cells",
                "records of different data were mixed: run again into a new --out",
            )
        return order


class _Layout:
    """What all predictions of one source and head share: which rows are whose, and the classes there."""

    def __init__(self, table, head, record, images):
        self.table, self.parts = table, {}
        columns = {name: table[name].to_numpy().astype(str) for name in ("test", "sha256", "true")}
        groups = table["group"].to_pandas().fillna("").to_numpy().astype(str)
        for test in record["targets"]:
            rows = np.flatnonzero(columns["test"] == test)
            hashes, true = columns["sha256"][rows], columns["true"][rows]
            if len(rows):
                rows = rows[images.order(test, hashes, true, groups[rows], record)]
            self.parts[test] = _Part(rows, columns["true"][rows], head)


@dataclass
class _Part:
    """Images of one target, sorted by hash, seen from one head."""

    rows: np.ndarray
    true: np.ndarray
    head: list
    labels: list = field(init=False)

    def __post_init__(self):
        names = sorted(set(self.true.tolist()))
        self.labels = [*self.head, *(name for name in names if name not in self.head)]
        self.codes = np.array([self.labels.index(name) for name in self.true], int)
        self.shared = tuple(name for name in self.head if name in names)
        self.columns = np.array([self.head.index(name) for name in self.shared], int)
        self.whole = len(self.shared) == len(self.labels)
        self.kept = np.isin(self.codes, self.columns)
        self.shared_codes = np.searchsorted(self.columns, self.codes[self.kept])

    def score(self, probabilities, limit):
        """Deployed scores, shared scores, and the classes that the shared means are over."""
        deployed = shared = score_codes(self.codes, probabilities, self.labels, None, limit)
        if not self.whole:
            known = probabilities[self.kept][:, self.columns]
            shared = score_codes(self.shared_codes, known, list(self.shared), None, limit)
        return deployed, shared, tuple(name for name in shared["classes"] if name not in shared["rare"])

    def hits(self, probabilities, shared):
        """Whether the class in `shared` with the highest probability is the true one, per image."""
        columns = np.array([self.head.index(name) for name in shared], int)
        return columns[probabilities[:, columns].argmax(axis=1)] == self.codes

    def balanced_accuracy(self, probabilities, shared, averaged):
        """Mean recall over `averaged` when only the classes `shared` can be answered."""
        if len(averaged) < 2 or not set(averaged) <= set(self.true):
            return np.nan
        hit = self.hits(probabilities, shared)
        return float(np.mean([hit[self.true == name].mean() for name in averaged]))


class _Hits:
    """Per target and classifier: how many seeds got each image right."""

    def __init__(self):
        self.sums, self.runs = defaultdict(dict), defaultdict(dict)

    def add(self, test, record, averaged, hit):
        key = record["train"], record["model"], averaged
        self.sums[test][key] = self.sums[test].get(key, 0) + hit.astype(np.uint16)
        self.runs[test][key] = self.runs[test].get(key, 0) + 1

    def targets(self, images):
        targets, columns = {}, {}
        for test in sorted(self.sums):
            keys = sorted(self.sums[test])
            _, labels, groups = images.truth[test]
            # An image whose group is unknown is a cluster of its own.
            names = np.where(groups == "", [f"\0{i}" for i in range(len(groups))], groups)
            hits = np.column_stack([self.sums[test][key] for key in keys])
            runs = np.array([self.runs[test][key] for key in keys])
            clusters = np.unique(names, return_inverse=True)[1]
            targets[test] = Target(labels, clusters, hits, runs, [set(averaged) for *_, averaged in keys])
            columns[test] = [(train, model) for train, model, _ in keys]
        return targets, columns


def _facts(record, test):
    """Columns of a row that come from the record."""
    times = record.get("times", {})
    left_out = record.get("left_out_classes", {})
    return {
        "protocol": record["protocol"],
        "train": record["train"],
        "test": test,
        "model": record["model"],
        "family": record.get("family"),
        "transductive": record.get("transductive"),
        "contaminated": test in record.get("contamination", ()),
        "seed": record["seed"],
        "status": record["status"],
        "error": record.get("error", ""),
        "left_out_classes": " ".join(f"{name}:{count}" for name, count in sorted(left_out.items())),
        "n_train": record.get("n_train"),
        "fingerprint": record["fingerprint"],
        **{name: times.get(name) for name in TIMES},
    }


def _figures(deployed, shared):
    """Columns of a row that come from the predictions."""
    row = {"rare_classes": " ".join(shared["rare"])}
    for prefix, result in (("", shared), ("deployed_", deployed)):
        row |= {prefix + "n": result["n"], prefix + "classes": " ".join(result["classes"])}
        row |= {prefix + name: result[name] for name in METRICS}
        row |= {f"{prefix}recall_{name}": value for name, value in result["recall"].items()}
    return row


def _as_table(rows, run):
    """Rows as a table with every column there, in a fixed order of rows and columns."""
    found = {name for row in rows for name in row}
    recalls = [sorted(n for n in found if n.startswith(prefix)) for prefix in ("recall_", "deployed_recall_")]
    columns = [
        *IDENTITY[:4],
        *[
            "family",
            "transductive",
            "contaminated",
            "seed",
            "status",
            "error",
            "n",
            "classes",
            "rare_classes",
            "left_out_classes",
        ],
        *METRICS,
        *recalls[0],
        *["deployed_n", "deployed_classes"],
        *(f"deployed_{name}" for name in METRICS),
        *recalls[1],
        *[SAME_CLASSES, "n_train", "fingerprint"],
    ]
    table = pd.DataFrame(rows, columns=[*columns, *TIMES])
    for name in ("family", "transductive"):  # a cell that has not run knows neither: its model's other cells do
        known = table.dropna(subset=name).groupby("model")[name].first()
        table[name] = table[name].where(table[name].notna(), table["model"].map(known))
    table["family"] = table["family"].fillna("")
    table["transductive"] = table["transductive"].fillna(False).astype(bool)
    counts = ["seed", "n", "deployed_n", "n_train"]
    table[counts] = table[counts].astype("Int64")
    numbers = [*METRICS, *(f"deployed_{m}" for m in METRICS), *recalls[0], *recalls[1], SAME_CLASSES, *TIMES]
    table[numbers] = table[numbers].astype(float)
    suite = run.suite
    table.insert(5, "groups_unknown", table["test"].isin(run.plan["groups_unknown"]))
    table.insert(0, "synthetic", bool(run.plan["synthetic"]))
    table.insert(1, "suite", suite["name"])
    table.insert(2, "level", suite["level"])
    table.insert(3, "budget", suite["budget"]["name"])
    rank = {name: i for i, name in enumerate(PROTOCOLS)}
    by = [table["protocol"].map(rank), *(table[name] for name in IDENTITY[1:])]
    order = pd.concat(by, axis=1, keys=range(len(by))).sort_values(list(range(len(by))), kind="stable").index
    return table.loc[order].reset_index(drop=True)

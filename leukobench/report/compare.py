"""Two runs beside each other: two versions, two machines or two budgets, and what changed between them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from leukobench.errors import UsageError, in_one_line
from leukobench.metrics import Metric, get_metric
from leukobench.metrics.drawing import REPLICATES
from leukobench.metrics.statistics import Scores, bootstrap
from leukobench.report.cells import score_cells
from leukobench.report.columns import SAME_CLASSES, TIMES
from leukobench.report.layout import Images
from leukobench.report.leaderboard import COMBINATION, combinations, headline_protocol
from leukobench.report.reader import read_run
from leukobench.running.changes import differences
from leukobench.running.environment import software_changes
from leukobench.running.store import RunFolder
from leukobench.text import from_csv

MACHINE = ("processor", "cores", "memory_gib", "gpu", "platform", "jobs")
NEEDED = ["synthetic", *COMBINATION, "seed", "status", "contaminated", "fingerprint", SAME_CLASSES, *TIMES]
AGAIN = "name a folder that `leukobench run` or `leukobench report` wrote"


@dataclass(frozen=True)
class Side:
    """One of two runs.

    Parameters
    ----------
    folder : Path
    cells : DataFrame
        `cells.csv`.
    environment, suite : dict
        Empty where the folder does not say.
    scores : Scores or None
        Bootstrap of the protocol that ranks; None where no predictions are kept.
    images : Images or None
        The test images.
    """

    folder: Path
    cells: pd.DataFrame
    environment: dict
    suite: dict
    scores: Scores | None = None
    images: Images | None = None


@dataclass(frozen=True)
class Comparison:
    """What two runs say of the models that both have.

    Parameters
    ----------
    one, other : Side
        Differences are of the first minus the second.
    metric : Metric
    protocol : str
        That ranks.
    models : DataFrame
        Per model and protocol: `pairs` (train x test that both completed), `one`, `other`, `difference`, `ci_low`,
        `ci_high` (paired, in the protocol that ranks, where both kept predictions of the same images), and the same of
        times.
    pairs : DataFrame
        The same differences of each protocol, train, test and model.
    changes : list of str
        What differs in suite, data, software and machine, one line each.
    """

    one: Side
    other: Side
    metric: Metric
    protocol: str
    models: pd.DataFrame
    pairs: pd.DataFrame
    changes: list


def compare(folder, other, *, rank_by="balanced_accuracy", replicates=REPLICATES, seed=0):
    """Compare two run folders, or a run folder with one that holds the tables alone.

    Parameters
    ----------
    folder, other : path-like
    rank_by : str or Metric, default "balanced_accuracy"
    replicates : int, default 1000
    seed : int, default 0

    Returns
    -------
    Comparison

    Raises
    ------
    UsageError
        A folder holds neither a run nor `cells.csv`, or the two have no model and pair in common.
    """
    metric = get_metric(rank_by)
    folder, other = Path(folder), Path(other)
    protocol = headline_protocol(_protocols(folder)).name
    one, two = (_side(each, protocol, metric, replicates, seed) for each in (folder, other))
    pairs = _pairs(one, two, metric)
    if pairs.empty:
        raise UsageError(f"{folder} and {other} have no model, source and target in common", "compare alike suites")
    ranking = pairs[pairs.index.get_level_values("protocol") == protocol].droplevel("protocol")
    intervals = _intervals(one, two, ranking) if one.scores and two.scores else {}
    models = pairs.groupby(level=["model", "protocol"]).mean()
    models.insert(0, "pairs", pairs.groupby(level=["model", "protocol"]).size())
    none = np.nan, np.nan
    ends = [intervals.get(model, none) if name == protocol else none for model, name in models.index]
    models[["ci_low", "ci_high"]] = np.array(ends).reshape(-1, 2)
    return Comparison(one, two, metric, protocol, models.reset_index(), pairs.reset_index(), _changes(one, two))


def _is_bare(folder):
    """Whether a folder holds tables alone, with no plan or no predictions."""
    kept = (folder / "predictions").is_dir() or (folder / "records.parquet").exists()
    return not (folder / "plan.json").exists() or not kept


def _protocols(folder):
    if _is_bare(folder):
        return set(_cells(folder)["protocol"])
    return {record["protocol"] for record in read_run(folder).records}


def _side(folder, protocol, metric, replicates, seed):
    environment = RunFolder(folder).read_json("environment.json") or {}
    if _is_bare(folder):
        return Side(folder, _cells(folder), environment, {})
    run = read_run(folder)
    scored = score_cells(run, protocol, metric)
    scores = bootstrap(scored.targets, replicates=replicates, seed=seed)
    return Side(folder, scored.table, environment, run.suite, scores, scored.images)


def _cells(folder):
    if not (folder / "cells.csv").exists():
        raise UsageError(f"{folder} is no run folder, and holds no cells.csv", "name the --out folder of a run")
    try:
        cells = from_csv(pd.read_csv(folder / "cells.csv"))
    except ValueError as error:  # of the parser, and of bytes that are no text
        raise UsageError(f"{folder / 'cells.csv'} is not a readable table ({in_one_line(error)})", AGAIN) from error
    if missing := sorted({*NEEDED} - {*cells.columns}):
        raise UsageError(f"{folder / 'cells.csv'} has no column {missing[0]}", AGAIN)
    return cells


def _pairs(one, two, metric):
    """Scores of both, of the combinations that both have whole and that no weights have seen."""
    tables = {}
    for name, side in (("one", one), ("other", two)):
        if {metric.column, f"deployed_{metric.name}"} - {*side.cells.columns}:
            raise UsageError(f"the tables of {side.folder} have no {metric.title}", "compare by another --rank-by")
        means = combinations(side.cells, metric)
        whole = means[means["complete"] & ~means["contaminated"] & means["score"].notna()]
        times = side.cells.groupby(whole.index.names)[TIMES].mean().reindex(whole.index).add_prefix(f"{name}_")
        tables[name] = times.assign(**{name: whole["score"]})
    pairs = tables["one"].join(tables["other"], how="inner")
    pairs["difference"] = pairs["one"] - pairs["other"]
    first = ["one", "other", "difference"]
    return pairs[[*first, *pairs.columns.drop(first)]]


def _intervals(one, two, pairs):
    """Paired intervals of the models whose pairs are all about the same images in both runs."""
    both = Scores(
        one.scores.keys.append(two.scores.keys),
        np.concatenate([one.scores.point, two.scores.point]),
        np.concatenate([one.scores.replicates, two.scores.replicates], axis=1),
        two.scores.precision | one.scores.precision,
        one.scores.bounded,
    )
    same = {test for test in one.images.truth if one.images.same(two.images, test)}
    found = {}
    for model, rows in pairs.groupby(level="model"):
        if not {*rows.index.get_level_values("test")} <= same:
            continue
        chosen = [side.scores.weights(side.scores.keys.isin(rows.index)) for side in (one, two)]
        found[model] = both.interval(np.concatenate([chosen[0], -chosen[1]]))[1:]
    return found


def _changes(one, two):
    lines = [f"suite: {line}" for line in differences(two.suite, one.suite)] if one.suite and two.suite else []
    models = [set(side.cells["model"]) for side in (one, two)]
    for side, alone in ((one, models[0] - models[1]), (two, models[1] - models[0])):
        if alone:
            lines.append(f"only in {side.folder.name}: {', '.join(sorted(alone))}")
    prints = [set(side.cells["fingerprint"].dropna()) for side in (one, two)]
    shared = len(prints[0] & prints[1])
    lines.append(f"run cells of the same inputs: {shared} of {len(prints[0])} and of {len(prints[1])}")
    if {"leukobench"} <= one.environment.keys() & two.environment.keys():  # a merged run has those of its parts
        lines += [f"software: {line}" for line in software_changes(two.environment, one.environment)]
        before, now = ({name: side.environment.get(name) for name in MACHINE} for side in (two, one))
        lines += [f"machine: {line}" for line in differences(before, now)]
        if one.environment.get("index_hash") != two.environment.get("index_hash"):
            lines.append("data: the two indexes are not the same")
    return lines

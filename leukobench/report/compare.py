"""Two runs, or two models, beside each other: how far they are apart, how sure that is, and what changed."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from leukobench.errors import UsageError, in_one_line, unknown
from leukobench.metrics import Metric, get_metric
from leukobench.metrics.drawing import REPLICATES
from leukobench.metrics.significance import flip_test
from leukobench.metrics.statistics import Scores, bootstrap
from leukobench.report.cells import score_cells
from leukobench.report.columns import SAME_CLASSES, TIMES
from leukobench.report.layout import Images
from leukobench.report.leaderboard import COMBINATION, combinations, headline_protocol
from leukobench.report.pairing import means_of, paired_intervals
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
    label : str
        What tables call it.
    cells : DataFrame
        `cells.csv`; of the one model that is compared, where two models are.
    environment, suite : dict
        Empty where the folder does not say.
    scores : Scores or None
        Bootstrap of the protocol that ranks; None where no predictions are kept.
    images : Images or None
        The test images.
    """

    folder: Path
    label: str
    cells: pd.DataFrame
    environment: dict
    suite: dict
    scores: Scores | None = None
    images: Images | None = None


@dataclass(frozen=True)
class Comparison:
    """What two runs say of the models that both have, or what lies between two models.

    Parameters
    ----------
    one, other : Side
        Differences are of the first minus the second.
    metric : Metric
    protocol : str
        That ranks.
    models : DataFrame
        Per model and protocol: `pairs` (train x test that both completed), `one`, `other`, `difference`, `ci_low`,
        `ci_high` and `p` (paired, in the protocol that ranks, where both kept predictions of the same images), `p_holm`
        (adjusted for the number of models), `ahead` (targets on which the first is ahead, of how many), `p_targets`
        (see `significance.flip_test`: each target is one difference), and the same of times. Of two models there is one
        row a protocol, under both their names.
    targets : DataFrame
        The same of each model and target, in the protocol that ranks; `p_holm` is adjusted for all of its rows.
    pairs : DataFrame
        The same differences of each protocol, train, test and model.
    changes : list of str
        What differs in suite, data, software and machine, one line each; none within one folder.
    """

    one: Side
    other: Side
    metric: Metric
    protocol: str
    models: pd.DataFrame
    targets: pd.DataFrame
    pairs: pd.DataFrame
    changes: list


def compare(folder, other, *, models=None, rank_by="balanced_accuracy", replicates=REPLICATES, seed=0):
    """Compare two run folders, or a run folder with one that holds the tables alone, or two models.

    Parameters
    ----------
    folder, other : path-like
    models : (str, str), optional
        A model of either folder, which may be the same: these two are compared, and no others.
    rank_by : str or Metric, default "balanced_accuracy"
    replicates : int, default 1000
    seed : int, default 0

    Returns
    -------
    Comparison

    Raises
    ------
    UsageError
        A folder holds neither a run nor `cells.csv`, or the two have no model and pair in common; there is no such
        model in it, or both are the same of one folder.
    """
    metric = get_metric(rank_by)
    folder, other = Path(folder), Path(other)
    if folder == other and (not models or models[0] == models[1]):
        raise UsageError("there is nothing to compare: both are the same", "name two models, or two run folders")
    protocol = headline_protocol(_protocols(folder)).name
    called = models or (folder.name, other.name)
    labels = called if called[0] != called[1] else (str(folder), str(other))
    name, chosen = f"{labels[0]} - {labels[1]}" if models else None, models or (None, None)
    one, two = (
        _side(each, label, model, name, protocol, metric, replicates, seed)
        for each, label, model in zip((folder, other), labels, chosen, strict=True)
    )
    pairs = _pairs(one, two, metric)
    if pairs.empty:
        raise UsageError(
            f"{labels[0]} and {labels[1]} have no model, source and target in common", "compare alike suites"
        )
    ranking = pairs[pairs.index.get_level_values("protocol") == protocol].droplevel("protocol")
    sure = paired_intervals(one, two, ranking, ["model"]).assign(protocol=protocol).set_index("protocol", append=True)
    by_target = ranking.groupby(["model", "test"])["difference"].mean()
    won = by_target.groupby("model").agg(ahead=lambda each: f"{(each > 0).sum()}/{len(each)}", p_targets=flip_test)
    table = means_of(pairs, ["model", "protocol"]).join(sure)
    table = table.join(won.assign(protocol=protocol).set_index("protocol", append=True))
    targets = means_of(ranking, ["model", "test"]).join(paired_intervals(one, two, ranking, ["model", "test"]))
    changes = _changes(one, two) if folder != other else []
    return Comparison(
        one, two, metric, protocol, table.reset_index(), targets.reset_index(), pairs.reset_index(), changes
    )


def _is_bare(folder):
    """Whether a folder holds tables alone, with no plan or no predictions."""
    kept = (folder / "predictions").is_dir() or (folder / "records.parquet").exists()
    return not (folder / "plan.json").exists() or not kept


def _protocols(folder):
    if _is_bare(folder):
        return set(_cells(folder)["protocol"])
    return {record["protocol"] for record in read_run(folder).records}


def _side(folder, label, model, name, protocol, metric, replicates, seed):
    """One side; where a model of it is chosen, that alone, and called by the name that both sides have."""
    environment = RunFolder(folder).read_json("environment.json") or {}
    if _is_bare(folder):
        return Side(folder, label, _called(_cells(folder), model, name, folder), environment, {})
    run = read_run(folder)
    if model:
        run = replace(run, records=[record for record in run.records if record["model"] == model] or run.records)
    scored = score_cells(run, protocol, metric)
    scores = bootstrap(scored.targets, replicates=replicates, seed=seed)
    cells = _called(scored.table, model, name, folder)
    if model:
        scores = replace(scores, keys=pd.MultiIndex.from_frame(scores.keys.to_frame(index=False).assign(model=name)))
    return Side(folder, label, cells, environment, run.suite, scores, scored.images)


def _called(cells, model, name, folder):
    """The rows of one model under another name; all of them as they are where none is chosen."""
    if not model:
        return cells
    if model not in {*cells["model"]}:
        raise unknown(f"model of {folder}", model, sorted({*cells["model"]}))
    return cells[cells["model"] == model].assign(model=name)


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


def _changes(one, two):
    lines = [f"suite: {line}" for line in differences(two.suite, one.suite)] if one.suite and two.suite else []
    models = [set(side.cells["model"]) for side in (one, two)]
    for side, alone in ((one, models[0] - models[1]), (two, models[1] - models[0])):
        if alone:
            lines.append(f"only in {side.label}: {', '.join(sorted(alone))}")
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

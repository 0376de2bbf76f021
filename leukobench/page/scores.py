"""Every figure that the switches of the page choose from: metric x scoring x protocol, worked out once."""

import numpy as np

from leukobench.metrics.significance import rank_tests
from leukobench.report.intervals import choices, scored_as
from leukobench.report.leaderboard import RANKED, combinations

SCORINGS = {"shared": "score", "deployed": "deployed"}
PLACE = ["protocol", "metric", "scoring"]
DIGITS = 4  # of the scores in the page: they are shown with three


def switches(report):
    """What can be chosen: metrics and protocols of a run, those that rank first, and the targets that they have.

    Parameters
    ----------
    report : Report

    Returns
    -------
    metrics : list of Metric
    protocols : list of Protocol
    tests : list of str
    """
    protocols, metrics = choices(report.run, report.metric)
    there = report.cells["test"][report.cells["protocol"].isin([protocol.name for protocol in protocols])]
    datasets = report.run.suite["datasets"]
    return metrics, protocols, [*datasets, *sorted(set(there) - set(datasets))]


def score_tables(report):
    """Scores of every protocol x train x test x model, and of every model, by each metric and scoring.

    Parameters
    ----------
    report : Report

    Returns
    -------
    dict
        `keys` (columns protocol, train, test and model, as numbers), `trains` (names), `contaminated` (rows), `scores`
        (metric -> scoring -> one number per row) and `means` (metric -> scoring -> protocol -> what `_means` gives).
    """
    metrics, protocols, tests = switches(report)
    models, names = list(report.board["model"]), [protocol.name for protocol in protocols]
    cells = report.cells[report.cells["protocol"].isin(names)]
    tables = {metric.name: combinations(cells, metric) for metric in metrics}
    board = report.board
    index = tables[report.metric.name].index
    trains = list(dict.fromkeys(index.get_level_values("train")))
    order = {
        "protocol": names,
        "train": trains,
        "test": tests,
        "model": models,
    }
    keys = {name: [values.index(each) for each in index.get_level_values(name)] for name, values in order.items()}
    scores, means = {}, {}
    intervals = dict([*report.intervals.groupby(PLACE)])
    sides = dict([*report.by_target.groupby(PLACE)])
    for metric in metrics:
        table = tables[metric.name]
        scores[metric.name] = {scoring: rounded(table[column]) for scoring, column in SCORINGS.items()}
        means[metric.name] = {scoring: {} for scoring in SCORINGS}
        for scoring, column in SCORINGS.items():
            drawn = "deployed" if scored_as(metric, scoring).deployed else "shared"
            for name in names:
                place = name, metric.name, drawn
                means[metric.name][scoring][name] = (
                    _means(table.xs(name, level="protocol"), column, board, metric)
                    | _intervals(intervals.get(place), models)
                    | {"sides": _sides(sides.get(place))}
                )
    contaminated = np.flatnonzero(tables[report.metric.name]["contaminated"]).tolist()
    return {"keys": keys, "trains": trains, "contaminated": contaminated, "scores": scores, "means": means}


def models_sides(report):
    """The side of each model of the leaderboard, in its order.

    Parameters
    ----------
    report : Report

    Returns
    -------
    list of str
    """
    sides = report.run.sides
    return [sides.get(model, "") for model in report.board["model"]]


def rounded(values, digits=DIGITS):
    """Numbers as JSON has them: few digits, None where there is none.

    Parameters
    ----------
    values : sequence of float
    digits : int, default 4

    Returns
    -------
    list of float or None

    Examples
    --------
    >>> rounded([0.123456, float("nan")])
    [0.1235, None]
    """
    return [None if value != value else value for value in np.asarray(values, float).round(digits).tolist()]


def _intervals(table, models):
    """Ends of the interval of each model, and how often its images were drawn."""
    if table is None:
        return {"intervals": [[None, None]] * len(models), "replicates": None}
    ends = table.set_index("model")[["ci_low", "ci_high"]].reindex(models)
    return {"intervals": [rounded(each) for each in ends.to_numpy()], "replicates": int(table["replicates"].iloc[0])}


def _sides(table):
    """Sides on each target with their intervals."""
    return [
        {"test": row.test, "way": row.way, "side": row.side, "models": row.models}
        | {"interval": rounded([row.score, row.ci_low, row.ci_high])}
        for row in (() if table is None else table.itertuples())
    ]


def _means(table, column, board, metric):
    """Of each model: mean without contaminated targets, rank within its section, worst target; and the rank tests."""
    clean = table[~table["contaminated"]]
    by_model = clean.groupby("model")[column]
    models, sections = board["model"], board["section"]
    mean = models.map(by_model.mean())
    whole = models.map(table.groupby("model")["complete"].all()).eq(True) & mean.notna()
    rank = (-metric.sign * mean).where(whole & sections.isin(RANKED)).groupby(sections).rank("min")
    by_target = (metric.sign * clean.groupby(["model", "test"])[column].mean()).dropna()
    worst = by_target.loc[by_target.groupby("model").idxmin()].reset_index().set_index("model")
    places = clean[column].unstack("model")
    compared = [name for name in models[whole & sections.eq("inductive")] if name in places]
    return {
        "mean": rounded(mean),
        "rank": [None if each != each else int(each) for each in rank],
        "worst": [worst["test"].get(name) for name in models],
        "worst_score": rounded([metric.sign * worst[column].get(name, np.nan) for name in models]),
        "ranks": rank_tests(metric.sign * places[compared]),
    }

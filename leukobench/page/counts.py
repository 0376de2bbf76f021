"""What is counted on each target: who was called what, what a laboratory would report, and how far people agree."""

import numpy as np

from leukobench.page.scores import SCORINGS, rounded


def confusions(report, protocols):
    """Counts of all sources and seeds together.

    Parameters
    ----------
    report : Report
    protocols : list of Protocol

    Returns
    -------
    dict
        Protocol -> scoring -> place of the model in the leaderboard -> target -> `labels` and `counts`, row by row.
    """
    by = ["protocol", "scoring", "model", "test"]
    models = {name: i for i, name in enumerate(report.board["model"])}
    found = {}
    shown = report.confusion[report.confusion["protocol"].isin([protocol.name for protocol in protocols])]
    pooled = shown.groupby([*by, "true", "predicted"], sort=False)["count"].sum().reset_index()
    for (protocol, scoring, model, test), table in pooled.groupby(by, sort=False):
        labels = sorted({*table["true"], *table["predicted"]})
        counts = np.zeros((len(labels), len(labels)), int)
        counts[[labels.index(x) for x in table["true"]], [labels.index(x) for x in table["predicted"]]] = table["count"]
        place = found.setdefault(protocol, {}).setdefault(scoring, {}).setdefault(models[model], {})
        place[test] = {"labels": labels, "counts": counts.ravel().tolist()}
    return found


def differential(report):
    """Error of the differential count in percentage points, mean over sources of its absolute value.

    Parameters
    ----------
    report : Report

    Returns
    -------
    dict
        Place of the model in the leaderboard -> target -> class -> number.
    """
    models = {name: i for i, name in enumerate(report.board["model"])}
    means = report.differential.groupby(["model", "test", "class"])["absolute_error_points"].mean()
    found = {}
    for (model, test, name), points in means.items():
        found.setdefault(models[model], {}).setdefault(test, {})[name] = round(points, 2)
    return found


def people(report, metrics):
    """How far people agree on each dataset that was labelled more than once, by the first pair of readings.

    Parameters
    ----------
    report : Report
    metrics : list of Metric

    Returns
    -------
    dict
        Metric -> scoring -> dataset -> number.
    """
    if report.ceiling.empty:
        return {}
    first = report.ceiling.groupby(["scoring", "dataset"], sort=False).first()
    return {
        metric.name: {
            scoring: dict(zip(table.index, rounded(table[metric.name]), strict=True))
            for scoring in SCORINGS
            for table in [first.loc[scoring]]
        }
        for metric in metrics
        if metric.name in first
    }

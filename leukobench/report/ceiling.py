"""How far people agree, in the suite's own metrics: what no model can be asked to exceed on these labels."""

from dataclasses import replace

import numpy as np
import pandas as pd

from leukobench.metrics import Answers
from leukobench.metrics.catalogue import DEFAULT, metrics_of
from leukobench.metrics.drawing import REPLICATES
from leukobench.metrics.scoring import score_answers
from leukobench.metrics.statistics import bootstrap
from leukobench.metrics.target import Target


def human_ceiling(run, metric=DEFAULT, *, replicates=REPLICATES, seed=0):
    """Agreement of readings of the same images, per dataset that was labelled more than once.

    Parameters
    ----------
    run : reader.Run
        Its plan holds the counts (`datasets.opinions`); plans of earlier versions hold none.
    metric : Metric, default balanced accuracy
        That the interval is of.
    replicates : int, default 1000
    seed : int, default 0

    Returns
    -------
    DataFrame
        One row per dataset, pair of readings and scoring: `dataset`, `readings`, `scoring`, `n`, `classes`,
        `rare_classes` (in no mean over classes), `ci_low` and `ci_high`, every metric that needs no probabilities, and
        `recall_<class>`. The first reading stands for the truth. As deployed, "unsure" and classes that the level lacks
        are answers, and wrong ones; shared scoring leaves these images out.
    """
    metrics = [each for each in metrics_of(run.suite).values() if not each.probabilistic]
    rows = []
    for dataset, pairs in run.plan.get("opinions", {}).items():
        for readings, counts in pairs.items():
            for scoring, some in (("shared", _limited(counts)), ("deployed", counts)):
                answers = _answers(some, run.suite["min_test_images"])
                figures = score_answers(answers, metrics)
                row = {"dataset": dataset, "readings": readings, "scoring": scoring, "n": figures["n"]}
                row |= {"classes": " ".join(figures["classes"]), "rare_classes": " ".join(figures["rare"])}
                low, high = _interval(dataset, answers, metric, replicates, seed)
                row |= {"ci_low": low, "ci_high": high} | {each.name: figures[each.name] for each in metrics}
                rows.append(row | {f"recall_{name}": value for name, value in figures["recall"].items()})
    return pd.DataFrame(rows)


def ceiling_of(report, dataset):
    """The metric that ranks of a dataset's own labels against the second annotator's first reading, shared scoring.

    Parameters
    ----------
    report : build.Report
    dataset : str

    Returns
    -------
    float
        NaN where nobody labelled the dataset again, or the metric needs probabilities.
    """
    table, name = report.ceiling, report.metric.name
    if name not in table:
        return np.nan
    own = table[(table["dataset"] == dataset) & (table["scoring"] == "shared")]
    return own[name].iloc[0] if len(own) else np.nan


def notes_of(ceiling, metric):
    """What must stand beside figures of datasets that were labelled more than once, a line each.

    Parameters
    ----------
    ceiling : DataFrame
        Of `human_ceiling`.
    metric : Metric
        That ranks.

    Returns
    -------
    list of str
    """
    if metric.name not in ceiling:
        return []
    first = ceiling[ceiling["scoring"] == "shared"].groupby("dataset", sort=False).head(1)
    return [
        f"people: on {row.dataset} the second annotator agrees with the labels by a {metric.title} of "
        f"{getattr(row, metric.name):.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}], of {row.n} images that both call a "
        "class of this level"
        for row in first.itertuples()
        if not np.isnan(getattr(row, metric.name))
    ]


def _limited(counts):
    return {one: {other: n for other, n in called.items() if other in counts} for one, called in counts.items()}


def _answers(counts, limit):
    cells = [(one, other, count) for one, called in counts.items() for other, count in called.items()]
    true, called = (np.repeat([cell[i] for cell in cells], [cell[2] for cell in cells]) for i in (0, 1))
    answers = Answers.of_labels(true, called)
    return replace(answers, averaged=np.flatnonzero(answers.support >= max(limit, 1)))


def _interval(dataset, answers, metric, replicates, seed):
    if not metric.defined(answers):
        return np.nan, np.nan
    rows = np.arange(len(answers.true))
    target = Target(np.array(answers.labels)[answers.true], rows, metric)
    target.add((dataset, "people"), rows, answers)
    _, low, high = bootstrap({dataset: target}, replicates=replicates, seed=seed).interval(np.ones(1))
    return low, high

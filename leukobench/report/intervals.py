"""Intervals of every protocol, metric and scoring that a reader of the page can choose, from the same draws."""

from dataclasses import replace

import pandas as pd

from leukobench.metrics.catalogue import METRICS
from leukobench.metrics.drawing import ENOUGH, Draws
from leukobench.metrics.statistics import bootstrap
from leukobench.report.cells import OWN
from leukobench.report.leaderboard import combinations
from leukobench.report.sides import compare_by_target
from leukobench.running.protocols import protocols_of

CHOICES = ("balanced_accuracy", "macro_f1", "mcc", "kappa", "auroc")
SCORINGS = ("shared", "deployed")
KEYS = ["train", "test", "model"]
MODELS = ["protocol", "metric", "scoring", "model", "replicates", "score", "ci_low", "ci_high"]


def choices(run, metric):
    """What can be chosen.

    Protocols that show images under many conditions have tables of their own, unless there are no others.

    Parameters
    ----------
    run : reader.Run
    metric : Metric
        That ranks; it comes first.

    Returns
    -------
    protocols : list of Protocol
    metrics : list of Metric
    """
    protocols = sorted(protocols_of({record["protocol"] for record in run.records}), key=lambda each: each.order)
    protocols = [each for each in protocols if not each.setting.conditions] or protocols
    return protocols, [metric, *(METRICS[name] for name in CHOICES if name != metric.name)]


def scored_as(metric, scoring):
    """A metric by a scoring; one that is about answers as deployed alone knows no other.

    Parameters
    ----------
    metric : Metric
    scoring : {"shared", "deployed"}

    Returns
    -------
    Metric
    """
    return replace(metric, deployed=True) if scoring == "deployed" else metric


def every_choice(run, metric):
    """Protocol, scoring and metric by that scoring, of each choice that is drawn for.

    A metric that needs its images anew in each replicate would take minutes for each choice: it is drawn for where it
    ranks.

    Parameters
    ----------
    run, metric
        As for `choices`.

    Returns
    -------
    list of (str, str, Metric)
    """
    protocols, metrics = choices(run, metric)
    every = [
        (protocol.name, scoring, scored_as(each, scoring))
        for protocol in protocols
        for each in metrics
        for scoring in SCORINGS
        if scoring == "deployed" or not each.deployed
    ]
    return [each for each in every if each[2].sums or (each[0] == protocols[0].name and each[2] == metric)]


def intervals_of(scored, board, run, metric, draws):
    """Intervals of models and of sides.

    Parameters
    ----------
    scored : cells.Cells
        With the targets of `every_choice`.
    board : DataFrame
        See `leaderboard.leaderboard`.
    run : reader.Run
    metric : Metric
        That ranks.
    draws : Draws
        Of the protocol and metric that rank; all else is drawn for 200 times at most.

    Returns
    -------
    models : DataFrame
        `protocol`, `metric`, `scoring`, `model`, `replicates`, `score` (mean over train x test without contaminated
        targets), `ci_low`, `ci_high`.
    sides : DataFrame
        The same three keys and the columns of `sides.compare_by_target`.
    """
    models, sides, few = [], [], Draws(min(draws.replicates, ENOUGH), draws.seed)
    headline, means = choices(run, metric)[0][0].name, combinations(scored.table, metric)
    counting = means.index[means["complete"] & ~means["contaminated"]].to_frame(index=False)
    counting = {name: pd.MultiIndex.from_frame(rows[KEYS]) for name, rows in counting.groupby("protocol")}
    for protocol, scoring, each in every_choice(run, metric):
        some = draws if (protocol, each) == (headline, metric) else few
        scores = bootstrap(scored.others[protocol, each.column], draws=some)
        own = bootstrap(scored.others[OWN, each.column], draws=some) if protocol == "pairwise" else None
        taken = scores.keys.isin(counting.get(protocol, ()))
        names = scores.keys.get_level_values("model")
        place = {"protocol": protocol, "metric": each.name, "scoring": scoring}
        for model in board["model"]:
            interval = scores.interval(scores.weights(taken & (names == model)))
            models.append((*place.values(), model, some.replicates, *interval))
        found = compare_by_target(board, scored.table, scores, own, run, each)
        sides.append(found.assign(**place)[[*place, *found.columns]])
    return pd.DataFrame(models, columns=MODELS), pd.concat(sides, ignore_index=True)

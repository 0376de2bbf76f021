"""Classical, deep and fused models on each target, with paired intervals."""

import pandas as pd

from leukobench.metrics.catalogue import DEFAULT
from leukobench.report.designs import kinds_of, make_field

SIDES = ("classical", "deep", "both")  # "both": fused models
COLUMNS = ["test", "way", "side", "models", "score", "ci_low", "ci_high"]


def compare_by_target(board, cells, scores, own, run, metric=DEFAULT):
    """What the models of each side reach on each target, and deep minus classical.

    As `conclusion.compare_sides`, for one target at a time. *mean*: over the kinds of a side, of each the member that
    is best within the source. *chosen*: on each source the side's model that is best within it, where the run holds
    within for every source.

    Parameters
    ----------
    board, cells, scores, own, run, metric
        As in `conclusion.compare_sides`.

    Returns
    -------
    DataFrame
        `test`, `way` (mean or chosen), `side` (classical, deep, both, difference), `models` (how many took part; of the
        mean how many kinds), `score`, `ci_low`, `ci_high`.
    """
    fit = board["model"][(board["section"] == "inductive") & ~board["marks"].str.contains("incomplete")]
    known, designs = run.sides, run.designs
    members = {side: [model for model in fit if known.get(model) == side] for side in SIDES}
    members = {side: models for side, models in members.items() if models}
    models = sorted(model for each in members.values() for model in each)
    kinds_of_sides = {side: kinds_of(each, designs) for side, each in members.items()}
    rows = []
    for target in scores.keys.unique("test") if models else ():
        field = make_field(models, cells, scores, own, metric, target=target)
        ways = {"mean": kinds_of_sides}
        if field.own is not None:
            ways["chosen"] = {side: [each] for side, each in members.items()}
        for way, kinds in ways.items():
            found = {side: field.best(each) for side, each in kinds.items()}
            intervals = {side: field.interval(outcome) for side, outcome in found.items()}
            if {"classical", "deep"} <= found.keys():
                intervals["difference"] = field.interval(found["deep"], found["classical"])
            counts = {side: len(each) if way == "mean" else len(members[side]) for side, each in kinds.items()}
            rows += [(target, way, side, counts.get(side, 0), *interval) for side, interval in intervals.items()]
    return pd.DataFrame(rows, columns=COLUMNS)

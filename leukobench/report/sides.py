"""Classical, deep and fused models on each target, with paired intervals."""

import pandas as pd

from leukobench.metrics.catalogue import DEFAULT
from leukobench.report.leaderboard import combinations

SIDES = ("classical", "deep", "both")  # "both": fused models
COLUMNS = ["test", "way", "side", "models", "score", "ci_low", "ci_high"]


def compare_by_target(board, cells, scores, sides, metric=DEFAULT):
    """What the models of each side reach on each target, and deep minus classical.

    Complete inductive models take part. *mean*: over all of a side. *chosen*: on each source the side's model that is
    best within it, where the run holds within for every source.

    Parameters
    ----------
    board : DataFrame
        See `leaderboard.leaderboard`.
    cells : DataFrame
        See `cells.cells_table`.
    scores : statistics.Scores
        Bootstrap of the protocol and metric that rank.
    sides : dict of str to str
        Model to its side.
    metric : Metric, default balanced accuracy

    Returns
    -------
    DataFrame
        `test`, `way` (mean or chosen), `side` (classical, deep, both, difference), `models` (how many took part),
        `score`, `ci_low`, `ci_high`.
    """
    fit = board["model"][(board["section"] == "inductive") & ~board["marks"].str.contains("incomplete")]
    members = {side: [model for model in fit if sides.get(model) == side] for side in SIDES}
    members = {side: models for side, models in members.items() if models}
    model, train, test = (scores.keys.get_level_values(name) for name in ("model", "train", "test"))
    ways = {"mean": {side: model.isin(models) for side, models in members.items()}}
    within = metric.sign * combinations(cells, metric)["score"]
    within = within[within.index.get_level_values("protocol") == "within"].droplevel(["protocol", "test"])
    table = within.unstack("model").reindex(index=train.unique(), columns=list(fit))
    if table.notna().all(axis=None) and len(table):
        best = {side: table[models].idxmax(axis=1) for side, models in members.items()}
        ways["chosen"] = {side: model == train.map(choice) for side, choice in best.items()}
    rows = []
    for name in test.unique():
        for way, picked in ways.items():
            weights = {side: scores.weights(chosen & (test == name)) for side, chosen in picked.items()}
            if {"classical", "deep"} <= weights.keys():
                weights["difference"] = weights["deep"] - weights["classical"]
            for side, weight in weights.items():
                rows.append((name, way, side, len(members.get(side, ())), *scores.interval(weight)))
    return pd.DataFrame(rows, columns=COLUMNS)

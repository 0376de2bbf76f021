"""What each model's mean owes to images, seed, training sample and laboratories, and the ranks that are left of it."""

import numpy as np
import pandas as pd

from leukobench.metrics.catalogue import DEFAULT
from leukobench.metrics.components import components, total_interval
from leukobench.running.protocols import protocols_of

PARTS = ("images", "seed", "training", "source", "target", "pair")
COLUMNS = ["model", *(f"sd_{name}" for name in PARTS), "mean", "total_low", "total_high", "rank_low", "rank_high"]


def component_table(board, cells, scores, headline, metric=DEFAULT):
    """Components of variance of each model in the protocol that ranks, with intervals and ranks from all of them.

    Parameters
    ----------
    board : DataFrame
        See `leaderboard.leaderboard`.
    cells : DataFrame
        See `cells.cells_table`; protocols that draw the source of `headline` anew tell of the training sample.
    scores : statistics.Scores
        Bootstrap of that protocol.
    headline : Protocol
    metric : Metric, default balanced accuracy

    Returns
    -------
    DataFrame
        One row per complete inductive model: `model`; `sd_images`, `sd_seed`, `sd_training`, `sd_source`, `sd_target`,
        `sd_pair`, standard deviations of a single score by where they come from, missing where the run cannot tell;
        `mean` with `total_low` and `total_high`, for other laboratories, images, samples and seeds; `rank_low` and
        `rank_high`, the ranks that paired differences with such intervals leave.
    """
    fit = (board["section"] == "inductive") & ~board["marks"].str.contains("incomplete")
    runs = _runs(cells, headline, metric)
    models = [model for model in board["model"][fit] if model in set(runs["model"])]
    place = {name: (scores.keys.get_level_values("model") == name) for name in models}
    of = {name: rows.drop(columns="model") for name, rows in runs.groupby("model")}
    rows, sure = [], pd.DataFrame(0, index=models, columns=models)
    for model in models:
        found = components(of[model], _variance(scores, place[model]))
        mean = of[model][of[model]["resample"] == 0].groupby(["train", "test"])["score"].mean().mean()
        interval = total_interval(float(mean), found, of[model])
        spread = {f"sd_{name}": np.sqrt(getattr(found, name)) for name in PARTS}
        rows.append({"model": model, **spread, "mean": mean, "total_low": interval.low, "total_high": interval.high})
    for i, first in enumerate(models):
        for second in models[i + 1 :]:
            sure.loc[first, second] = metric.sign * _surely_better(of, place, scores, first, second)
            sure.loc[second, first] = -sure.loc[first, second]
    table = pd.DataFrame(rows, columns=COLUMNS)
    known = table["total_low"].notna().to_numpy()
    table["rank_low"] = np.where(known, 1 + (sure < 0).sum(axis=1), np.nan)
    table["rank_high"] = np.where(known, len(models) - (sure > 0).sum(axis=1), np.nan)
    return table


def _runs(cells, headline, metric):
    """Scores of single runs of the protocol that ranks, and of those that are like it but for the source's sample."""
    drawn = {protocol.name: protocol.setting.resample for protocol in protocols_of(set(cells["protocol"]))}
    like = {protocol.name: protocol.setting.like for protocol in protocols_of(set(cells["protocol"]))}
    own = [name for name, number in drawn.items() if name == headline.name or (number and like[name] == headline.name)]
    rows = cells[cells["protocol"].isin(own) & (cells["status"] == "ok") & ~cells["contaminated"]]
    rows = rows.assign(resample=rows["protocol"].map(drawn), score=rows[metric.column].astype(float))
    return rows[["model", "train", "test", "seed", "resample", "score"]].dropna()


def _variance(scores, columns, less=None):
    """Bootstrap variance of each pair's score, or of its difference from that of another model."""
    values, keys = scores.replicates[:, columns], scores.keys[columns].droplevel("model")
    if less is not None:
        other = pd.Series(range(less.sum()), index=scores.keys[less].droplevel("model"))
        keys, at, of = _common(keys, other)
        values = values[:, at] - scores.replicates[:, less][:, of]
    return pd.Series(values.var(axis=0), index=keys)


def _common(keys, other):
    at = np.flatnonzero(keys.isin(other.index))
    return keys[at], at, other[keys[at]].to_numpy()


def _surely_better(of, place, scores, first, second):
    """1 where the first model is better by an interval that holds all components, -1 where it is worse, else 0."""
    keys = ["train", "test", "seed", "resample"]
    both = of[first].merge(of[second], on=keys, suffixes=("", "_second"))
    both = both.assign(score=both["score"] - both["score_second"])[[*keys, "score"]]
    if both.empty:
        return 0
    found = components(both, _variance(scores, place[first], place[second]))
    mean = both[both["resample"] == 0].groupby(["train", "test"])["score"].mean().mean()
    interval = total_interval(float(mean), found, both)
    return int(interval.low > 0) - int(interval.high < 0)

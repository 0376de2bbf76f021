"""The leaderboard: one row per model, computed from the table of cells and the bootstrap alone."""

import numpy as np
import pandas as pd

from leukobench.errors import UsageError
from leukobench.metrics import known_metrics
from leukobench.metrics.catalogue import DEFAULT
from leukobench.report.columns import SAME_CLASSES
from leukobench.running.protocols import BUILT_IN, protocols_of
from leukobench.running.setting import dataset_of

SECTIONS = ("inductive", "transductive", "contaminated", "control")
RANKED = ("inductive", "transductive")
DAGGER = "†"  # after a score on a dataset that the model's weights have seen, and after means that leave those out
COMBINATION = ["protocol", "train", "test", "model"]


def headline_protocol(protocols):
    """Protocol by which models are ranked: pairwise where it was run, else lodo, merged, within.

    Parameters
    ----------
    protocols : collection of str

    Returns
    -------
    Protocol

    Examples
    --------
    >>> headline_protocol(["within", "lodo"]).name
    'lodo'
    """
    return min(protocols_of(protocols), key=lambda protocol: protocol.order)


def combinations(cells, metric=DEFAULT):
    """Mean over seeds of each protocol x train x test x model.

    Parameters
    ----------
    cells : DataFrame
        See `cells.cells_table`.
    metric : Metric, default balanced accuracy

    Returns
    -------
    DataFrame
        Indexed by protocol, train, test and model: `score` (the metric, shared), `deployed`, `same_classes` (the
        source's own score on the same classes), `complete` (all planned seeds are ok), `contaminated` (the model's
        pretrained weights have seen the target: the score is shown and belongs in no mean). A combination that is not
        complete has no scores: a mean over some seeds is not the mean that was planned.
    """
    names = {"score": metric.column, "deployed": f"deployed_{metric.name}", "same_classes": SAME_CLASSES}
    grouped = cells.assign(complete=cells["status"] == "ok").groupby(COMBINATION)
    # An undefined score (fewer than two classes to average) is NaN for every seed, so its mean has nothing to skip; the
    # source's own score is NaN for the seeds whose within cell is missing.
    how = {**dict.fromkeys(names.values(), "mean"), "complete": "all", "contaminated": "any"}
    means = grouped[list(how)].agg(how)
    means = means.assign(**{name: means[column] for name, column in names.items()})
    means = means[[*names, "complete", "contaminated"]]
    means["same_classes"] = means["same_classes"].where(grouped[SAME_CLASSES].count() == grouped.size())
    scores = list(names)
    means[scores] = means[scores].where(means["complete"], np.nan)
    return means


def leaderboard(cells, scores, metric=DEFAULT):
    """Rank the models of a run.

    Models are ranked within their section: inductive, then transductive (they saw unlabelled target images). Models
    whose pretrained weights have seen datasets of the run follow without a rank, since their means leave those targets
    out, then controls, which get none either. A model with a missing cell in the protocol that ranks is listed below
    the complete ones of its section, without a rank: a mean over whatever happened to finish is not comparable.

    Parameters
    ----------
    cells : DataFrame
        See `cells.cells_table`.
    scores : statistics.Scores
        Bootstrap of the protocol and metric that rank.
    metric : Metric, default balanced accuracy
        By which models are ranked.

    Returns
    -------
    DataFrame
        One row per model, best first:

        - `rank`, `model`, `family`, `section`, `marks` ("transductive", "contaminated", "control", "incomplete",
          "developed", joined by spaces), `contaminated_targets` (names, joined by spaces; in none of the means below),
          `developed_on_targets` (those that were in view when defaults of the model were chosen);
        - `within`, `out_of_domain` (pairwise), `lodo`, `merged` and those of other protocols: mean of the metric over
          train x test of the mean over seeds; `ci_low`, `ci_high`: 95 % interval of the one that ranks;
          `deployed_out_of_domain`;
        - `gap`: mean over train x test of what the pairwise score loses to the source's own on the same classes; NaN
          unless every within and pairwise cell is there, and without the pairs of which either end is contaminated or
          whose source has an undefined class;
        - `worst_target`, `worst_target_score`: worst mean over sources, in the protocol that ranks;
        - `coverage`: run cells ok of planned, over all protocols and for each;
        - `tune_s`, `fit_s`, `ms_per_image`: means over the run cells of the protocol that ranks;
        - every other metric: its mean in the protocol that ranks.
    """
    headline = headline_protocol(set(cells["protocol"])).column
    means = combinations(cells, metric)
    board = pd.DataFrame([_row(model, rows, means, scores, metric) for model, rows in cells.groupby("model")])
    others = _other_metrics(cells, metric)
    if taken := {*board.columns} & {*others.columns}:
        raise UsageError(f"a metric is called '{min(taken)}', as another column of the leaderboard", "rename it")
    board = board.join(others, on="model")
    ranked = board["section"].isin(RANKED) & board.pop("whole")
    board["rank"] = (-metric.sign * board[headline]).where(ranked).groupby(board["section"]).rank("min")
    board["rank"] = board["rank"].astype("Int64")
    board["place"] = board["section"].map(SECTIONS.index)
    # Unranked rows stand in the order of their names; controls, which are complete as a rule, by their score.
    board["order"] = (metric.sign * board[headline]).where(ranked | board["section"].eq("control"))
    board = board.sort_values(["place", "order", "model"], ascending=[True, False, True], na_position="last")
    return board[["rank", *board.columns.drop(["rank", "place", "order"])]].reset_index(drop=True)


def matrix(means, model, datasets):
    """Balanced accuracy of one model, mean over seeds, for every source and target.

    Parameters
    ----------
    means : DataFrame
        See `combinations`.
    model : str
    datasets : list of str
        Order of rows and columns.

    Returns
    -------
    DataFrame
        Sources that the plan has in rows, targets in columns: within on the diagonal, pairwise off it; below, the rows
        "all others" (leave one dataset out) and "merged", where they were planned. NaN where a cell is missing, failed
        or undefined.
    """
    scores = means["score"].xs(model, level="model")
    rows = [name for name in datasets if name in scores.index.get_level_values("train")]
    table = pd.DataFrame(np.nan, index=pd.Index(rows, name="train"), columns=list(datasets))
    called = {each.name: each.row for each in protocols_of(set(scores.index.get_level_values("protocol")))}
    for (protocol, train, test), score in scores[scores.index.get_level_values("test").isin(datasets)].items():
        table.loc[called[protocol].format(protocol=protocol, train=train), test] = score
    return table


def _other_metrics(cells, metric):
    """Means of all metrics but one in the protocol that ranks, a row per model."""
    others = [other for other in known_metrics().values() if other.name != metric.name and other.column in cells]
    names = {other.column: other.name for other in others}
    ranking = cells[cells["protocol"] == headline_protocol(set(cells["protocol"])).name]
    grouped = ranking.assign(lost=(ranking["status"] != "ok") | ranking["contaminated"]).groupby(COMBINATION)
    return grouped[[*names]].mean()[~grouped["lost"].any()].groupby("model").mean().rename(columns=names)


def _row(model, rows, means, scores, metric):
    """One model's row; `whole` says that no cell of the protocol that ranks is missing."""
    there = protocols_of(set(rows["protocol"]))
    headline = headline_protocol(set(rows["protocol"])).name
    means = means.xs(model, level="model")
    seen = sorted(rows["test"][rows["contaminated"]].map(dataset_of).unique())
    # Tables of version 0.1 did not say it.
    known = rows["test"][rows["developed_on"]] if "developed_on" in rows else rows["test"][:0]
    in_view = sorted(known.map(dataset_of).unique())
    clean = means[~means["contaminated"]]
    unsure = rows["train"][
        (rows["protocol"] == "within") & (rows["undefined_classes"].astype("string").str.len().fillna(0) > 0)
    ]
    runs = rows.drop_duplicates("fingerprint")
    covered = {"coverage": runs["status"]}
    for protocol in sorted(there, key=lambda protocol: protocol.order):
        covered[f"coverage_{protocol.name}"] = runs["status"][runs["protocol"] == protocol.name]
    pairs, ranking = _of(clean, "pairwise"), _of(clean, headline)
    by_target = ranking["score"].dropna().groupby("test").mean()
    worst = (metric.sign * by_target).idxmin() if len(by_target) else ""
    interval = scores.interval(scores.weights(_columns(scores, model, ranking)))
    transductive, control = bool(rows["transductive"].iloc[0]), rows["family"].iloc[0] == "control"
    incomplete = bool((runs["status"] != "ok").any())
    marks = {"transductive": transductive, "contaminated": seen, "control": control, "incomplete": incomplete}
    marks |= {"developed": in_view}
    kinds = [name for name in ("control", "contaminated", "transductive") if marks[name]]
    timed = runs[(runs["protocol"] == headline) & (runs["status"] == "ok")]
    columns = protocols_of({*BUILT_IN, *rows["protocol"]})
    return {
        "model": model,
        "family": rows["family"].iloc[0],
        "section": next(iter(kinds), "inductive"),
        "marks": " ".join(name for name, holds in marks.items() if holds),
        "contaminated_targets": " ".join(seen),
        "developed_on_targets": " ".join(in_view),
        **{protocol.column: _of(clean, protocol.name)["score"].mean() for protocol in columns},
        "ci_low": interval.low,
        "ci_high": interval.high,
        "deployed_out_of_domain": pairs["deployed"].mean(),
        "gap": metric.sign * _gap(pairs[~pairs.index.get_level_values("train").isin([*seen, *unsure])]),
        "worst_target": worst,
        "worst_target_score": by_target.get(worst, np.nan),
        **{name: f"{(status == 'ok').sum()}/{len(status)}" for name, status in covered.items()},
        "tune_s": timed["tune_s"].mean(),
        "fit_s": timed["fit_s"].mean(),
        "ms_per_image": timed["predict_ms_per_image"].mean(),
        "whole": bool(ranking["complete"].all()) and ranking["score"].notna().any(),
    }


def _of(means, protocol):
    return means[means.index.get_level_values("protocol") == protocol]


def _gap(pairs):
    defined = pairs[pairs["score"].notna()]
    whole = pairs["complete"].all() and defined["same_classes"].notna().all()
    return (defined["same_classes"] - defined["score"]).mean() if whole else np.nan


def _columns(scores, model, ranking):
    """Which of the bootstrap's columns make up a model's mean: its complete combinations."""
    complete = ranking.index[ranking["score"].notna()].droplevel("protocol")
    models = scores.keys.get_level_values("model")
    return (models == model) & scores.keys.droplevel("model").isin(complete)

"""The leaderboard: one row per model, computed from the table of cells and the bootstrap alone."""

import numpy as np
import pandas as pd

from leukobench.report.columns import SAME_CLASSES

# Column of the leaderboard for each protocol; models are ranked by the first of them that the run holds.
MEANS = {"pairwise": "out_of_domain", "lodo": "lodo", "merged": "merged", "within": "within"}
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
    str

    Examples
    --------
    >>> headline_protocol(["within", "lodo"])
    'lodo'
    """
    return next(name for name in MEANS if name in protocols)


def combinations(cells):
    """Mean over seeds of each protocol x train x test x model.

    Parameters
    ----------
    cells : DataFrame
        See `cells.cells_table`.

    Returns
    -------
    DataFrame
        Indexed by protocol, train, test and model: `score` (balanced accuracy, shared), `deployed`, `same_classes` (the
        source's own score on the same classes), `complete` (all planned seeds are ok), `contaminated` (the model's
        pretrained weights have seen the target: the score is shown and belongs in no mean). A combination that is not
        complete has no scores: a mean over some seeds is not the mean that was planned.
    """
    names = {"balanced_accuracy": "score", "deployed_balanced_accuracy": "deployed", SAME_CLASSES: "same_classes"}
    grouped = cells.assign(complete=cells["status"] == "ok").groupby(COMBINATION)
    # An undefined score (fewer than two classes to average) is NaN for every seed, so its mean has nothing to skip; the
    # source's own score is NaN for the seeds whose within cell is missing.
    how = {**dict.fromkeys(names, "mean"), "complete": "all", "contaminated": "any"}
    means = grouped[list(how)].agg(how).rename(columns=names)
    means["same_classes"] = means["same_classes"].where(grouped[SAME_CLASSES].count() == grouped.size())
    scores = list(names.values())
    means[scores] = means[scores].where(means["complete"], np.nan)
    return means


def leaderboard(cells, scores):
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
        Bootstrap of the protocol that ranks.

    Returns
    -------
    DataFrame
        One row per model, best first:

        - `rank`, `model`, `family`, `section`, `marks` ("transductive", "contaminated", "control", "incomplete", joined
          by spaces), `contaminated_targets` (names, joined by spaces; in none of the means below);
        - `within`, `out_of_domain` (pairwise), `lodo`, `merged`: mean balanced accuracy over train x test of the mean
          over seeds; `ci_low`, `ci_high`: 95 % interval of the one that ranks; `deployed_out_of_domain`;
        - `gap`: mean over train x test of the source's own score on the same classes minus the pairwise score; NaN
          unless every within and pairwise cell is there, and without the pairs of which either end is contaminated;
        - `worst_target`, `worst_target_score`: lowest mean over sources, in the protocol that ranks;
        - `coverage`: run cells ok of planned, over all protocols and for each;
        - `tune_s`, `fit_s`, `ms_per_image`: means over the run cells of the protocol that ranks.
    """
    headline = headline_protocol(set(cells["protocol"]))
    means = combinations(cells)
    board = pd.DataFrame([_row(model, rows, means, scores, headline) for model, rows in cells.groupby("model")])
    ranked = board["section"].isin(RANKED) & board.pop("whole")
    board["rank"] = board[MEANS[headline]].where(ranked).groupby(board["section"]).rank("min", ascending=False)
    board["rank"] = board["rank"].astype("Int64")
    board["place"] = board["section"].map(SECTIONS.index)
    # Unranked rows stand in the order of their names; controls, which are complete as a rule, by their score.
    board["order"] = board[MEANS[headline]].where(ranked | board["section"].eq("control"))
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
    for (protocol, train, test), score in scores.items():
        table.loc["all others" if protocol == "lodo" else train, test] = score
    return table


def _row(model, rows, means, scores, headline):
    """One model's row; `whole` says that no cell of the protocol that ranks is missing."""
    means = means.xs(model, level="model")
    seen = sorted(rows["test"][rows["contaminated"]].unique())
    clean = means[~means["contaminated"]]
    runs = rows.drop_duplicates("fingerprint")
    covered = {"coverage": runs["status"]} | {
        f"coverage_{name}": runs["status"][runs["protocol"] == name] for name in MEANS
    }
    pairs, ranking = _of(clean, "pairwise"), _of(clean, headline)
    by_target = ranking["score"].dropna().groupby("test").mean()
    interval = scores.interval(scores.weights(_columns(scores, model, ranking)))
    transductive, control = bool(rows["transductive"].iloc[0]), rows["family"].iloc[0] == "control"
    incomplete = bool((runs["status"] != "ok").any())
    marks = {"transductive": transductive, "contaminated": seen, "control": control, "incomplete": incomplete}
    kinds = [name for name in ("control", "contaminated", "transductive") if marks[name]]
    timed = runs[(runs["protocol"] == headline) & (runs["status"] == "ok")]
    return {
        "model": model,
        "family": rows["family"].iloc[0],
        "section": next(iter(kinds), "inductive"),
        "marks": " ".join(name for name, holds in marks.items() if holds),
        "contaminated_targets": " ".join(seen),
        **{MEANS[name]: _of(clean, name)["score"].mean() for name in ("within", "pairwise", "lodo", "merged")},
        "ci_low": interval.low,
        "ci_high": interval.high,
        "deployed_out_of_domain": pairs["deployed"].mean(),
        "gap": _gap(pairs[~pairs.index.get_level_values("train").isin(seen)]),
        "worst_target": by_target.idxmin() if len(by_target) else "",
        "worst_target_score": by_target.min() if len(by_target) else np.nan,
        **{name: f"{(status == 'ok').sum()}/{len(status)}" for name, status in covered.items() if len(status)},
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

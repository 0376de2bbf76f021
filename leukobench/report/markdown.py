"""The leaderboard as a page of Markdown."""

import numpy as np
import pandas as pd

from leukobench.metrics.statistics import LEVEL
from leukobench.report.leaderboard import DAGGER, MEANS
from leukobench.text import markdown, markdown_table

_LABELS = {
    "within": "within",
    "out of domain": "out_of_domain",
    "deployed": "deployed_out_of_domain",
    "gap": "gap",
    "leave one out": "lodo",
    "merged": "merged",
}
_SEEN = (
    f"{DAGGER} contaminated: the pretrained weights have seen this dataset; the score is in none of the model's means."
)
_CALIBRATION = {
    "ECE within": "within_ece",
    "calibrated, cross-fitted": "within_ece_calibrated",
    "ECE out of domain": "pairwise_ece",
    "calibrated on the source": "pairwise_ece_calibrated",
    "AURC within": "within_aurc",
    "AURC out of domain": "pairwise_aurc",
}
_CALIBRATED = (
    "ECE: expected calibration error, 15 bins. Calibrated: at one temperature for each model, source and seed, fitted "
    "on the out-of-fold predictions within the source; for the source itself on the other half of its images. AURC: "
    "error rate when the images of highest entropy are left open, mean over all coverages. `calibration.csv` has every "
    "pair, and balanced accuracy at five coverages."
)
_FEWER = (
    f"{DAGGER} contaminated: a mean without the targets that the pretrained weights have seen, so over fewer than the "
    "others' and not comparable with them."
)


def as_markdown(report):
    """The leaderboard for people: protocol, ranking, conclusion, notes and the matrices.

    Parameters
    ----------
    report : tables.Report

    Returns
    -------
    str
    """
    title = "# Leaderboard" + (" of SYNTHETIC (phantom) images" if report.synthetic else "")
    board, ranking = report.board, MEANS[report.headline]
    seen = {row.model: row.contaminated_targets.split() for row in board.itertuples()}
    fewer = board["contaminated_targets"] != ""
    label = board["model"] + board["marks"].map(lambda marks: f" ({marks.replace(' ', ', ')})" if marks else "")
    columns = {
        "": board["rank"].astype("string").fillna("-"),
        "model": label,
        "family": board["family"],
        **{
            label: _marked(board[name], fewer)
            for label, name in _LABELS.items()
            if name == ranking or board[name].notna().any()
        },
        "worst target": board["worst_target_score"].map(_number) + " " + board["worst_target"],
        "cells": board["coverage"],
        "fit s": board["fit_s"].map(lambda value: _number(value, 2)),
        "ms/image": board["ms_per_image"].map(lambda value: _number(value, 2)),
    }
    interval = ("[" + board["ci_low"].map(_number) + ", " + board["ci_high"].map(_number) + "]").replace("[-, -]", "-")
    table = pd.DataFrame(columns)
    ranked = next(label for label, name in _LABELS.items() if name == ranking)
    table.insert(table.columns.get_loc(ranked) + 1, f"{LEVEL:.0%} interval", interval)
    parts = [
        title,
        markdown(report.protocol_line),
        markdown_table(table),
        _FEWER * bool(fewer.any()),
        report.conclusion,
    ]
    parts.append("\n".join(f"- {markdown(line)}" for line in report.notes))
    means = report.calibration_means.reset_index(drop=True)
    shown = {
        name: _marked(means[column], fewer) for name, column in _CALIBRATION.items() if means[column].notna().any()
    }
    if shown:
        parts += ["## Calibration and abstention", _CALIBRATED, markdown_table(pd.DataFrame({"model": label} | shown))]
    for model, table in report.matrices.items():
        shown = table.apply(lambda scores, seen=seen[model]: _marked(scores, scores.name in seen))
        parts += [f"## {markdown(model)}", markdown_table(shown.reset_index()), _SEEN * bool(seen[model])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _marked(scores, contaminated):
    """Scores as text, with a dagger where `contaminated` holds."""
    return scores.map(_number) + np.where(contaminated & scores.notna(), f" {DAGGER}", "")


def _number(value, digits=3):
    return "-" if pd.isna(value) else f"{value:.{digits}f}"

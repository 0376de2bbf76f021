"""The leaderboard as a page of Markdown."""

import numpy as np
import pandas as pd

from leukobench.report.board import columns, model, number
from leukobench.report.curves import as_pivot
from leukobench.report.leaderboard import DAGGER
from leukobench.report.told import beyond, designs, people, variance
from leukobench.text import markdown, markdown_table

_SEEN = (
    f"{DAGGER} contaminated: the pretrained weights have seen this dataset; the score is in none of the model's means."
)
SYNTHETIC = " of SYNTHETIC (phantom) images"
_MATRICES = (
    "Every source and target of each model: `matrices.md`, and for programs `matrix_<model>.csv` and `cells.csv`."
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
_SEALED = "SHA-256 of `manifest.json`, which seals every file of the run: `{}`"
_FEWER = (
    f"{DAGGER} contaminated: a mean without the targets that the pretrained weights have seen, so over fewer than the "
    "others' and not comparable with them."
)
_STEPS = (
    "Score, change and its interval: paired, of the same test images, folds and seeds. `curve_{base}.csv` has every "
    "source and severity."
)


def as_markdown(report):
    """The leaderboard for people: protocol, ranking, conclusion, notes, and what else was asked of the models.

    Parameters
    ----------
    report : build.Report

    Returns
    -------
    str
    """
    title = "# Leaderboard" + SYNTHETIC * report.synthetic
    rows = report.board.to_dict("records")
    fewer = (report.board["contaminated_targets"] != "").to_numpy()
    shown = columns(report)
    board = pd.DataFrame([[column.text(row) for column in shown] for row in rows], columns=[c.title for c in shown])
    parts = [title, markdown(report.protocol_line), markdown_table(board)]
    parts += [_FEWER * bool(fewer.any()), report.conclusion]
    parts.append("\n".join(f"- {markdown(line)}" for line in report.notes))
    parts.append(_MATRICES)
    parts.append(_SEALED.format(report.digest))
    parts += _told(designs(report)) + _told(variance(report))
    if report.ranks:
        ranks = pd.DataFrame(sorted(report.ranks["average_ranks"].items(), key=lambda pair: pair[1]))
        table = pd.DataFrame({"model": ranks[0], "average rank": ranks[1].map("{:.2f}".format)})
        parts += ["## Ranks", _ranked(report), markdown_table(table)]
    parts += _told(people(report)) + _told(beyond(report)) + _steps(report)
    means = report.calibration_means.reset_index(drop=True)
    shown = {
        name: _marked(means[column], fewer) for name, column in _CALIBRATION.items() if means[column].notna().any()
    }
    if shown:
        parts += [
            "## Calibration and abstention",
            _CALIBRATED,
            markdown_table(pd.DataFrame({"model": [model(row) for row in rows]} | shown)),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def matrices_as_markdown(report):
    """The matrices of all models for people, in the order of the leaderboard.

    Parameters
    ----------
    report : build.Report

    Returns
    -------
    str
    """
    seen = {row["model"]: row["contaminated_targets"].split() for row in report.board.to_dict("records")}
    parts = ["# Train x test" + SYNTHETIC * report.synthetic, markdown(report.protocol_line)]
    for name, table in report.matrices.items():
        shown = table.apply(lambda scores, seen=seen[name]: _marked(scores, scores.name in seen))
        parts += [f"## {markdown(name)}", markdown_table(shown.reset_index()), _SEEN * bool(seen[name])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _told(section):
    """A section of tables; nothing where there are none."""
    return [f"## {section.title}", section.text, *map(markdown_table, section.tables)] if section.tables else []


def _steps(report):
    """What each setting changes, beside the protocol that it is like."""
    parts = []
    for base, table in report.curves.items():
        parts += [f"## Steps away from {base}", _STEPS.format(base=base), markdown_table(as_pivot(table))]
    return parts


def _ranked(report):
    ranks, laboratories = report.ranks, len(report.run.suite["datasets"])
    return (
        f"Inductive models over {ranks['n']} combinations of the protocol that ranks. Nemenyi's critical difference at "
        f".05 is {ranks['critical_difference']:.2f} ranks; Friedman's p is {ranks['p']:.2g}. Combinations that share a "
        f"laboratory are not independent, so both are too sure of themselves: over {laboratories} laboratories no "
        f"two-sided sign test goes below p = {2 * 0.5**laboratories:.4g}."
    )


def _marked(scores, contaminated):
    """Scores as text, with a dagger where `contaminated` holds."""
    return scores.map(number) + np.where(contaminated & scores.notna(), f" {DAGGER}", "")

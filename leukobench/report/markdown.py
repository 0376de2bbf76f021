"""The leaderboard as a page of Markdown."""

import numpy as np
import pandas as pd

from leukobench.metrics.catalogue import get_metric, metrics_of
from leukobench.report.board import columns, model, number
from leukobench.report.components import COMPONENTS
from leukobench.report.curves import as_pivot
from leukobench.report.designs import label, plain_interval, signed_interval
from leukobench.report.leaderboard import DAGGER
from leukobench.text import markdown, markdown_table

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
_BEYOND = ("count_error", "confusion_cost", "tolerant_accuracy", "unknown_auroc", "unknown_fpr95")
_ASKED = (
    "Means in the protocol that ranks. Differential count: mean over classes of the distance between the share "
    "reported and the true one, shared scoring (`differential.csv` has every class, as deployed, with intervals). "
    "Costs: of the suite's table. Unknown: cells of classes that the source lacks, told by the highest probability, as "
    "deployed; over the pairs that have such cells."
)
_PEOPLE = (
    "What people make of the same images, by the same metrics: the first reading stands for the truth. Shared: images "
    "that both call a class of this level; deployed: unsure, or any other class, is a wrong answer. It bounds what a "
    "model's score on these labels can mean. `ceiling.csv` has intervals and recalls."
)
_SEALED = "SHA-256 of `manifest.json`, which seals every file of the run: `{}`"
DESIGNED = (
    "Complete inductive models that no pretrained weights contaminate. A kind is what counts as one model: heads on "
    "one frozen network, or options that change nothing where there is one source. Typical kind: mean over the kinds, "
    "of each the member that is best within the source; it answers what to expect of such a model. Best within the "
    "source: the one model that a laboratory would take by its own images; it answers what to expect of taking it. "
    "Both choices are made anew in every replicate, so the intervals hold them. Adjusted for chance: (s - c) / (1 - "
    "c), as pairs have different numbers of classes. A question compares two cells of the design that differ in that "
    "one thing, the first that it names less the second; what differs in two things is not compared."
)
_FEWER = (
    f"{DAGGER} contaminated: a mean without the targets that the pretrained weights have seen, so over fewer than the "
    "others' and not comparable with them."
)
_COMPONENTS = (
    "Standard deviations of the mean that ranks, were one thing another one: the test images; the training images of "
    "the same laboratories (`run --resample-source`; without it they are in no column but that of the laboratories); "
    "the seed, of one run; the laboratories, as sources and targets. What the images make two seeds differ by is with "
    "the images alone. Total: of the mean over the seeds that ran. Ranks: 95 % intervals from the total, with what "
    "models share. A dash: not enough ran to tell. Of few laboratories their own component is a rough figure."
)
_STEPS = (
    "Score, change and its interval: paired, of the same test images, folds and seeds. `curve_{base}.csv` has every "
    "source and severity."
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
    rows = report.board.to_dict("records")
    seen = {row["model"]: row["contaminated_targets"].split() for row in rows}
    fewer = (report.board["contaminated_targets"] != "").to_numpy()
    shown = columns(report)
    board = pd.DataFrame([[column.text(row) for column in shown] for row in rows], columns=[c.title for c in shown])
    parts = [title, markdown(report.protocol_line), markdown_table(board)]
    parts += [_FEWER * bool(fewer.any()), report.conclusion]
    parts.append("\n".join(f"- {markdown(line)}" for line in report.notes))
    parts.append(_SEALED.format(report.digest))
    parts += _designs(report)
    parts += _components(report)
    if report.ranks:
        ranks = pd.DataFrame(sorted(report.ranks["average_ranks"].items(), key=lambda pair: pair[1]))
        table = pd.DataFrame({"model": ranks[0], "average rank": ranks[1].map("{:.2f}".format)})
        parts += ["## Ranks", _ranked(report), markdown_table(table)]
    parts += _people(report) + _beyond(report, rows) + _steps(report)
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
    for name, table in report.matrices.items():
        shown = table.apply(lambda scores, seen=seen[name]: _marked(scores, scores.name in seen))
        parts += [f"## {markdown(name)}", markdown_table(shown.reset_index()), _SEEN * bool(seen[name])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _designs(report):
    """Models by family, augmentation and ensemble, and what each factor gives."""
    tables = design_tables(report)
    return ["## Features or networks, by design", DESIGNED, *map(markdown_table, tables)] if tables else []


def design_tables(report):
    """Models by family, augmentation and ensemble, and what each factor gives, for people.

    Parameters
    ----------
    report : tables.Report

    Returns
    -------
    list of DataFrame of str
        The cells of the design and the questions, of which either may lack.
    """
    designs = report.families["designs"]
    cells = pd.DataFrame(
        {
            "design": label((row["family"], row["augmented"], row["ensemble"])),
            "kinds": str(len(row["kinds"])),
            "typical kind": plain_interval(row["typical"]),
            "adjusted for chance": plain_interval(row["adjusted"]) if row["adjusted"] else "",
            "best within the source": plain_interval(row["chosen"]),
            "which is": ", ".join(f"{name} {share:.0%}" for name, share in _most_picked(row["picked"])),
        }
        for row in designs["cells"]
    )
    asked = pd.DataFrame(
        {
            "question": row["question"],
            "typical kind": signed_interval(row["typical"]),
            "best within the source": signed_interval(row["chosen"]),
        }
        for row in designs["contrasts"]
    )
    return [table for table in (cells, asked) if len(table)]


def _most_picked(picked):
    return sorted(picked.items(), key=lambda pair: -pair[1])[:3]


def _components(report):
    """Where the variance of each model's mean comes from."""
    table = report.components
    if table["sd_images"].isna().all():
        return []
    lowest, highest = (table[name].astype("string").fillna("") for name in ("rank_low", "rank_high"))
    figures = {title: table[name].map(number) for name, title in COMPONENTS.items()}
    shown = pd.DataFrame(
        {"model": table["model"]} | figures | {"ranks": lowest.str.cat(highest, " - ").str.strip(" -")}
    )
    return ["## Where the variance is", _COMPONENTS, markdown_table(shown)]


def _people(report):
    """How far people agree, where a dataset was labelled more than once."""
    if report.ceiling.empty:
        return []
    given = report.ceiling.columns[report.ceiling.notna().any()]
    shown = [each for each in metrics_of(report.run.suite).values() if each.name in given]
    table = report.ceiling[["dataset", "readings", "scoring", "n"]].assign(
        **{each.title: report.ceiling[each.name].map(number) for each in shown}
    )
    return ["## People", _PEOPLE, markdown_table(table)]


def _beyond(report, rows):
    """Means of the metrics that ask something else than whether each answer is right."""
    shown = [get_metric(name) for name in _BEYOND if name in report.board and report.board[name].notna().any()]
    if not shown:
        return []
    figures = {each.title: report.board[each.name].map(number) for each in shown}
    table = pd.DataFrame({"model": [model(row) for row in rows]} | figures)
    return ["## Counts, costs and unknown cells", _ASKED, markdown_table(table)]


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

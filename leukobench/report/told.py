"""Sections of a report that are tables of text with a paragraph, the same for Markdown and for the page."""

from typing import NamedTuple

import pandas as pd

from leukobench.metrics.catalogue import get_metric, metrics_of
from leukobench.report.board import model, number
from leukobench.report.components import COMPONENTS
from leukobench.report.designs import label, plain_interval, signed_interval

_BEYOND = ("count_error", "confusion_cost", "tolerant_accuracy", "unknown_auroc", "unknown_fpr95")
_ASKED = (
    "Means in the protocol that ranks. Differential count: mean over classes of the distance between the share "
    "reported and the true one, shared scoring (`differential.csv` has every class, as deployed, with intervals). "
    "Costs: of the suite's table. Unknown: cells of classes that the source lacks, told by the highest probability, as "
    "deployed; over the pairs that have such cells."
)
_READ = (
    "What people make of the same images, by the same metrics: the first reading stands for the truth. Shared: images "
    "that both call a class of this level; deployed: unsure, or any other class, is a wrong answer. It bounds what a "
    "model's score on these labels can mean. `ceiling.csv` has intervals and recalls."
)
_DESIGNED = (
    "Complete inductive models that no pretrained weights contaminate. A kind is what counts as one model: heads on "
    "one frozen network, or options that change nothing where there is one source. Typical kind: mean over the kinds, "
    "of each the member that is best within the source; it answers what to expect of such a model. Best within the "
    "source: the one model that a laboratory would take by its own images; it answers what to expect of taking it. "
    "Both choices are made anew in every replicate, so the intervals hold them. Adjusted for chance: (s - c) / (1 - "
    "c), as pairs have different numbers of classes. A question compares two cells of the design that differ in that "
    "one thing, the first that it names less the second; what differs in two things is not compared."
)
_COMPONENTS = (
    "Standard deviations of the mean that ranks, were one thing another one: the test images; the training images of "
    "the same laboratories (`run --resample-source`; without it they are in no column but that of the laboratories); "
    "the seed, of one run; the laboratories, as sources and targets. What the images make two seeds differ by is with "
    "the images alone. Total: of the mean over the seeds that ran. Ranks: 95 % intervals from the total, with what "
    "models share. A dash: not enough ran to tell. Of few laboratories their own component is a rough figure."
)


class Section(NamedTuple):
    """What is told: DataFrames of text, none where the run holds nothing of the kind."""

    title: str
    text: str
    tables: list


def designs(report):
    """Models by family, augmentation and ensemble, and what each factor gives.

    Parameters
    ----------
    report : build.Report

    Returns
    -------
    Section
        The cells of the design and the questions, of which either may lack.
    """
    found = report.families["designs"]
    cells = pd.DataFrame(
        {
            "design": label((row["family"], row["augmented"], row["ensemble"])),
            "kinds": str(len(row["kinds"])),
            "typical kind": plain_interval(row["typical"]),
            "adjusted for chance": plain_interval(row["adjusted"]) if row["adjusted"] else "",
            "best within the source": plain_interval(row["chosen"]),
            "which is": ", ".join(f"{name} {share:.0%}" for name, share in _most_picked(row["picked"])),
        }
        for row in found["cells"]
    )
    asked = pd.DataFrame(
        {
            "question": row["question"],
            "typical kind": signed_interval(row["typical"]),
            "best within the source": signed_interval(row["chosen"]),
        }
        for row in found["contrasts"]
    )
    tables = [table for table in (cells, asked) if len(table)]
    return Section("Features or networks, by design", _DESIGNED, tables)


def _most_picked(picked):
    return sorted(picked.items(), key=lambda pair: -pair[1])[:3]


def variance(report):
    """Where the variance of each model's mean comes from, as `Section`."""
    table = report.components
    lowest, highest = (table[name].astype("string").fillna("") for name in ("rank_low", "rank_high"))
    figures = {title: table[name].map(number) for name, title in COMPONENTS.items()}
    ranks = lowest.str.cat(highest, " - ").str.strip(" -")
    shown = pd.DataFrame({"model": table["model"]} | figures | {"ranks": ranks})
    return Section("Where the variance is", _COMPONENTS, [] if table["sd_images"].isna().all() else [shown])


def people(report):
    """How far people agree, where a dataset was labelled more than once, as `Section`."""
    given = report.ceiling.columns[report.ceiling.notna().any()]
    shown = [each for each in metrics_of(report.run.suite).values() if each.name in given]
    facts = report.ceiling.reindex(columns=["dataset", "readings", "scoring", "n"])
    table = facts.assign(**{each.title: report.ceiling[each.name].map(number) for each in shown})
    return Section("People", _READ, [table] if len(table) else [])


def beyond(report):
    """Means of the metrics that ask something else than whether each answer is right, as `Section`."""
    shown = [get_metric(name) for name in _BEYOND if name in report.board and report.board[name].notna().any()]
    figures = {each.title: report.board[each.name].map(number) for each in shown}
    table = pd.DataFrame({"model": [model(row) for row in report.board.to_dict("records")]} | figures)
    return Section("Counts, costs and unknown cells", _ASKED, [table] if shown else [])

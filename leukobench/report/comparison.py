"""A comparison of two runs or two models as a page of Markdown and as tables."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from leukobench.files import atomic_write, check_writable
from leukobench.report.board import number
from leukobench.text import markdown, markdown_table, to_csv

DIGITS = "%.6f"
SURE = (
    "Intervals and p are paired: the same images, drawn alike for both; there are some only where both kept their "
    "predictions of the same images, in the protocol that ranks. They hold the trained models fixed, and are about "
    "other images of these laboratories. Holm: adjusted for all rows of the table. Targets: the sign of each target's "
    "mean difference may be flipped (exact); it is about other laboratories, roughly, since sources are shared, and "
    "of five of them it is .0625 at least."
)


def write_comparison(comparison, folder):
    """Write `comparison.md`, `comparison.csv`, `comparison_targets.csv` and `comparison_pairs.csv`.

    Parameters
    ----------
    comparison : Comparison
    folder : path-like
        Where to; it is made where it is missing.

    Returns
    -------
    Path
        Of the first.
    """
    folder = Path(folder)
    check_writable(folder, folder=True)
    for name in ("models", "targets", "pairs"):
        file = "comparison.csv" if name == "models" else f"comparison_{name}.csv"
        atomic_write(folder / file, to_csv(getattr(comparison, name), float_format=DIGITS))
    atomic_write(folder / "comparison.md", as_markdown(comparison))
    return folder / "comparison.md"


def as_markdown(comparison):
    """The comparison for people.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
    """
    one, other = (markdown(side.label) for side in (comparison.one, comparison.other))
    synthetic = any(side.cells["synthetic"].any() for side in (comparison.one, comparison.other))
    what = "Two runs" if comparison.one.folder != comparison.other.folder else "Two models"
    title = f"# {what}" + " of SYNTHETIC (phantom) images" * synthetic
    told = (
        f"{comparison.metric.title}, {one} minus {other}, mean over the train x test pairs that both completed, "
        f"shared scoring, without contaminated targets. {SURE}"
    )
    changes = "\n".join(f"- {markdown(line)}" for line in comparison.changes) or "Nothing that the folders tell of."
    parts = [title, told, markdown_table(as_shown(comparison)), "## By target", markdown_table(by_target(comparison))]
    return "\n\n".join([*parts, "## What changed", changes]) + "\n"


def as_shown(comparison):
    """The differences by model and protocol for people.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    DataFrame of str
    """
    table, seconds = comparison.models, partial(number, digits=1)
    return pd.DataFrame(
        {"model": table["model"], "protocol": table["protocol"], **_differences(comparison, table)}
        | {
            "targets ahead": table["ahead"].fillna("-"),
            "p, targets": table["p_targets"].map(_p),
            "fit s": table["one_fit_s"].map(seconds) + " / " + table["other_fit_s"].map(seconds),
        }
    )


def by_target(comparison):
    """The differences by model and target for people, in the protocol that ranks; see `as_shown`."""
    table = comparison.targets
    return pd.DataFrame({"model": table["model"], "target": table["test"], **_differences(comparison, table)})


def _differences(comparison, table):
    return {
        "pairs": table["pairs"].astype(str),
        comparison.one.label: table["one"].map(number),
        comparison.other.label: table["other"].map(number),
        "difference": table["difference"].map("{:+.3f}".format),
        "95% interval": interval_texts(table),
        "p": table["p"].map(_p),
        "p, Holm": table["p_holm"].map(_p),
    }


def _p(value):
    return "-" if np.isnan(value) else "< .001" if value < 0.001 else f"{value:.3f}"


def interval_texts(table):
    """Intervals of a table as text, dashes where there is none."""
    ends = zip(table["ci_low"], table["ci_high"], strict=True)
    return ["-" if np.isnan(low) else f"[{low:+.3f}, {high:+.3f}]" for low, high in ends]

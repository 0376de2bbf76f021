"""A comparison of two runs as a page of Markdown and as tables."""

from functools import partial

import numpy as np
import pandas as pd

from leukobench.files import atomic_write, check_writable
from leukobench.report.board import number
from leukobench.text import markdown, markdown_table, to_csv

DIGITS = "%.6f"


def write_comparison(comparison):
    """Write `comparison.md`, `comparison.csv` and `comparison_pairs.csv` into the folder of the first run.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    Path
        Of the first.
    """
    folder = comparison.one.folder
    check_writable(folder / "comparison.md")
    atomic_write(folder / "comparison.csv", to_csv(comparison.models, float_format=DIGITS))
    atomic_write(folder / "comparison_pairs.csv", to_csv(comparison.pairs, float_format=DIGITS))
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
    one, other = (markdown(side.folder.name) for side in (comparison.one, comparison.other))
    synthetic = any(side.cells["synthetic"].any() for side in (comparison.one, comparison.other))
    title = "# Two runs" + " of SYNTHETIC (phantom) images" * synthetic
    table = comparison.models
    seconds = partial(number, digits=1)
    shown = {
        "model": table["model"],
        "protocol": table["protocol"],
        "pairs": table["pairs"].astype(str),
        comparison.one.folder.name: table["one"].map(number),
        comparison.other.folder.name: table["other"].map(number),
        "difference": table["difference"].map("{:+.3f}".format),
        "95% interval": interval_texts(table),
        "fit s": table["one_fit_s"].map(seconds) + " / " + table["other_fit_s"].map(seconds),
    }
    told = (
        f"{comparison.metric.title}, {one} minus {other}, mean over the train x test pairs that both completed, "
        "shared scoring, without contaminated targets. Intervals are paired: the same images, drawn alike for both; "
        "there are some only where both kept their predictions of the same images, in the protocol that ranks. They "
        "hold the trained models fixed."
    )
    changes = "\n".join(f"- {markdown(line)}" for line in comparison.changes) or "Nothing that the folders tell of."
    return "\n\n".join([title, told, markdown_table(pd.DataFrame(shown)), "## What changed", changes]) + "\n"


def interval_texts(table):
    """Intervals of a table as text, dashes where there is none."""
    ends = zip(table["ci_low"], table["ci_high"], strict=True)
    return ["-" if np.isnan(low) else f"[{low:+.3f}, {high:+.3f}]" for low, high in ends]

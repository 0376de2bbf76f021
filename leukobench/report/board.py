"""The columns of the leaderboard for people: one table for the page and for the terminal."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from leukobench.metrics import known_metrics
from leukobench.metrics.statistics import LEVEL
from leukobench.report.leaderboard import DAGGER
from leukobench.running.protocols import BUILT_IN


@dataclass(frozen=True)
class Column:
    """A column of the leaderboard, as it is shown.

    Parameters
    ----------
    title : str
    text : callable
        Row of the leaderboard, a dict, to text.
    keep : int
        On a terminal that is too narrow for all columns those with the lowest number go first.
    left : bool, default False
        Text stands on the left, numbers on the right.
    """

    title: str
    text: Callable
    keep: int
    left: bool = False


def number(value, digits=3):
    """A figure as text, a dash where there is none."""
    return "-" if pd.isna(value) else f"{value:.{digits}f}"


def figure(name, digits=3, mark=False):
    """Function that shows the figure of a column.

    Parameters
    ----------
    name : str
        Of the column in `leaderboard.csv`.
    digits : int, default 3
    mark : bool, default False
        Put a dagger after means that leave contaminated targets out.

    Returns
    -------
    callable
    """

    def text(row):
        marked = mark and row["contaminated_targets"] and not pd.isna(row[name])
        return number(row[name], digits) + f" {DAGGER}" * bool(marked)

    return text


def model(row):
    """A model's name with its marks."""
    return row["model"] + (f" ({row['marks'].replace(' ', ', ')})" if row["marks"] else "")


def _rank(row):
    return "-" if pd.isna(row["rank"]) else str(row["rank"])


def _interval(row):
    return "-" if pd.isna(row["ci_low"]) else f"[{number(row['ci_low'])}, {number(row['ci_high'])}]"


def columns(report):
    """The columns that a report has something for.

    Parameters
    ----------
    report : build.Report

    Returns
    -------
    list of Column
    """
    board, ranking = report.board, report.headline
    apart = report.components.set_index("model")["sd_seed"]
    means = []
    for protocol in report.protocols:
        asked = protocol.name == "within" or protocol.name not in BUILT_IN
        means.append((protocol.column, protocol.title, 7 if asked else 3))
        if protocol.name == "pairwise":
            means += [("deployed_out_of_domain", "deployed", 1), ("gap", "gap", 5)]
    shown = [
        Column("#", _rank, 8),
        Column("model", model, 10, left=True),
        Column("family", lambda row: row["family"], 2, left=True),
    ]
    for name, title, keep in means:
        if name == ranking.column:
            shown.append(Column(title, figure(name, mark=True), 10))
            shown.append(Column(f"{LEVEL:.0%} interval", _interval, 9))
            if apart.notna().any():
                shown.append(Column("seed SD", lambda row: number(apart[row["model"]]), 8))
        elif board[name].notna().any():
            shown.append(Column(title, figure(name, mark=True), keep))
    others = [metric for metric in known_metrics().values() if metric.shown and metric.name != report.metric.name]
    return [
        *shown,
        *(Column(metric.title, figure(metric.name, mark=True), 6) for metric in others),
        Column("worst target", lambda row: f"{number(row['worst_target_score'])} {row['worst_target']}", 4, left=True),
        Column("cells", lambda row: row["coverage"], 7),
        Column("fit s", figure("fit_s", 2), 0),
        Column("ms/image", figure("ms_per_image", 2), 0),
    ]

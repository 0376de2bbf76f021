"""The leaderboard on a terminal of any width."""

import re

from rich import box
from rich.table import Table
from rich.text import Text

from leukobench.report.board import columns
from leukobench.text import visible

GAP = 2  # columns of the terminal between two of the table
WIDEST_MODEL = 24  # what a longer name is folded to, before a column is left out for it


def print_leaderboard(console, report):
    """Print the leaderboard, the notes and the conclusion.

    Parameters
    ----------
    console : rich.console.Console
    report : build.Report
    """
    kind = "SYNTHETIC (phantom) " if report.synthetic else ""
    console.print()
    console.print(Text.assemble((kind, "bold red"), ("Leaderboard", "bold")))
    console.print(Text(visible(report.protocol_line), "dim"))
    console.print(leaderboard_table(report, console.width))
    for line in report.notes:
        console.print(Text(visible(f"- {line}")))
    console.print()
    console.print(Text(report.conclusion))
    console.print(Text(f"manifest.json seals this run; its SHA-256: {report.digest}", "dim"))


def leaderboard_table(report, width=100):
    """The leaderboard as a rich table.

    Parameters
    ----------
    report : build.Report
    width : int, default 100
        Columns that there is no room for are left out; the files have them all.

    Returns
    -------
    rich.table.Table
    """
    rows = report.board.to_dict("records")
    shown = [(column, [_short(column.text(row)) for row in rows]) for column in columns(report)]
    while len(shown) > 2 and sum(map(_width, shown)) > width:
        shown.remove(min(reversed(shown), key=lambda each: each[0].keep))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False)
    for column, _ in shown:
        name = column.title == "model"
        table.add_column(
            column.title,
            justify="left" if column.left else "right",
            overflow="fold",
            no_wrap=not name,
            ratio=1 if name else None,
        )
    section = None
    for i, row in enumerate(rows):
        if section not in (None, row["section"]):
            table.add_section()
        section = row["section"]
        table.add_row(*(Text(texts[i]) for _, texts in shown), style="dim" if section == "control" else None)
    return table


def _width(shown):
    column, texts = shown
    widest = max(map(len, [column.title, *texts]))
    return GAP + (min(widest, WIDEST_MODEL) if column.title == "model" else widest)


def _short(text):
    """Figures without the leading zero: .612."""
    return re.sub(r"(?<![\d.])0\.(?=\d)", ".", visible(text))

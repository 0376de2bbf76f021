"""The leaderboard on a terminal of 100 columns."""

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from leukobench.report.leaderboard import MEANS
from leukobench.text import visible

# Left out of a terminal that is too narrow for them; the files have every column.
WIDE = 120


def print_leaderboard(console, report):
    """Print the leaderboard, the notes and the conclusion.

    Parameters
    ----------
    console : rich.console.Console
    report : tables.Report
    """
    kind = "SYNTHETIC (phantom) " if report.synthetic else ""
    console.print()
    console.print(Text.assemble((kind, "bold red"), ("Leaderboard", "bold")))
    console.print(Text(visible(report.protocol_line), "dim"))
    console.print(leaderboard_table(report, wide=console.width >= WIDE))
    for line in report.notes:
        console.print(Text(visible(f"- {line}")))
    console.print()
    console.print(Text(report.conclusion))


def leaderboard_table(report, wide=False):
    """The leaderboard as a rich table.

    Parameters
    ----------
    report : tables.Report
    wide : bool, default False
        Also the columns deployed, merged, fit seconds and milliseconds per image.

    Returns
    -------
    rich.table.Table
    """
    ranked, board = MEANS[report.headline], report.board
    means = {"within": "within", "out_of_domain": "out of domain", "deployed_out_of_domain": "deployed", "gap": "gap"}
    means |= {"lodo": "lodo", "merged": "merged"}
    shown = [name for name in means if name == ranked or board[name].notna().any()]
    shown = [name for name in shown if wide or name == ranked or name not in ("deployed_out_of_domain", "merged")]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("model", overflow="fold", ratio=1)
    table.add_column("family")
    for name in shown:
        table.add_column(f"{means[name]} [95 %]" if name == ranked else means[name], justify="right", no_wrap=True)
    table.add_column("worst target", no_wrap=True)
    table.add_column("cells", justify="right", no_wrap=True)
    times = {"fit_s": "fit s", "ms_per_image": "ms/img"} if wide else {}
    for label in times.values():
        table.add_column(label, justify="right", no_wrap=True)
    section = None
    for row in board.to_dict("records"):
        if section not in (None, row["section"]):
            table.add_section()
        section = row["section"]
        marks = row["marks"].replace("control", "").split()
        interval = "" if pd.isna(row["ci_low"]) else f" {_short(row['ci_low'])}-{_short(row['ci_high'])}"
        table.add_row(
            "" if pd.isna(row["rank"]) else str(row["rank"]),
            Text.assemble(visible(row["model"]), *((f" ({mark})", "yellow") for mark in marks)),
            Text(visible(row["family"])),
            *(_short(row[name]) + (interval if name == ranked else "") for name in shown),
            Text(visible(f"{_short(row['worst_target_score'])} {row['worst_target']}")),
            row["coverage"],
            *("-" if pd.isna(row[name]) else f"{row[name]:.2f}" for name in times),
            style="dim" if row["section"] == "control" else None,
        )
    return table


def _short(value):
    """Three digits without the leading zero: .612."""
    return "-" if pd.isna(value) else f"{value:.3f}".replace("0.", ".", 1)

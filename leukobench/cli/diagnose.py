"""Diagnose: why models of a run lose between laboratories."""

from pathlib import Path
from typing import Annotated

import typer

from leukobench.cli.common import console
from leukobench.progress import ProgressReport

MODEL = "extra_trees"  # whose loss is split, with its default parameters


def diagnose(folder: Annotated[Path, typer.Argument(help="A run folder.")]):
    """Explain the loss between datasets: which features give the dataset away or move, and what would get it back.

    Writes diagnosis.md, diagnosis.csv and diagnosis.json beside the leaderboard. They look at the targets' labels, so
    nothing of them enters the leaderboard.

        leukobench diagnose results/runs/cross-dataset
    """
    from leukobench.diagnosis import write_diagnosis
    from leukobench.models import get_model
    from leukobench.running.representations import columns_of

    recipe = get_model(MODEL)
    with ProgressReport(console) as report:

        def progress(stage, done, total):
            if stage != report.name:
                report.stage(stage, total)
            report.count(done, total)

        found = write_diagnosis(
            folder,
            catalogue=columns_of,
            build=lambda seed: recipe.build(recipe.defaults, seed),
            model=MODEL,
            progress=progress,
        )
    for section in found.sections:
        if section.name in ("probe", "loss", "shift_groups"):
            _print(section)
    console.say(f"diagnosis.md, diagnosis.csv and diagnosis.json in {folder}")


def _print(section):
    from rich.table import Table

    table = Table(*section.shown.columns, title=section.title)
    for row in section.shown.itertuples(index=False):
        table.add_row(*row)
    console.print(table)

"""Compare: two runs, or two models, beside each other."""

from pathlib import Path
from typing import Annotated

import typer

from leukobench.cli.common import RankBy, console, named_path, show

RUN = Path("results/runs/cross-dataset")


def compare(
    one: Annotated[str, typer.Argument(help="A run folder, or a model of --run.")],
    other: Annotated[str, typer.Argument(help="Another; differences are of the first minus this.")],
    run: Annotated[
        list[Path] | None,
        typer.Option(help=f"The run of two models, by default {RUN}; given twice, that of either."),
    ] = None,
    rank_by: RankBy = None,
    out: Annotated[
        Path | None, typer.Option(parser=named_path, metavar="PATH", help="A folder for comparison.md and tables.")
    ] = None,
):
    """Say how far two runs, or two models, are apart, with paired intervals and p values, and what changed.

    leukobench compare vote@augmented extra_trees --run results/reference

    leukobench compare results/runs/cross-dataset results/reference
    """
    from leukobench.errors import UsageError
    from leukobench.report.compare import compare as compared
    from leukobench.report.comparison import SURE, as_shown, by_target, write_comparison
    from leukobench.report.reader import ranked_by

    folders, models = [Path(one), Path(other)], None
    if run or not all(folder.is_dir() for folder in folders):
        if len(folders := run or [RUN]) > 2:
            raise UsageError("--run is given more than twice", "two models are of two runs at most")
        folders, models = [folders[0], folders[-1]], (one, other)
    found = compared(*folders, models=models, rank_by=rank_by or ranked_by(folders[0]))
    table = as_shown(found)
    what = f"{found.metric.title}: {found.one.label} minus {found.other.label}"
    if models:
        show(table.drop(columns="model").set_index("protocol"), what)
        show(by_target(found).drop(columns="model").set_index("target"), f"{what}, {found.protocol}, by target")
    else:
        ranking = table[table["protocol"] == found.protocol].drop(columns="protocol")
        show(ranking.set_index("model"), f"{what}, {found.protocol}")
    console.say(SURE, *found.changes)
    if out:
        console.say("", f"comparison: {write_comparison(found, out)}")

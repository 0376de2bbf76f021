"""`leukobench explore`: a data root to look at."""

from pathlib import Path
from typing import Annotated

import typer

from leukobench.cli.common import Data, console
from leukobench.progress import ProgressReport


def explore(
    data: Data = None,
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("explore.html"),
    level: Annotated[str, typer.Option(help="L5, L8, L11 or L15: the classes of pictures and maps.")] = "L8",
    per_class: Annotated[int, typer.Option(help="Images of each class and origin at most.", min=1)] = 40,
    seed: Annotated[int, typer.Option(help="Seed of the sample.", min=0, max=2**32 - 1)] = 0,
    jobs: Annotated[int, typer.Option(help="Threads that segment.", min=1)] = 1,
):
    """Write a page of what the data hold: counts, sizes, light, mean cells, maps of features, what is wrong.

    leukobench explore --data DIR --out explore.html
    """
    from leukobench.datasets import build_index, find_data_root
    from leukobench.datasets.taxonomy import LEVELS
    from leukobench.errors import unknown
    from leukobench.exploration import look_at, write_page
    from leukobench.files import check_writable

    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    check_writable(out)
    root = find_data_root(data)
    with ProgressReport(console) as progress:
        progress.stage("index", None)
        index = build_index(root, progress=progress.count)
        progress.stage("cells", None)
        look = look_at(root, index, level, per_class=per_class, seed=seed, jobs=jobs, progress=progress.count)
    write_page(out, look)
    console.say(*look.lost, f"page: {out}")

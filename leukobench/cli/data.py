"""`leukobench data`: what datasets there are, and what was found."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from leukobench.cli.common import Data, console, show
from leukobench.errors import UsageError
from leukobench.progress import ProgressReport

app = typer.Typer(help="Datasets: what there is, what was found.", no_args_is_help=True)


@app.command("ls")
def data_ls(data: Data = None):
    """Show the dataset cards, what is present and what is missing."""
    from leukobench.datasets import DATASETS, build_index, coverage, find_data_root, present_datasets
    from leukobench.datasets.registry import load_others

    load_others()
    root = find_data_root(data, default=None)
    names, found, wrong = present_datasets(root) if root else [], {}, []
    for name in names:
        try:
            found |= coverage(build_index(root, names=[name]))
        except UsageError as error:  # what is wrong with one dataset hides no other
            found[name] = "see below"
            wrong.append(f"{name}: {error}")
    table = Table("dataset", "images", "um/px", "groups", "masks", "licence", "from", title=f"data root: {root}")
    for name, source in DATASETS.items():
        card = source.card
        table.add_row(
            name,
            found.get(name, f"missing, {card.total:,} in the release" if card.total else "missing"),
            f"{card.um_per_px or 'unknown'}",
            card.groups or "unknown",
            "yes" if card.masks else "no",
            card.licence,
            card.url,
        )
    for name in names:
        if name not in DATASETS:
            table.add_row(name, found[name], "", "", "", "", "own folder")
    console.print(table)
    console.say(*wrong)


@app.command("index")
def data_index(
    data: Data = None,
    out: Annotated[
        Path, typer.Option(help="File to write; its ending says the format, where --format does not.")
    ] = Path("index.csv"),
    format: Annotated[str | None, typer.Option(help="csv, parquet or pkl; else as the ending of --out.")] = None,
):
    """Write one row per image: label, levels, group, size, brightness, sha256, status and reason.

    leukobench data index --data ../shared/data --out index.parquet
    """
    from leukobench.datasets import build_index, coverage, find_data_root, summarise, write_index
    from leukobench.files import check_writable

    out = out.with_suffix(f".{format}") if format else out
    check_writable(out)
    with ProgressReport(console) as progress:
        progress.stage("index", None)
        index = build_index(find_data_root(data), progress=progress.count)
    path = write_index(index, out, format=format) or out
    show(summarise(index), "images by dataset, native label and status")
    for name, text in dict(coverage(index)).items():
        console.print(f"{name}: {text}")
    for row in index[index["status"] != "ok"].itertuples():
        console.say(f"{row.status}: {row.path}: {row.reason}")
    console.say(f"index of {len(index):,} files written to {path}")


@app.command("phantom")
def data_phantom(
    out: Annotated[Path, typer.Option(help="Folder to write; it becomes a data root.")],
    per_class: Annotated[int, typer.Option(help="Images per class and domain.", min=1)] = 40,
    seed: Annotated[int, typer.Option(help="Seed of the renderer.", min=0, max=2**32 - 1)] = 0,
):
    """Render the synthetic datasets, with exact label masks, as a data root."""
    from leukobench.datasets.phantom import write_phantom

    console.say(f"phantom datasets in {write_phantom(out, per_class=per_class, seed=seed)}")

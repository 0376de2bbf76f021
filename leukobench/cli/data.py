"""`leukobench data`: what datasets there are, and what was found."""

from pathlib import Path
from typing import Annotated

import typer

from leukobench.cli.common import AddFolder, Data, console, data_with, named_path, show, show_rows
from leukobench.errors import UsageError
from leukobench.progress import ProgressReport

MB = 10**6
app = typer.Typer(help="Datasets: what there is, what was found.", no_args_is_help=True)


@app.command("ls")
def data_ls(data: Data = None):
    """Show the dataset cards, what is present and what is missing."""
    from leukobench.datasets import DATASETS, build_index, coverage, find_data_root, present_datasets
    from leukobench.datasets.fetch import how_to_get
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
    rows = []
    for name, source in DATASETS.items():
        card = source.card
        absent = f"missing, {card.total:,} in the release" if card.total else "missing"
        facts = {"um/px": f"{card.um_per_px or 'unknown'}", "groups": card.groups or "unknown"}
        facts |= {"masks": "yes" if card.masks else "no", "licence": card.licence, "from": card.url}
        rows.append({"dataset": name, "images": found.get(name, absent)} | facts)
    own = [name for name in names if name not in DATASETS]
    rows += [
        dict.fromkeys(rows[0], "") | {"dataset": name, "images": found[name], "from": "own folder"} for name in own
    ]
    show_rows(rows, f"data root: {root}")
    where = f" --data {data}" if data else ""
    missing = [f"{name}: {how}{where}" for name in DATASETS if name not in found and (how := how_to_get(name))]
    console.say(*wrong, *(["missing:", *missing] if missing else []))


@app.command("index")
def data_index(
    data: Data = None,
    add_folder: AddFolder = None,
    out: Annotated[
        Path,
        typer.Option(
            parser=named_path,
            metavar="PATH",
            help="File to write; its ending says the format, where --format does not.",
        ),
    ] = Path("index.csv"),
    format: Annotated[str | None, typer.Option(help="csv, parquet or pkl; else as the ending of --out.")] = None,
):
    """Write one row per image: label, levels, group, size, brightness, sha256, status and reason.

    leukobench data index --data DIR --out index.parquet
    """
    from leukobench.datasets import build_index, coverage, summarise, write_index
    from leukobench.files import check_writable

    out = out.with_suffix(f".{format}") if format else out
    check_writable(out)
    with data_with(data, add_folder) as (root, _), ProgressReport(console) as progress:
        progress.stage("index", None)
        index = build_index(root, progress=progress.count)
    path = write_index(index, out, format=format) or out
    show(summarise(index), "images by dataset, native label and status")
    for name, text in dict(coverage(index)).items():
        console.print(f"{name}: {text}")
    for row in index[index["status"] != "ok"].itertuples():
        console.say(f"{row.status}: {row.path}: {row.reason}")
    console.say(f"index of {len(index):,} files written to {path}")


@app.command("audit")
def data_audit(
    data: Data = None,
    html: Annotated[Path | None, typer.Option(help="Page to write, with a picture of each cell.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Table to write, one row per finding and file.")] = None,
    suspects: Annotated[
        bool, typer.Option(help="Look for labels that models contradict; takes minutes for thousands of images.")
    ] = True,
    strict: Annotated[bool, typer.Option(help="Exit with code 1 where there is an error or a warning.")] = False,
):
    """Say what is wrong with images and labels: copies, conflicts, hidden batches, tied classes, label suspects.

    leukobench data audit --data DIR --html audit.html
    """
    from leukobench.audit import audit, find_suspects, findings_table
    from leukobench.datasets import build_index, find_data_root
    from leukobench.files import check_writable, keep_result
    from leukobench.text import to_csv

    written = [*filter(None, (html, csv))]
    for number, path in enumerate(written):
        check_writable(path, spare=written[:number])
    root = find_data_root(data)
    with ProgressReport(console) as progress:
        progress.stage("index", None)
        index = build_index(root, progress=progress.count)
        if suspects:
            progress.stage("features", None)
        findings = audit(index, find_suspects(root, index, progress=progress.count) if suspects else ())
    for each in findings:
        console.say(f"{each.severity}: {each.kind}, {each.dataset}: {each.sentence}")
        console.say(*[f"    {path}" for path in each.files[:3]])
        if len(each.files) > 3:
            console.say(f"    and {len(each.files) - 3:,} more")
    if csv:
        keep_result(csv, to_csv(findings_table(findings)).encode())
    if html:
        from leukobench.audit.page import write_page

        write_page(html, root, findings)
    console.say(*[f"written to {path}" for path in (csv, html) if path])
    if strict and any(each.severity in ("error", "warning") for each in findings):
        raise typer.Exit(1)


@app.command("fetch")
def data_fetch(
    names: Annotated[list[str], typer.Argument(help="Datasets, as `data ls` names them.")],
    data: Data = None,
    yes: Annotated[bool, typer.Option("--yes", help="Load files of more than 1 GB without asking.")] = False,
):
    """Load public datasets into the data root; what cannot be loaded is named, with what to do by hand.

    The same command goes on where a download broke off. leukobench-lock.json in the data root keeps the checksum of
    every file: what has changed since is refused.

        leukobench data fetch cvb jiangxi --data /data/blood
    """
    from leukobench.datasets import get_dataset
    from leukobench.datasets.fetch import fetch, root_to_fill

    for name in names:
        get_dataset(name)
    root, by_hand = root_to_fill(data), []
    for name in names:
        with ProgressReport(console) as progress:

            def count(done, total, progress=progress):
                progress.count(done // MB, -(-(total or done) // MB))

            by_hand += fetch(
                name,
                root,
                agree=lambda size: yes or agreed(size),
                stage=lambda file, progress=progress: progress.stage(f"{file}, MB", None),
                progress=count,
            )
    console.say(f"data root: {root}", *by_hand)
    if by_hand:
        raise typer.Exit(1)


def agreed(size):
    """Ask whether so many bytes are to be loaded; where nobody can answer they are not."""
    return console.is_terminal and typer.confirm(f"load {size / 10**9:.1f} GB?")


@app.command("add")
def data_add(
    name: Annotated[str, typer.Argument(help="The dataset.")],
    file: Annotated[Path, typer.Argument(help="A file of its release, or a folder unpacked from it.")],
    data: Data = None,
):
    """Take a file of a dataset that you have loaded by hand into the data root: checked, unpacked and remembered.

    leukobench data add raabin ~/Downloads/Train.rar
    """
    from leukobench.datasets.fetch import add, root_to_fill

    root = root_to_fill(data)
    console.say(f"{add(name, file, root):,} files of {name} are new in {root}")


@app.command("init-folder")
def data_init_folder(
    folder: Annotated[Path, typer.Argument(help="A folder of your own: class folders, or a table path,label.")],
):
    """Draft the dataset.toml of your own folder: which cell type each of its words means, and what nobody could guess.

    leukobench data init-folder /scans/ward7
    """
    from leukobench.datasets.draft import draft_facts

    path, asked = draft_facts(folder)
    console.say(f"{path} is drafted: read it before a run")
    if asked:
        console.say(f'it asks, by "?", what these are: {", ".join(asked)}')


@app.command("phantom")
def data_phantom(
    out: Annotated[
        Path, typer.Option(parser=named_path, metavar="PATH", help="Folder to write; it becomes a data root.")
    ],
    per_class: Annotated[int, typer.Option(help="Images per class and domain.", min=1)] = 40,
    seed: Annotated[int, typer.Option(help="Seed of the renderer.", min=0, max=2**32 - 1)] = 0,
):
    """Render the synthetic datasets, with exact label masks, as a data root."""
    from leukobench.datasets.phantom import write_phantom

    console.say(f"phantom datasets in {write_phantom(out, per_class=per_class, seed=seed)}")

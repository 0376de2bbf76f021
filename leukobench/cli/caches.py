"""`leukobench cache`: what can be computed again, how much room it takes, and away with it."""

import shutil
from datetime import UTC, datetime
from typing import Annotated

import typer

from leukobench.cli.common import console, show_rows
from leukobench.errors import UsageError, unknown

app = typer.Typer(help="What is kept between runs: how much room it takes, and away with it.", no_args_is_help=True)
KINDS = {
    "tables": "features and vectors of images",
    "kernels": "compiled loops of the features",
    "onnx": "networks, exported for ONNX Runtime",
    "phantom": "drawn datasets",
    "predict": "networks whose training by `predict` stopped",
    "weights": "pretrained networks, loaded or laid there",
}
BY_NAME = ("weights",)  # what cannot be computed again goes only when it is named


def cache_folder():
    """Where it lies; what knows it takes pandas with it, which no other command should wait for."""
    from leukobench.cache import cache_folder as folder

    return folder()


def kept():
    """What lies in the cache, a list of dict of str, and its size in bytes altogether."""
    rows, total, folder = [], 0, cache_folder()
    for kind, what in KINDS.items():
        files = [path.stat() for path in (folder / kind).rglob("*") if path.is_file()]
        if files:
            size, used = sum(each.st_size for each in files), max(each.st_mtime for each in files)
            day = datetime.fromtimestamp(used, UTC).strftime("%Y-%m-%d")
            rows.append({"kind": kind, "MB": f"{size / 1e6:,.1f}", "written": day, "what it is": what})
            total += size
    return rows, total


@app.command("ls")
def cache_ls():
    """Show what is kept, where, and how much room it takes."""
    rows, total = kept()
    show_rows(rows, f"cache: {cache_folder()}")
    console.say(f"{total / 1e6:,.1f} MB in {cache_folder()}; `leukobench cache clear` deletes it")


@app.command("clear")
def cache_clear(
    kinds: Annotated[
        list[str] | None, typer.Argument(help="Kinds, as `cache ls` names them; default: all but weights.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
):
    """Delete what is kept; runs compute it again. Nothing else in the folder is touched.

    leukobench cache clear tables
    """
    for name in kinds or ():
        if name not in KINDS:
            raise unknown("kind of cache", name, KINDS)
    rows, _ = kept()
    going = [row for row in rows if row["kind"] in (kinds or set(KINDS) - {*BY_NAME})]
    if not going:
        console.say(f"nothing to delete in {cache_folder()}")
        return
    show_rows(going, f"to delete in {cache_folder()}")
    if not yes and not (console.is_terminal and typer.confirm("delete it?")):
        raise UsageError("nothing was deleted", "--yes deletes without asking")
    for row in going:
        shutil.rmtree(cache_folder() / row["kind"])
    console.say(f"deleted: {', '.join(row['kind'] for row in going)}")

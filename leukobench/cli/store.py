"""Report, status, verify, publish, merge, compact: what can be done with a run folder."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from leukobench.cli.common import Data, Device, Figures, ModelFiles, RankBy, console, draw, named_path
from leukobench.errors import UsageError

Folder = Annotated[Path, typer.Argument(help="A run folder.")]
LOG_LINES = 40  # of a failed cell's log, the last ones


def report(
    folder: Folder,
    rank_by: RankBy = None,
    figures: Figures = True,
    data: Data = None,
):
    """Compute the tables, the figures and the page of a run folder again, from its records and predictions alone.

    The page has pictures of the cells that were mistaken where the data root is at hand.

    leukobench report results/runs/cross-dataset --rank-by macro_f1
    """
    from leukobench.datasets import find_data_root
    from leukobench.page import write_page
    from leukobench.report import print_leaderboard, write_report

    written = write_report(folder, rank_by=rank_by)
    page = write_page(written, find_data_root(data, default=None))
    print_leaderboard(console, written)
    console.say("")
    if figures:
        draw(written)
    console.say(f"page: {page}")


def status(folder: Folder):
    """Say how far a run is, what runs now, and what failed why: traceback and log of each cell.

    leukobench status results/runs/cross-dataset
    """
    from leukobench.report.reader import read_record
    from leukobench.running.store import RunFolder

    run = RunFolder(folder)
    plan = run.read_plan()
    counts, failed = Counter(), []
    for cell in plan["cells"]:
        try:
            record = read_record(run, cell, plan["suite"]["datasets"])
        except UsageError as error:
            record = cell | {"status": "damaged", "error": str(error)}
        if record["status"] == "missing" and _is_held(folder, cell["fingerprint"]):
            record["status"] = "running"
        counts[record["status"]] += 1
        if record["status"] not in ("ok", "missing", "running"):
            failed.append(record)
    console.say(", ".join(f"{n} {name}" for name, n in sorted(counts.items())) or "no run cells")
    for record in failed:
        which = " ".join(str(record[key]) for key in ("protocol", "train", "model", "seed"))
        console.say("", f"{record['status']}: {which} (cells/{record['fingerprint']}.json)")
        console.say(*(record.get("traceback") or record.get("error", "")).rstrip().splitlines())
        log = folder / "logs" / f"{record['fingerprint']}.log"
        if log.is_file():
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            console.say(f"end of {log}:" if len(lines) > LOG_LINES else f"{log}:")
            console.say(*lines[-LOG_LINES:])


def verify(
    folder: Folder,
    digest: Annotated[str | None, typer.Option(help="SHA-256 of the manifest, as it was published.")] = None,
    refit: Annotated[int, typer.Option(help="Fit so many run cells again from the data.")] = 0,
    seed: Annotated[int, typer.Option(help="Which cells: another seed draws others.")] = 0,
    data: Data = None,
    device: Device = "auto",
    model_file: ModelFiles = None,
):
    """Compute every table again from the predictions, and say whether anything was changed by hand.

    A folder that was rewritten as a whole agrees with itself: compare it with the digest that was published, or fit
    some of its run cells again.

        leukobench verify results/runs/cross-dataset --digest 3f2a...

        leukobench verify results/runs/cross-dataset --refit 3 --data DIR
    """
    from leukobench.report.verify import verify as check

    verdict = check(folder, digest)
    if refit:
        verdict.wrong += _refit(folder, refit, seed, data, device, model_file)
    console.say(*verdict.wrong)
    if verdict.missing:
        console.say(f"{verdict.missing} planned run cells have no record yet")
    if verdict.wrong:
        console.say(f"this is not what the run wrote (differences: {len(verdict.wrong)})")
        if verdict.version:
            console.say(f"{verdict.version} wrote it: another version may compute other tables from the same records")
        raise typer.Exit(1)
    console.say(f"{verdict.records} records and {verdict.tables} tables are what the run wrote")
    against = "as published" if digest else "compare it with the one that was published: --digest"
    console.say(f"SHA-256 of manifest.json {verdict.digest} ({against})")


def _refit(folder, number, seed, data, device, model_files):
    """What is wrong with some run cells that are fitted again; those that are right are said."""
    from leukobench.datasets import find_data_root
    from leukobench.datasets.phantom import ensure_phantom
    from leukobench.models import register_file
    from leukobench.running.refit import refit as fit_again
    from leukobench.running.store import RunFolder

    for text in model_files or ():
        register_file(text)
    drawn = data is None and RunFolder(folder).read_plan()["synthetic"]
    fitted = fit_again(
        folder, ensure_phantom() if drawn else find_data_root(data), number=number, seed=seed, device=device
    )
    console.say(*(each.line for each in fitted if not each.wrong))
    return [each.line for each in fitted if each.wrong]


def publish(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="Folder of the copy.")],
    rank_by: RankBy = "balanced_accuracy",
):
    """Write a copy of a run folder that is small enough to be published, with its tables.

    leukobench publish results/runs/cross-dataset --out results/reference
    """
    from leukobench.report import print_leaderboard, write_report
    from leukobench.running.publish import publish as copy

    number = copy(folder, out)
    print_leaderboard(console, write_report(out, rank_by=rank_by))
    console.say(f"{number} records and their rounded predictions in {out}")


def merge(
    folders: Annotated[list[Path], typer.Argument(help="Run folders of different machines.")],
    out: Annotated[Path, typer.Option(parser=named_path, metavar="PATH", help="A new run folder.")],
):
    """Join run folders that differ in models, protocols or seeds; contradicting records are refused by name.

    leukobench merge machine-a machine-b --out results/runs/both
    """
    from leukobench.report import write_report
    from leukobench.running.merge import merge as join

    counts = join(folders, out)
    write_report(out)
    console.say(f"{', '.join(f'{n} {name}' for name, n in counts.items())}; tables in {out}")


def compact(folder: Folder):
    """Put the records of a finished run into two parquet files, in place of thousands of small ones.

    leukobench compact results/runs/cross-dataset
    """
    from leukobench.running.compact import compact as pack

    console.say(f"{pack(folder)} records in {folder}/records.parquet")


def _is_held(folder, fingerprint):
    from leukobench.files import locked

    path = folder / "locks" / fingerprint
    try:
        with locked(path, wait=False) as mine:
            return not mine
    except OSError:  # a folder that cannot be written is not being run
        return False

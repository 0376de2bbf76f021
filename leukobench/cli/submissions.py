"""Submit and leaderboard: what a run scored as a small file, and one table over the files of many."""

from pathlib import Path
from typing import Annotated

import typer

from leukobench.cli.common import SuiteName, console, named_path, show
from leukobench.errors import UsageError

REGISTRY = Path("results/registry")


def submit(
    folder: Annotated[Path | None, typer.Argument(help="A finished run folder, or a published copy.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the submission; default: that of the folder.")] = None,
    note: Annotated[str, typer.Option(help="What a reader should know: who made it, what to cite.")] = "",
    out: Annotated[
        Path | None, typer.Option(parser=named_path, metavar="PATH", help="File; default NAME.json.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(help="Check this file, and with a run folder its scores too; write nothing.")
    ] = None,
):
    """Write what a run scored to one small file, bound to its suite, images and predictions, or check such a file.

    leukobench submit results/runs/cross-dataset --name our-lab --out results/registry/our-lab.json

    leukobench submit --check results/registry/our-lab.json results/runs/cross-dataset
    """
    from leukobench.files import atomic_write, check_writable
    from leukobench.submissions import as_text, read_submission, submission_of
    from leukobench.submissions import check as faults

    if check:
        if wrong := faults(read_submission(check), folder):
            console.say(*(f"{check}: {line}" for line in wrong))
            raise typer.Exit(1)
        alone = "without its run folder nobody sees whether scores are its own"
        told = f"its scores are those of {folder}" if folder else alone
        return console.say(f"{check} agrees with itself; {told}")
    if not folder:
        raise UsageError("no run folder to submit", "name one, or a file with --check")
    name = name or folder.resolve().name
    out = out or Path(f"{name}.json")
    check_writable(out)
    submission = submission_of(folder, name, note)
    atomic_write(out, as_text(submission))
    what = "SYNTHETIC: phantoms, which belong in no table of laboratories; " * submission["synthetic"]
    console.say(f"{what}{len(submission['models'])} models in {out}")


def leaderboard(
    paths: Annotated[list[Path] | None, typer.Argument(help="Submissions, or folders of them.")] = None,
    suite: SuiteName = "cross-dataset",
    out: Annotated[Path | None, typer.Option(parser=named_path, metavar="PATH", help="A CSV file of it.")] = None,
):
    """Join submissions into one leaderboard; those of another suite or other images are left out, and named.

    leukobench leaderboard results/registry
    """
    from leukobench.files import atomic_write, check_writable
    from leukobench.running.suite import load_suite
    from leukobench.submissions import as_shown, join, read_submission
    from leukobench.submissions import check as faults
    from leukobench.text import to_csv

    if out:
        check_writable(out)
    paths = paths or [REGISTRY]
    files = [file for path in paths for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    if not files:
        raise UsageError(f"no submissions in {', '.join(map(str, paths))}", "name files, or folders of them")
    read = {file: read_submission(file) for file in files}
    wrong = {file: faults(submission) for file, submission in read.items()}
    asked = load_suite(suite)
    joined = join(
        {file.stem: submission for file, submission in read.items() if not wrong[file]},
        {key: getattr(asked, key) for key in ("name", "version", "level")},
    )
    images = ", ".join(f"{name} {each['images']}" for name, each in joined.data.items())
    title = f"{'SYNTHETIC (phantom) ' * joined.synthetic}{asked.name} {asked.version}, {asked.level}: {images} images"
    show(as_shown(joined), title)
    console.say("Intervals are over the test images, and hold the trained models fixed.")
    console.say(*(f"left out: {file.stem}: {line}" for file, lines in wrong.items() for line in lines))
    console.say(*(f"left out: {line}" for line in joined.refused))
    if out:
        atomic_write(out, to_csv(joined.board, float_format="%.6f"))
        console.say(f"table: {out}")

"""The command line: one thin function per command."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from leukobench import __version__
from leukobench.errors import UsageError
from leukobench.progress import ProgressReport

app = typer.Typer(
    name="leukobench",
    help="How well do white-blood-cell classifiers carry over from one laboratory to the next?",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Datasets: what there is, what was found.", no_args_is_help=True)
features_app = typer.Typer(help="Hand-crafted features: catalogue, extraction, speed.", no_args_is_help=True)
segment_app = typer.Typer(help="Segmentation of nucleus and cell.", no_args_is_help=True)
models_app = typer.Typer(help="Models: the registered recipes.", no_args_is_help=True)
suites_app = typer.Typer(help="Suites: the benchmarks that come with the package.", no_args_is_help=True)
for name, group in {
    "data": data_app,
    "features": features_app,
    "segment": segment_app,
    "models": models_app,
    "suites": suites_app,
}.items():
    app.add_typer(group, name=name)

console = Console()

Data = Annotated[str | None, typer.Option(help="Data root; else LEUKOBENCH_DATA, else the user data directory.")]
SuiteName = Annotated[str, typer.Option(help="A suite's name, or a TOML file.")]
Names = Annotated[str | None, typer.Option(help="Comma-separated names; default: the suite's.")]
Seeds = Annotated[str | None, typer.Option(help="Comma-separated seeds; default: as many as the budget says.")]
BudgetName = Annotated[str | None, typer.Option(help="quick, standard or full: folds and trials per model.")]
LevelName = Annotated[str | None, typer.Option(help="L5, L8, L11 or L15.")]
Out = Annotated[Path | None, typer.Option(help="Run folder; default results/runs/<suite>.")]
Jobs = Annotated[int | None, typer.Option(help="Worker processes; default: one per core.", min=1)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or reference.")]


def main():
    """Run the command line; a user's mistake is one line and exit code 2, never a traceback."""
    try:
        sys.exit(app(standalone_mode=False))  # commands return None; click hands over the code of a typer.Exit
    except UsageError as error:
        Console(stderr=True).print(f"[red]error:[/] {error}", soft_wrap=True, highlight=False)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        Console(stderr=True).print("stopped; the same command goes on where it was left")
        sys.exit(130)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "show"):
            error.show()
            sys.exit(2)
        raise


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False):
    if version:
        console.print(f"leukobench {__version__}")
        raise typer.Exit


@app.command()
def run(
    suite: SuiteName = "cross-dataset",
    data: Data = None,
    datasets: Names = None,
    models: Names = None,
    protocols: Names = None,
    seeds: Seeds = None,
    budget: BudgetName = None,
    level: LevelName = None,
    out: Out = None,
    jobs: Jobs = None,
    cell_timeout: Annotated[float | None, typer.Option(help="Stop a run cell after so many seconds.")] = None,
    device: Device = "auto",
    retry_failed: Annotated[bool, typer.Option(help="Run cells that failed again.")] = False,
):
    """Run a suite: every model over every train/test combination, then the leaderboard.

    The same command with the same `--out` does only what is missing. Without a data root the phantom datasets are
    used, and every table says so.

        leukobench run --suite cross-dataset --data ../shared/data --budget quick

        leukobench run --datasets barcelona,munich --models extra_trees,xgboost --protocols within,pairwise
    """
    from leukobench.evaluation.runner import run as run_suite
    from leukobench.report import print_leaderboard, write_report

    chosen = _load(suite, datasets, models, protocols, seeds, budget, level)
    out = out or Path("results/runs") / chosen.name
    root, chosen = _data_or_phantom(data, chosen, narrowed=bool(datasets))
    with ProgressReport(console) as progress:
        records = run_suite(
            chosen,
            root,
            out,
            jobs=jobs,
            timeout=cell_timeout,
            device=device,
            retry_failed=retry_failed,
            progress=progress,
        )
    report = write_report(out)
    print_leaderboard(console, report)
    failed = sum(record["status"] != "ok" for record in records)
    console.print(f"\n{len(records)} run cells, {failed} failed; tables in {out}", soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@app.command()
def plan(
    suite: SuiteName = "cross-dataset",
    data: Data = None,
    datasets: Names = None,
    models: Names = None,
    protocols: Names = None,
    seeds: Seeds = None,
    budget: BudgetName = None,
    level: LevelName = None,
):
    """Show what `run` would do: cells, fits and a rough time.

    leukobench plan --suite cross-dataset --budget standard
    """
    from leukobench.evaluation.plan import summarise_plan
    from leukobench.evaluation.runner import prepare

    chosen = _load(suite, datasets, models, protocols, seeds, budget, level)
    root, chosen = _data_or_phantom(data, chosen, narrowed=bool(datasets))
    with ProgressReport(console) as progress:
        progress.stage("index", None)
        _, samples, cells = prepare(chosen, root, progress.count)
    console.print(f"{chosen.name}: {chosen.description}; level {chosen.level}, seeds {list(chosen.seeds)}")
    _show(samples.groupby(["dataset", "class"]).size().unstack(fill_value=0), "images")
    table = summarise_plan(cells, samples)
    _show(table.round(1), f"plan, budget {chosen.budget.name}")
    console.print(
        f"{int(table['run cells'].sum())} run cells, {int(table['scored cells'].sum())} scored cells, "
        f"{int(table['fits'].sum())} fits, very roughly {table['core minutes'].sum():.0f} core minutes"
    )


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="A run folder.")]):
    """Compute the tables of a run folder again, from its records and predictions alone.

    leukobench report results/runs/cross-dataset
    """
    from leukobench.report import print_leaderboard, write_report

    print_leaderboard(console, write_report(folder))


@app.command()
def status(folder: Annotated[Path, typer.Argument(help="A run folder.")]):
    """Say how far a run is, and what failed why.

    leukobench status results/runs/cross-dataset
    """
    from collections import Counter

    from leukobench.report.reader import read_run

    records = read_run(folder).records
    counts = Counter(record["status"] for record in records)
    console.print(", ".join(f"{n} {name}" for name, n in sorted(counts.items())) or "no run cells")
    for record in records:
        if record["status"] not in ("ok", "missing"):
            which = " ".join(str(record[key]) for key in ("protocol", "train", "model", "seed"))
            console.print(f"\n{record['status']}: {which} (cells/{record['fingerprint']}.json)", soft_wrap=True)
            console.print(record.get("traceback") or record["error"], markup=False, highlight=False)


@data_app.command("ls")
def data_ls(data: Data = None):
    """Show the dataset cards, what is present and what is missing."""
    from leukobench.datasets import DATASETS, build_index, coverage, find_data_root, present_datasets

    root = find_data_root(data, default=None)
    names = list(present_datasets(root)) if root else []
    found = coverage(build_index(root, names=names)) if names else {}
    table = Table("dataset", "images", "um/px", "groups", "masks", "licence", "from", title=f"data root: {root}")
    for name, source in DATASETS.items():
        card = source.card
        table.add_row(
            name,
            str(found.get(name, f"missing, {card.total:,} in the release")),
            f"{card.um_per_px or 'unknown'}",
            card.groups or "unknown",
            "yes" if card.masks else "no",
            card.licence,
            card.url,
        )
    for name in names:
        if name not in DATASETS:
            table.add_row(name, str(found.get(name)), "", "", "", "", "own folder")
    console.print(table)


@data_app.command("index")
def data_index(
    data: Data = None,
    out: Annotated[Path, typer.Option(help="File to write; the ending follows --format.")] = Path("index.csv"),
    format: Annotated[str | None, typer.Option(help="csv, parquet or pkl; default: by the ending of --out.")] = None,
):
    """Write one row per image: label, levels, group, size, brightness, sha256, status and reason.

    leukobench data index --data ../shared/data --out index.parquet
    """
    from leukobench.datasets import build_index, coverage, find_data_root, summarise, write_index

    with ProgressReport(console) as progress:
        progress.stage("index", None)
        index = build_index(find_data_root(data), progress=progress.count)
    path = write_index(index, out if not format else out.with_suffix(f".{format}"), format=format) or out
    _show(summarise(index), "images by dataset, native label and status")
    for name, text in dict(coverage(index)).items():
        console.print(f"{name}: {text}")
    for row in index[index["status"] != "ok"].itertuples():
        console.print(f"{row.status}: {row.path}: {row.reason}", soft_wrap=True, highlight=False)
    console.print(f"index of {len(index):,} files written to {path}", soft_wrap=True)


@data_app.command("phantom")
def data_phantom(
    out: Annotated[Path, typer.Option(help="Folder to write; it becomes a data root.")],
    per_class: Annotated[int, typer.Option(help="Images per class and domain.", min=1)] = 40,
    seed: Annotated[int, typer.Option(help="Seed of the renderer.")] = 0,
):
    """Render the synthetic datasets, with exact label masks, as a data root."""
    from leukobench.datasets.phantom import write_phantom

    console.print(f"phantom datasets in {write_phantom(out, per_class=per_class, seed=seed)}", soft_wrap=True)


@features_app.command("ls")
def features_ls(
    group: Annotated[str | None, typer.Option(help="morphology, colour or texture.")] = None,
    feature_set: Annotated[str, typer.Option("--set", help="core, full, extended, ...")] = "core",
    format: Annotated[str, typer.Option(help="table or md.")] = "table",
):
    """Print the feature catalogue.

    leukobench features ls --group morphology --format md
    """
    from leukobench.features import catalogue_markdown, catalogue_table

    if format == "md":
        typer.echo(catalogue_markdown(group=group, feature_set=feature_set))
    else:
        _show(catalogue_table(group=group, feature_set=feature_set).set_index("name"), "features")


@features_app.command("extract")
def features_extract(
    data: Data = None,
    out: Annotated[Path, typer.Option(help="Parquet file to write.")] = Path("features.parquet"),
    datasets: Names = None,
    feature_set: Annotated[str, typer.Option("--set", help="core, full, extended, ...")] = "core",
    device: Device = "auto",
    jobs: Jobs = None,
):
    """Segment every usable image and write its features, one row per image.

    leukobench features extract --data ../shared/data --out features.parquet
    """
    import os

    import pandas as pd

    from leukobench.cache import TableCache
    from leukobench.datasets import build_index, find_data_root
    from leukobench.evaluation.representations import compute_missing, get_representation, image_ids
    from leukobench.files import atomic_write

    root = find_data_root(data)
    name = f"features:{feature_set}"
    jobs = jobs or len(os.sched_getaffinity(0))
    with ProgressReport(console) as progress:
        progress.stage("index", None)
        index = build_index(root, names=_split(datasets), progress=progress.count)
        usable = index[index["status"] == "ok"].reset_index(drop=True)
        progress.stage("features", len(usable))
        compute_missing([name], usable, root, jobs=jobs, device=device, progress=progress.count)
    ids = image_ids(usable)
    rows = TableCache().load(get_representation(name).key, ids).loc[ids].reset_index(drop=True)
    table = pd.concat([usable[["dataset", "path", "sha256", "native_label", "code"]], rows], axis=1)
    atomic_write(out, table.to_parquet)
    console.print(f"{len(table):,} images x {rows.shape[1]} features written to {out}", soft_wrap=True)


@features_app.command("bench")
def features_bench(
    data: Data = None,
    images: Annotated[int, typer.Option(help="Images per dataset.", min=2)] = 100,
):
    """Measure images per second of each backend and of its peers on this machine.

    leukobench features bench --data ../shared/data
    """
    from leukobench.features.bench import run_bench

    for name, (pictures, masks, _) in _with_masks(data).items():
        _show(run_bench(pictures[:images], masks[:images]), f"features on {name}, {min(images, len(masks))} images")


@segment_app.command("bench")
def segment_bench(data: Data = None):
    """Dice of nucleus and cell against the expert masks.

    leukobench segment bench --data ../shared/data
    """
    from leukobench.segmentation.bench import bench

    for name, (pictures, masks, labels) in _with_masks(data).items():
        _show(bench(pictures, masks, labels).round(3), f"Dice on {name}")


@models_app.command("ls")
def models_ls():
    """Show the registered models."""
    from leukobench.models import MODELS

    table = Table("model", "family", "reads", "tuned", "cost", "what it is", title="models")
    for recipe in MODELS.values():
        tuned = ", ".join(recipe.space) or "-"
        table.add_row(recipe.name, recipe.family, recipe.representation, tuned, recipe.cost, recipe.description)
    console.print(table)


@suites_app.command("ls")
def suites_ls():
    """Show the suites and their files."""
    from leukobench.evaluation.suite import list_suites, load_suite

    table = Table("suite", "level", "datasets", "protocols", "file", title="suites")
    for name, path in list_suites().items():
        suite = load_suite(name)
        table.add_row(name, suite.level, ", ".join(suite.datasets), ", ".join(suite.protocols), str(path))
    console.print(table)


def _split(text):
    return [part.strip() for part in text.split(",") if part.strip()] if text else None


def _load(suite, datasets, models, protocols, seeds, budget, level):
    from leukobench.evaluation.suite import load_suite

    try:
        numbers = [int(seed) for seed in _split(seeds) or []]
    except ValueError:
        raise UsageError(f"seeds are whole numbers, not '{seeds}'", "for example --seeds 0,1,2") from None
    return load_suite(
        suite,
        datasets=_split(datasets),
        models=_split(models),
        protocols=_split(protocols),
        seeds=numbers,
        budget=budget,
        level=level,
    )


def _data_or_phantom(data, suite, narrowed):
    """The data root; where there is none, the phantom datasets and the suite narrowed to them."""
    import dataclasses

    from leukobench.datasets import find_data_root
    from leukobench.datasets.phantom import DOMAINS, ensure_phantom

    root = find_data_root(data, default=None)
    if root is not None:
        return root, suite
    console.print("[bold yellow]no real data root: running on SYNTHETIC phantom datasets[/] (--data names a real one)")
    kept = tuple(name for name in suite.datasets if name in DOMAINS)
    if narrowed and len(kept) < len(suite.datasets):
        missing = ", ".join(sorted(set(suite.datasets) - set(kept)))
        raise UsageError(f"no phantom of {missing}", f"phantoms: {', '.join(DOMAINS)}; or name a data root with --data")
    return ensure_phantom(), dataclasses.replace(suite, datasets=kept)


def _with_masks(data):
    """Images, expert masks and labels of the datasets that have masks, by dataset."""
    from leukobench.datasets import build_index, find_data_root
    from leukobench.imaging.io import read_image, read_mask

    root = find_data_root(data)
    index = build_index(root)
    index = index[(index["status"] == "ok") & index["mask"].notna()]
    if index.empty:
        raise UsageError(f"no dataset with label masks under {root}", "CVB and Jiangxi have expert masks")
    return {
        name: (
            [read_image(root / path) for path in table["path"]],
            [read_mask(root / path) for path in table["mask"]],
            list(table["L5"]),
        )
        for name, table in index.groupby("dataset")
    }


def _show(frame, title):
    table = Table(
        *[*map(str, frame.index.names if frame.index.names[0] else [""]), *map(str, frame.columns)], title=title
    )
    for key, *values in frame.itertuples():
        keys = key if isinstance(key, tuple) else (key,)
        table.add_row(*map(str, keys), *map(str, values))
    console.print(table)

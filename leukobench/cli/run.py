"""Run, plan, report, status: a suite from the command line."""

from pathlib import Path
from typing import Annotated

import typer

from leukobench.cli.common import (
    BudgetName,
    Data,
    Device,
    Jobs,
    LevelName,
    Names,
    Out,
    Seeds,
    SuiteName,
    console,
    show,
    split_names,
)
from leukobench.errors import UsageError
from leukobench.progress import ProgressReport


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

    chosen = load_suite_from(suite, datasets, models, protocols, seeds, budget, level)
    out = out or Path("results/runs") / chosen.name
    root, chosen = data_or_phantom(data, chosen, narrowed=bool(datasets))
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

    chosen = load_suite_from(suite, datasets, models, protocols, seeds, budget, level)
    root, chosen = data_or_phantom(data, chosen, narrowed=bool(datasets))
    with ProgressReport(console) as progress:
        progress.stage("index", None)
        _, samples, cells = prepare(chosen, root, progress.count)
    console.print(f"{chosen.name}: {chosen.description}; level {chosen.level}, seeds {list(chosen.seeds)}")
    show(samples.groupby(["dataset", "class"]).size().unstack(fill_value=0), "images")
    table = summarise_plan(cells, samples)
    show(table.round(1), f"plan, budget {chosen.budget.name}")
    console.print(
        f"{int(table['run cells'].sum())} run cells, {int(table['scored cells'].sum())} scored cells, "
        f"{int(table['fits'].sum())} fits, very roughly {table['core minutes'].sum():.0f} core minutes"
    )


def report(folder: Annotated[Path, typer.Argument(help="A run folder.")]):
    """Compute the tables of a run folder again, from its records and predictions alone.

    leukobench report results/runs/cross-dataset
    """
    from leukobench.report import print_leaderboard, write_report

    print_leaderboard(console, write_report(folder))


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


def load_suite_from(suite, datasets, models, protocols, seeds, budget, level):
    from leukobench.evaluation.suite import load_suite

    try:
        numbers = [int(seed) for seed in split_names(seeds) or []]
    except ValueError:
        raise UsageError(f"seeds are whole numbers, not '{seeds}'", "for example --seeds 0,1,2") from None
    return load_suite(
        suite,
        datasets=split_names(datasets),
        models=split_names(models),
        protocols=split_names(protocols),
        seeds=numbers,
        budget=budget,
        level=level,
    )


def data_or_phantom(data, suite, narrowed):
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

"""Run and plan: a suite from the command line."""

import contextlib
import dataclasses
import signal
from pathlib import Path
from typing import Annotated

import typer

from leukobench.cli.common import (
    AddFolder,
    BudgetName,
    Data,
    Datasets,
    Device,
    Figures,
    Jobs,
    LevelName,
    ModelFiles,
    Names,
    Out,
    Protocols,
    RankBy,
    Resamples,
    Seeds,
    SuiteName,
    console,
    data_with,
    draw,
    show,
    split_names,
)
from leukobench.errors import UsageError
from leukobench.progress import ProgressReport


def run(
    suite: SuiteName = "cross-dataset",
    data: Data = None,
    add_folder: AddFolder = None,
    datasets: Datasets = None,
    models: Names = None,
    model_file: ModelFiles = None,
    protocols: Protocols = None,
    seeds: Seeds = None,
    budget: BudgetName = None,
    level: LevelName = None,
    resample_source: Resamples = None,
    out: Out = None,
    jobs: Jobs = None,
    cell_timeout: Annotated[float | None, typer.Option(help="Stop a run cell after so many seconds.")] = None,
    device: Device = "auto",
    executor: Annotated[str, typer.Option(help="local, or dask: the workers of a Dask scheduler.")] = "local",
    scheduler: Annotated[str | None, typer.Option(help="Address of the scheduler, such as tcp://node7:8786.")] = None,
    storage: Annotated[
        str | None,
        typer.Option(help="URL of a database for the Optuna trials; default: the run folder."),
    ] = None,
    retry: Annotated[
        str | None, typer.Option(help="Run failed cells again: failed, or kinds among error,oom,timeout,killed.")
    ] = None,
    rank_by: RankBy = None,
    figures: Figures = True,
):
    """Run a suite: every model over every train/test combination, then the leaderboard.

    The same command with the same `--out` does only what is missing, so a run that was stopped or killed goes on.
    Without a data root the phantom datasets are used, and every table says so.

        leukobench run --suite cross-dataset --data DIR --budget quick

        leukobench run --datasets barcelona,munich --models extra_trees,xgboost --protocols within,pairwise

        leukobench run --add-folder /scans/ward7 --datasets barcelona,raabin --models lda,vote@augmented

        leukobench run --models vote@augmented --model-file my_forest.py

        leukobench run --models lda,extra_trees --seeds 0,1,2 --resample-source 5

        leukobench run --executor dask --scheduler tcp://node7:8786 --out /shared/runs/first
    """
    from leukobench.metrics import get_metric
    from leukobench.page import write_page
    from leukobench.report import print_leaderboard, write_report
    from leukobench.report.reader import ranked_by
    from leukobench.running.runner import check_options
    from leukobench.running.runner import run as run_suite
    from leukobench.running.suite import choose

    chosen = load_suite_from(suite, datasets, models, protocols, seeds, budget, level, model_file, resample_source)
    out = out or Path("results/runs") / chosen.name
    metric = get_metric(rank_by) if rank_by else ranked_by(out)
    kinds = failures_to_retry(retry)
    choose("executor", [executor], ("local", "dask"))
    if (executor == "dask") != bool(scheduler):
        raise UsageError("--executor dask and --scheduler belong together", "for example --scheduler tcp://node7:8786")
    check_options(jobs=jobs, timeout=cell_timeout, device=device, scheduler=scheduler)
    with interruptible(out), data_or_phantom(data, add_folder, chosen, narrowed=bool(datasets)) as (root, chosen):
        with ProgressReport(console) as progress:
            records = run_suite(
                chosen,
                root,
                out,
                jobs=jobs,
                timeout=cell_timeout,
                device=device,
                scheduler=scheduler,
                storage=storage,
                retry=kinds,
                progress=progress,
            )
        report = write_report(out, rank_by=metric)
        page = write_page(report, root)
    print_leaderboard(console, report)
    failed = sum(record["status"] != "ok" for record in records)
    console.say("", f"{len(records)} run cells, {failed} failed; tables in {out}")
    if failed:
        console.say(f"why: leukobench status {out}; again: the same command with --retry failed")
    if figures:
        draw(report)
    console.say(f"page: {page}")
    if failed:
        raise typer.Exit(1)


def plan(
    suite: SuiteName = "cross-dataset",
    data: Data = None,
    add_folder: AddFolder = None,
    datasets: Datasets = None,
    models: Names = None,
    model_file: ModelFiles = None,
    protocols: Protocols = None,
    seeds: Seeds = None,
    budget: BudgetName = None,
    level: LevelName = None,
    resample_source: Resamples = None,
):
    """Show what `run` would do: cells, fits and a rough time.

    leukobench plan --suite cross-dataset --budget standard
    """
    from leukobench.running.estimate import summarise_plan, whole_seconds
    from leukobench.running.pool import worker_count
    from leukobench.running.prepare import prepare

    chosen = load_suite_from(suite, datasets, models, protocols, seeds, budget, level, model_file, resample_source)
    with (
        data_or_phantom(data, add_folder, chosen, narrowed=bool(datasets)) as (root, chosen),
        ProgressReport(console) as progress,
    ):
        progress.stage("index", None)
        chosen, index, samples, cells, notes = prepare(chosen, root, progress.count)
    console.print(f"{chosen.name}: {chosen.description}; level {chosen.level}, seeds {list(chosen.seeds)}")
    console.say(*notes)
    images = samples.groupby(["dataset", "class"]).size().unstack(fill_value=0)
    usable = index.loc[index["status"] == "ok", "dataset"].value_counts()
    show(images.assign(**{f"none at {chosen.level}": usable - images.sum(axis=1)}), "images by class")
    table, jobs = summarise_plan(cells, samples), worker_count(tasks=len(cells))
    shown = table.rename(columns={"core minutes": "core time"})
    show(shown.assign(**{"core time": table["core minutes"].map(in_words)}), f"plan, budget {chosen.budget.name}")
    counts, time = table.sum().astype(int), in_words(whole_seconds(cells, samples, jobs) / 60)
    console.print(
        f"{counts['run cells']} run cells, {counts['scored cells']} scored cells, {counts['fits']} fits: roughly {time}"
        f" on {jobs} core(s) that do nothing else, less where features and vectors are in the cache"
    )


def in_words(minutes):
    """A rough time.

    Examples
    --------
    >>> in_words(0.002), in_words(0.3), in_words(40), in_words(150)
    ('1 s', '18 s', '40 min', '2.5 h')
    """
    if minutes < 1:
        return f"{max(60 * minutes, 1):.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def failures_to_retry(text):
    """Kinds of failure by name; "failed" alone is all of them."""
    from leukobench.running.suite import choose
    from leukobench.running.worker import FAILURES

    names = split_names(text) or []
    return FAILURES if names == ["failed"] else choose("kind of failure", names, [*FAILURES, "failed"])


@contextlib.contextmanager
def interruptible(out):
    """End as on Ctrl-C where a cluster sends SIGTERM, or a terminal that closes SIGHUP, unless `nohup` ignores it."""
    heeded = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, signal.default_int_handler) for each in heeded}
    try:
        yield
    except KeyboardInterrupt:
        console.say(f"stopped; nothing that was finished is lost: the same command goes on in {out}")
        raise typer.Exit(130) from None
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def load_suite_from(suite, datasets, models, protocols, seeds, budget, level, model_files, resample_source):
    """The suite that the options of the command line ask for, with the models of the user's own files."""
    from leukobench.models import register_file
    from leukobench.running.suite import load_suite

    try:
        numbers = None if seeds is None else [int(seed) for seed in split_names(seeds) or []]
    except ValueError:
        raise UsageError(f"seeds are whole numbers, not '{seeds}'", "for example --seeds 0,1,2") from None
    own = [name for text in model_files or () for name in register_file(text)]
    chosen = load_suite(
        suite,
        datasets=split_names(datasets),
        models=split_names(models),
        protocols=split_names(protocols),
        seeds=numbers,
        budget=budget,
        level=level,
        resample_source=resample_source,
    )
    return dataclasses.replace(chosen, models=tuple(dict.fromkeys((*chosen.models, *own))))


@contextlib.contextmanager
def data_or_phantom(data, folders, suite, narrowed):
    """The data root and the suite, with added folders in both; where there is neither, the phantoms."""
    from leukobench.running.suite import ALL

    with data_with(data, folders, default=None) as (root, names):
        if suite.datasets != ALL:  # which has them already
            suite = dataclasses.replace(suite, datasets=tuple(dict.fromkeys((*suite.datasets, *names))))
        yield (root, suite) if root else phantom_of(suite, narrowed)


def phantom_of(suite, narrowed):
    """The root of the phantom datasets, and the suite narrowed to them."""
    from leukobench.datasets.phantom import DOMAINS, ensure_phantom
    from leukobench.running.suite import ALL

    console.say(
        "no real data root: running on SYNTHETIC phantom datasets (--data names a real one)", style="bold yellow"
    )
    kept = suite.datasets if suite.datasets == ALL else tuple(name for name in suite.datasets if name in DOMAINS)
    if narrowed and len(kept) < len(suite.datasets):
        missing = ", ".join(sorted(set(suite.datasets) - set(kept)))
        raise UsageError(f"no phantom of {missing}", f"phantoms: {', '.join(DOMAINS)}; or name a data root with --data")
    if not kept:
        raise UsageError(f"no dataset of {suite.name} has a phantom", "name a data root with --data")
    with ProgressReport(console) as progress:
        progress.stage("cells drawn", None)
        return ensure_phantom(progress=progress.count), dataclasses.replace(suite, datasets=kept)

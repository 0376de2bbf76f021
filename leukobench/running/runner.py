"""A suite from the images to the result store, with everything that is done already left as it is."""

import contextlib
import functools
import json
import logging
from pathlib import Path

from rich.console import Console

from leukobench.cache import TableCache
from leukobench.datasets import index_hash
from leukobench.datasets.opinions import count_opinions
from leukobench.errors import UsageError
from leukobench.features.backends import check_device
from leukobench.files import locked
from leukobench.models.spec import tables_of
from leukobench.progress import ProgressReport
from leukobench.readback import DamagedFile
from leukobench.running.changes import changes, in_precision_of, mixed_software
from leukobench.running.computing import NotComputed, compute_missing
from leukobench.running.credits import credits
from leukobench.running.environment import describe_environment
from leukobench.running.estimate import seconds_of
from leukobench.running.executor import execute
from leukobench.running.journal import open_database
from leukobench.running.pool import LocalPool, worker_count
from leukobench.running.prepare import prepare
from leukobench.running.records import SEAL, sealed
from leukobench.running.representations import load_rows, names_in
from leukobench.running.setting import PLAIN
from leukobench.running.splits import rows_name, shown_samples
from leukobench.running.store import RunFolder
from leukobench.running.worker import failure

log = logging.getLogger(__name__)
NAMED = 20  # changed cells that are named one by one at the start of a run; the rest is counted


def check_options(*, jobs=None, timeout=None, device="auto", scheduler=None):
    """Refuse at once what could never run; parameters as of `run`.

    Raises
    ------
    UsageError
        Where a number is out of range, the device is unknown or not there, or the address is none of a scheduler.
    """
    worker_count(jobs)
    if timeout is not None and not 0 < timeout < float("inf"):
        raise UsageError(f"a run cell cannot be stopped after {timeout:g} s", "--cell-timeout is above 0")
    check_device(device)
    if scheduler is not None:
        from leukobench.running.cluster import check_address

        check_address(scheduler)


def run(
    suite,
    root,
    out,
    *,
    cache=None,
    jobs=None,
    scheduler=None,
    storage=None,
    timeout=None,
    device="auto",
    retry=(),
    progress=None,
):
    """Run a suite into a folder; what the folder holds already is kept.

    Parameters
    ----------
    suite : Suite
        What is asked for.
    root : path-like
        The data root.
    out : path-like
        The run folder.
    cache : path-like, optional
        Folder of the representations; default the user's.
    jobs : int, optional
        Worker processes; default and most one per core, and no more than there are run cells.
    scheduler : str, optional
        Address of a Dask scheduler whose workers run the cells in place of this machine's processes.
    storage : str, optional
        URL of a database that keeps the Optuna trials in place of journals in the run folder.
    timeout : float, optional
        Seconds after which a run cell is stopped.
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"
        Where features are computed.
    retry : collection of str, default none
        Kinds of failure whose cells are run again, among "error", "oom", "timeout" and "killed".
    progress : leukobench.progress.ProgressReport, optional
        Where to report; default nowhere.

    Returns
    -------
    list of dict
        One record per cell of the plan.

    Raises
    ------
    UsageError
        Where data or suite cannot be run, or another process runs another plan in the folder.
    OSError
        Where the folder cannot be written; what was finished stays.
    KeyboardInterrupt
        On Ctrl-C, after the workers were stopped; what was finished stays.
    """
    check_options(jobs=jobs, timeout=timeout, device=device, scheduler=scheduler)
    jobs, progress = worker_count(jobs), progress or ProgressReport(Console(quiet=True))
    progress.stage("index", None)
    suite, index, samples, cells, notes = prepare(suite, root, progress.count)
    facts = {"suite": suite.name, "suite_version": suite.version, "index_hash": index_hash(index), "threads": 1}
    if storage:
        open_database(storage)  # says now, and not in every worker, that it cannot be reached
    with contextlib.ExitStack() as held:
        store = RunFolder(out)
        plan_of = functools.partial(_plan, suite, root, index, samples, notes, facts)
        before, planned = _claim(store, cells, plan_of, samples, held)
        others = {cell.inputs.get("precision") for cell in planned} - {cell.inputs.get("precision") for cell in cells}
        notes += [f"networks train in {each} here, as the plan of {out} says" for each in sorted(others)]
        cells = planned
        _tell(progress, notes)
        where = {"jobs": jobs, "scheduler": scheduler, "storage": bool(storage), "data": Path(root).name}
        store.write_json("environment.json", describe_environment(**facts, seeds=list(suite.seeds), **where))
        records = {cell: store.read_record(cell.fingerprint) for cell in cells}
        _tell(progress, changes(before, cells, store.read_record) + mixed_software(records))
        stale = {cell: record for cell, record in records.items() if record and record["status"] in retry}
        todo = [cell for cell, record in records.items() if record is None or cell in stale]
        if len(todo) < len(cells):
            progress.note(f"{len(cells) - len(todo)} of {len(cells)} run cells are done already in {out}")
        if not todo:
            return [records[cell] for cell in cells]
        pool = _open_pool(worker_count(jobs, len(todo)), scheduler, store)
        failed = _represent(todo, samples, root, store, TableCache(cache), jobs, device, progress)

        def done(cell, record):
            records[cell] = record
            which = " ".join(map(str, cell.identity))
            if record["status"] != "ok":
                progress.note(f"{record['status']}: {which}: {record['error']}")
            for target, reason in record.get("lost_targets", {}).items():
                progress.note(f"not scored on {target}: {which}: {reason}")
            progress.advance(1, which)

        progress.stage("run cells", len(todo))
        for cell in list(todo):
            for name in failed.keys() & set(names_in(cell.recipe.representation)):
                kind, reason = failed[name]
                done(cell, store.write_record(failure(cell, kind, NotComputed(f"{name}: {reason}"), 0.0, facts)))
                todo.remove(cell)
                break
        sizes = samples["dataset"].value_counts()
        todo.sort(key=lambda cell: -seconds_of(cell, sizes))
        options = {"stale": stale, "timeout": timeout, "storage": storage, "facts": facts, "done": done}
        try:
            with pool:
                execute(todo, suite, store, pool=pool, **options)
        except KeyboardInterrupt:
            n = sum(record is not None and cell not in stale for cell, record in records.items())
            progress.note(f"stopping the workers; {n} of {len(cells)} run cells are done in {out}")
            raise
    return [records[cell] for cell in cells]


def _plan(suite, root, index, samples, notes, facts, cells):
    datasets = samples.groupby("dataset")["group"]
    return {
        "suite": suite.as_dict(),
        "synthetic": bool(index["synthetic"].any()),
        # A few pictures of one cell are a group, too, and say nothing of patients or slides.
        "groups_unknown": [name for name, group in datasets if group.isna().mean() > 0.5],
        "images": {name: len(group) for name, group in datasets},
        "notes": notes,
        "index_hash": facts["index_hash"],
        "credits": credits(suite, root),
        "opinions": count_opinions(root, suite.datasets, suite.level),
        "cells": [cell.as_dict() for cell in cells],
    }


def _open_pool(jobs, scheduler, store):
    if not scheduler:
        return LocalPool(jobs)
    from leukobench.running.cluster import DaskPool

    return DaskPool(scheduler, store.path)


def _claim(store, cells, plan_of, samples, held):
    """Write the plan, unless it is there already, and keep others from changing it.

    Gives the plan that there was before, and the cells in its precision.
    """
    with locked(store.path / "locks" / "plan"):
        before = _or_none(store.read_json, "plan.json")
        cells = in_precision_of(before, cells)
        plan = plan_of(cells)
        same = before is not None and before.get(SEAL) == sealed(json.loads(json.dumps(plan)))[SEAL]
        if same and _or_none(store.read_samples) is None:
            store.write_samples(samples)
        if not same:
            with locked(store.path / "locks" / "running", wait=False) as alone:
                if not alone:
                    raise UsageError(
                        f"another process runs another plan in {store.path}",
                        "wait for it, or choose another folder with --out",
                    )
                store.write_samples(samples)
                store.write_json("plan.json", plan)
        held.enter_context(locked(store.path / "locks" / "running", shared=True))
        return before, cells


def _or_none(read, *name):
    """What is read back, or None where it is missing or damaged: it is then written again."""
    try:
        return read(*name)
    except FileNotFoundError:
        return None
    except DamagedFile as error:
        log.warning("%s: it is written again", error.message)
        return None


def _represent(cells, samples, root, store, tables, jobs, device, progress):
    """Compute the representations that cells need and lay them out for the workers; gives what failed, and why."""
    progress.stage("features and embeddings", None)
    options, failed = {"jobs": jobs, "device": device, "progress": progress.count}, {}
    with locked(store.path / "locks" / "representations"):
        known = _or_none(store.read_json, "representations.json") or {}
        for setting, names in _read_by(cells).items():
            shown = shown_samples(samples, setting) if setting.conditions else samples
            measured = compute_missing(names, shown, root, cache=tables, failed=failed, **options)
            for name in sorted({table for each in names for table in tables_of(each)}):
                if not failed.keys() & set(names_in(name)):
                    store.write_rows(rows_name(name, setting), load_rows(name, shown, tables))
            known |= {rows_name(k, setting): v for k, v in measured.items() if v["images"]}
        for name, (_, reason) in failed.items():
            progress.note(f"{name} cannot be computed: {reason}")
        store.write_json("representations.json", known)
    return failed


def _read_by(cells):
    """Representations that cells read: of the images as they are, then of what each other setting shows."""
    read = {PLAIN: {cell.recipe.representation for cell in cells}}
    for cell in cells:
        if cell.setting.conditions:
            read.setdefault(cell.setting, set()).add(cell.recipe.representation)
    return {setting: sorted(names) for setting, names in read.items()}


def _tell(progress, lines):
    for line in lines[:NAMED]:
        progress.note(line)
    if len(lines) > NAMED:
        progress.note(f"... and {len(lines) - NAMED} more; `leukobench status` names all of the run folder's records")

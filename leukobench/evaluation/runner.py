"""A suite from the images to the result store, with everything that is done already left as it is."""

import json
import logging
import os
from pathlib import Path

from leukobench.cache import TableCache
from leukobench.datasets import build_index, index_hash
from leukobench.errors import UsageError
from leukobench.evaluation.environment import describe_environment
from leukobench.evaluation.executor import execute
from leukobench.evaluation.plan import build_plan, select_samples
from leukobench.evaluation.representations import compute_missing, load_rows
from leukobench.evaluation.store import RunFolder
from leukobench.files import locked
from leukobench.models import MODELS

log = logging.getLogger(__name__)


def prepare(suite, root, progress=None):
    """Read the data and make the plan.

    Parameters
    ----------
    suite : Suite
        What is asked for.
    root : path-like
        The data root.
    progress : callable, optional
        Called as progress(done, total) in files.

    Returns
    -------
    index, samples : pandas.DataFrame
        Every file, and the images that take part.
    cells : list of RunCell
        The plan.
    """
    index = build_index(root, names=list(suite.datasets), progress=progress)
    samples = select_samples(index, suite)
    return index, samples, build_plan(suite, samples)


def run(suite, root, out, *, cache=None, jobs=None, timeout=None, device="auto", retry_failed=False, progress=None):
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
        Worker processes; default one per core.
    timeout : float, optional
        Seconds after which a run cell is stopped.
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"
        Where features are computed.
    retry_failed : bool, default False
        Run cells whose record is a failure again.
    progress : object, optional
        With methods stage(name, total), advance(n, text) and note(text); see `leukobench.progress`.

    Returns
    -------
    list of dict
        One record per cell of the plan.

    Raises
    ------
    UsageError
        Where data or suite cannot be run, or the folder cannot be written.
    """
    jobs = jobs or len(os.sched_getaffinity(0))
    progress.stage("index", None)
    index, samples, cells = prepare(suite, root, progress.count)
    try:
        store = RunFolder(out)
        with locked(store.path / "locks" / "plan"):
            before = store.read_json("plan.json")
            _write_plan(store, suite, index, samples, cells, jobs, root)
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}", "choose another folder with --out") from None
    for note in changes(before, cells):
        progress.note(note)

    records = {cell: store.read_record(cell.fingerprint) for cell in cells}
    todo = [cell for cell, record in records.items() if record is None or (retry_failed and record["status"] != "ok")]
    if len(todo) < len(cells):
        progress.note(f"{len(cells) - len(todo)} of {len(cells)} run cells are done already in {out}")

    progress.stage("features and embeddings", None)
    names = {MODELS[cell.model].representation for cell in todo}
    with locked(store.path / "locks" / "representations"):
        tables = TableCache(cache)
        measured = compute_missing(
            sorted(names),
            samples,
            root,
            cache=tables,
            jobs=jobs,
            device=device,
            progress=progress.count,
        )
        for name in sorted(names):
            store.write_rows(name, load_rows(name, samples, tables))
        known = store.read_json("representations.json") or {}
        store.write_json("representations.json", known | {k: v for k, v in measured.items() if v["images"]})

    progress.stage("run cells", len(todo))

    def done(cell, record):
        records[cell] = record
        if record["status"] != "ok":
            progress.note(f"{record['status']}: {' '.join(map(str, cell.identity))}: {record['error']}")
        progress.advance(1, " ".join(map(str, cell.identity)))

    execute(
        sorted(todo, key=lambda cell: -_cost(cell, samples)),
        suite,
        store.path,
        jobs=jobs,
        timeout=timeout,
        done=done,
    )
    return [records[cell] for cell in cells]


def changes(before, cells):
    """What a plan changes in a run folder that held another, cell by cell.

    Parameters
    ----------
    before : dict or None
        The earlier `plan.json`.
    cells : list of RunCell
        The new plan.

    Returns
    -------
    list of str
        One line per cell whose inputs changed; its old record is left out of the tables.
    """
    if not before:
        return []
    identity = ("protocol", "train", "model", "seed")
    old = {tuple(cell[key] for key in identity): cell for cell in before["cells"]}
    lines = []
    for cell in cells:
        was = old.get(cell.identity)
        if was and was["fingerprint"] != cell.fingerprint:
            new = json.loads(json.dumps(cell.inputs))
            changed = sorted(key for key in {*was["inputs"], *new} if was["inputs"].get(key) != new.get(key))
            lines.append(f"{' '.join(map(str, cell.identity))} runs again: changed {', '.join(changed)}")
    return lines


def _cost(cell, samples):
    weight = {"light": 1, "medium": 5, "heavy": 20}[MODELS[cell.model].cost]
    folds = cell.inputs["folds"][0] if cell.protocol in ("within", "merged") else 1
    return weight * folds * int(samples["dataset"].isin(cell.sources).sum())


def _write_plan(store, suite, index, samples, cells, jobs, root):
    datasets = samples.groupby("dataset")["group"]
    plan = {
        "suite": suite.as_dict(),
        "synthetic": bool(index["synthetic"].any()),
        "groups_unknown": [name for name, group in datasets if group.isna().all()],
        "images": {name: len(group) for name, group in datasets},
        "index_hash": index_hash(index),
        "cells": [cell.as_dict() for cell in cells],
    }
    facts = describe_environment(
        jobs=jobs, threads_per_job=1, seeds=list(suite.seeds), index_hash=plan["index_hash"], data=Path(root).name
    )
    store.write_samples(samples)
    store.write_json("plan.json", plan)
    store.write_json("environment.json", facts)

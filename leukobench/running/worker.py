"""What happens in a worker process: one cell of the plan under its lock, and a record of how it ended."""

import contextlib
import errno
import faulthandler
import functools
import os
import signal
import tempfile
import time
import traceback
from pathlib import Path

from leukobench.errors import in_one_line
from leukobench.files import locked
from leukobench.readback import DamagedFile
from leukobench.running.cell import run_cell
from leukobench.running.environment import describe_environment
from leukobench.running.journal import StorageLost, open_storage
from leukobench.running.plan import head_of
from leukobench.running.pool import is_the_users, is_worker
from leukobench.running.records import without_places
from leukobench.running.representations import side_by_side
from leukobench.running.setting import PLAIN
from leukobench.running.splits import rows_name

BUSY = "busy"  # what `work` returns for a cell that another process holds
FAILURES = ("error", "oom", "timeout", "killed")
MOST_TOLD = 20_000  # characters of a traceback; what a model says may be of any length
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def work(cell, *, suite, store, keep_trials=True, storage=None, facts=None):
    """Run one cell under its lock, in this process.

    Parameters
    ----------
    cell : RunCell
        What to run.
    suite : Suite
        Gives the limits.
    store : RunFolder
        Where it is run; `samples.parquet` and `rows/` must be there.
    keep_trials : bool, default True
        Keep Optuna trials in a journal that survives a kill.
    storage : str, optional
        URL of an Optuna database that holds the trials in place of the journal.
    facts : dict, optional
        Further facts of the run for the record's provenance.

    Returns
    -------
    dict or str
        The record (written already where its status is "ok"), or `BUSY` where another process holds the cell.

    Raises
    ------
    OSError
        Where the run folder cannot be written: that is no fault of the cell.
    """
    with store.cell_lock(cell.fingerprint) as mine:
        if not mine:
            return BUSY
        record = store.read_record(cell.fingerprint)
        if record is not None and record["status"] == "ok":
            return record
        start = time.perf_counter()
        try:
            with _captured(store.log_path(cell.fingerprint)), gpu_turn(cell):
                samples = _samples(store)
                name = cell.recipe.representation
                rows = _rows(store, name, PLAIN)
                shown = _rows(store, name, cell.setting) if cell.setting.conditions else None
                head, left_out = head_of(samples, cell.sources, suite)
                found, predictions = run_cell(
                    cell,
                    samples,
                    rows,
                    head,
                    left_out,
                    lambda number: open_storage(store.journal_path(cell.fingerprint, number), keep_trials, storage),
                    lambda number: store.checkpoint_path(cell.fingerprint, number) if keep_trials else None,
                    shown,
                )
        except MemoryError as error:
            return failure(cell, "oom", error, time.perf_counter() - start, facts)
        except BaseException as error:  # whatever a model does wrong, sys.exit() included, is a record, never a crash
            if is_the_users(error) or _is_the_machine(error, store):
                raise
            return failure(cell, "error", error, time.perf_counter() - start, facts)
        record = describe(cell, facts) | {"status": "ok", "error": "", "error_kind": ""} | found
        record["times"]["total_s"] = round(time.perf_counter() - start, 4)
        return store.write_record(record, predictions)


def describe(cell, facts=None):
    """The part of a record that is known before the cell has run; `facts` join its provenance."""
    return {
        "fingerprint": cell.fingerprint,
        "protocol": cell.protocol,
        "train": cell.train,
        "model": cell.model,
        **cell.kind,
        "seed": cell.seed,
        **cell.resampled,
        "sources": list(cell.sources),
        "targets": list(cell.tests),
        "inputs": cell.inputs,
        "provenance": describe_environment() | (facts or {}),
    }


def failure(cell, status, error, seconds, facts=None):
    """Record of a cell that did not end well.

    Parameters
    ----------
    cell : RunCell
        Which.
    status : {"error", "oom", "timeout", "killed"}
        How it ended.
    error : BaseException
        Why.
    seconds : float
        How long it ran.
    facts : dict, optional
        As in `work`.

    Returns
    -------
    dict
        The record, with the traceback; the cell's log lies beside it.
    """
    return describe(cell, facts) | {
        "status": status,
        "error": without_places(in_one_line(error))[:500],
        "error_kind": status,
        "traceback": without_places("".join(traceback.format_exception(error)))[-MOST_TOLD:],
        "head_classes": [],
        "left_out_classes": {},
        "params": [],
        "n_train": 0,
        "times": {"total_s": round(seconds, 4)},
    }


@contextlib.contextmanager
def gpu_turn(cell):
    """Wait for this process's turn on the GPU: one fit at a time per device. Other models do not wait."""
    if not cell.recipe.uses_gpu or not describe_environment()["gpu"]:
        yield
        return
    device = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    with locked(Path(tempfile.gettempdir()) / f"leukobench-{os.getuid()}-gpu-{device}"):
        yield


def _is_the_machine(error, store):
    """Whether an error would meet every cell: a full disk, a run folder that fails or is damaged, a lost database."""
    if isinstance(error, OSError) and not isinstance(error, StorageLost):
        return error.errno in NO_ROOM or str(error.filename).startswith(str(store.path))
    return isinstance(error, (StorageLost, DamagedFile))


@contextlib.contextmanager
def _captured(path):
    """Send all that the cell prints, C libraries and a kill's stack traces included, to its log.

    Only a worker's own process is redirected. A log that stays empty is removed.
    """
    if not is_worker():
        yield
        return
    path.parent.mkdir(exist_ok=True)
    kept = [os.dup(stream) for stream in (1, 2)]
    with open(path, "wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
        faulthandler.enable(file)
        faulthandler.register(signal.SIGTERM, file, chain=True)  # says where a cell hung that is stopped
        try:
            yield
        finally:
            faulthandler.unregister(signal.SIGTERM)
            faulthandler.disable()
            for stream, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, stream)
                os.close(copy)
    if not path.stat().st_size:
        path.unlink()


@functools.cache
def _samples(store):
    return store.read_samples()


def _rows(store, representation, setting):
    return side_by_side(representation, lambda table: _table(store, rows_name(table, setting)))


@functools.lru_cache(maxsize=4)
def _table(store, name):
    return store.read_rows(name)

"""Worker processes that run cells of the plan: a failing, hanging or dying one costs its own cell and nothing else."""

import functools
import multiprocessing
import os
import signal
import time
import traceback
from concurrent.futures import FIRST_COMPLETED, TimeoutError, wait

from pebble import ProcessExpired, ProcessPool
from threadpoolctl import threadpool_limits

from leukobench.evaluation.cell import run_cell
from leukobench.evaluation.plan import head_of
from leukobench.evaluation.store import RunFolder
from leukobench.models import MODELS

TRIES = 3  # of a cell whose worker died or ran out of memory; a model's own error is not tried again
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
BUSY = "busy"  # what `work` returns for a cell that another process holds


def execute(cells, suite, folder, *, jobs=1, timeout=None, keep_trials=True, done=None):
    """Run cells in worker processes and write a record for each.

    Each worker computes with one thread, so that a record is the same for any number of workers.

    Parameters
    ----------
    cells : list of RunCell
        Those that have no record yet.
    suite : Suite
        Gives the limits.
    folder : path-like
        The run folder; `samples.parquet` and `rows/` must be there.
    jobs : int, default 1
        Worker processes.
    timeout : float, optional
        Seconds after which a cell is stopped and recorded as "timeout".
    keep_trials : bool, default True
        Keep Optuna trials in a journal that survives a kill.
    done : callable, optional
        Called as done(cell, record) when a cell has its record.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, after the workers were stopped; records written so far stay.
    """
    store = RunFolder(folder)
    task = functools.partial(work, suite=suite, folder=str(folder), keep_trials=keep_trials)
    previous = {name: os.environ.get(name) for name in THREAD_SETTINGS}
    os.environ.update(dict.fromkeys(THREAD_SETTINGS, "1"))  # inherited by the workers, which start afresh
    pool = ProcessPool(jobs, initializer=_start_worker, context=multiprocessing.get_context("spawn"))
    waiting, tries = list(reversed(cells)), {}
    running = {}
    try:
        while waiting or running:
            while waiting and len(running) < 2 * jobs:
                cell = waiting.pop()
                running[pool.schedule(task, args=[cell], timeout=timeout)] = cell
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell = running.pop(future)
                tries[cell] = tries.get(cell, 0) + 1
                record = _outcome(future, cell, timeout)
                if record == BUSY:
                    record = store.read_record(cell.fingerprint)
                    if record is None:  # another process is at it: come back to it last
                        waiting.insert(0, cell)
                        time.sleep(0.2)
                        continue
                elif record["status"] in ("oom", "killed") and tries[cell] < TRIES:
                    waiting.append(cell)
                    continue
                elif record["status"] != "ok":
                    store.write_record(record)
                if done:
                    done(cell, record)
        pool.close()
    except BaseException:
        pool.stop()
        raise
    finally:
        pool.join()
        for name, value in previous.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def work(cell, *, suite, folder, keep_trials=True):
    """Run one cell under its lock, in this process.

    Parameters
    ----------
    cell : RunCell
        What to run.
    suite, folder, keep_trials
        As in `execute`.

    Returns
    -------
    dict or str
        The record (written already where its status is "ok"), or `BUSY` where another process holds the cell.
    """
    store = RunFolder(folder)
    with store.cell_lock(cell.fingerprint) as mine:
        if not mine:
            return BUSY
        record = store.read_record(cell.fingerprint)
        if record is not None and record["status"] == "ok":
            return record
        start = time.perf_counter()
        try:
            samples = _samples(str(store.path))
            rows = _rows(str(store.path), MODELS[cell.model].representation)
            head, left_out = head_of(samples, cell.sources, suite)
            found, predictions = run_cell(
                cell,
                samples,
                rows,
                head,
                left_out,
                lambda number: store.open_storage(cell.fingerprint, number, keep=keep_trials),
            )
        except MemoryError as error:
            return failure(cell, "oom", error, time.perf_counter() - start)
        except Exception as error:  # whatever a model does wrong is a record, never a crash
            return failure(cell, "error", error, time.perf_counter() - start)
        record = describe(cell) | {"status": "ok", "error": "", "error_kind": ""} | found
        record["times"]["total_s"] = round(time.perf_counter() - start, 4)
        store.write_record(record, predictions)
        return record


def describe(cell):
    """The part of a record that is known before the cell has run."""
    recipe = MODELS[cell.model]
    return {
        "fingerprint": cell.fingerprint,
        "protocol": cell.protocol,
        "train": cell.train,
        "model": cell.model,
        "family": recipe.family,
        "transductive": recipe.transductive,
        "seed": cell.seed,
        "sources": list(cell.sources),
        "targets": list(cell.targets),
        "inputs": cell.inputs,
    }


def failure(cell, status, error, seconds):
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

    Returns
    -------
    dict
        The record, with the traceback.
    """
    return describe(cell) | {
        "status": status,
        "error": f"{type(error).__name__}: {error}".splitlines()[0][:500],
        "error_kind": status,
        "traceback": "".join(traceback.format_exception(error)),
        "head_classes": [],
        "left_out_classes": {},
        "params": [],
        "n_train": 0,
        "times": {"total_s": round(seconds, 4)},
    }


def _outcome(future, cell, timeout):
    try:
        return future.result()
    except TimeoutError:
        return failure(cell, "timeout", TimeoutError(f"stopped after the limit of {timeout:g} s"), timeout)
    except ProcessExpired as error:
        how = f"signal {-error.exitcode}" if error.exitcode < 0 else f"exit code {error.exitcode}"
        return failure(cell, "killed", RuntimeError(f"the worker process ended ({how})"), 0.0)


def _start_worker():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threadpool_limits(1)


@functools.cache
def _samples(folder):
    return RunFolder(folder).read_samples()


@functools.lru_cache(maxsize=4)
def _rows(folder, representation):
    return RunFolder(folder).read_rows(representation)

"""Gives cells of the plan to worker processes: a failing, hanging or dying one costs its own cell and nothing else."""

import functools
import time
from concurrent.futures import FIRST_COMPLETED, TimeoutError, wait

from pebble import ProcessExpired

from leukobench.running.pool import how_it_ended
from leukobench.running.worker import BUSY, failure, work

TRIES = 3  # of a cell whose worker died or ran out of memory; a model's own error is not tried again
BUSY_PAUSE = 0.2  # seconds


def execute(
    cells, suite, store, *, pool, stale=None, timeout=None, keep_trials=True, storage=None, facts=None, done=None
):
    """Run cells in worker processes and write a record for each.

    Parameters
    ----------
    cells : list of RunCell
        Those to run.
    suite : Suite
        Gives the limits.
    store : RunFolder
        Where they are run; `samples.parquet` and `rows/` must be there.
    pool : LocalPool or DaskPool
        Where cells run, entered by the caller.
    stale : dict of RunCell to dict, optional
        Records, of failures, that are to be replaced; any other record means that another process was faster.
    timeout : float, optional
        Seconds after which a cell is stopped and recorded as "timeout".
    keep_trials, storage, facts
        As in `worker.work`.
    done : callable, optional
        Called as done(cell, record) when a cell has its record.

    Raises
    ------
    OSError
        Where the run folder cannot be written; records written so far stay.
    """
    task = functools.partial(work, suite=suite, store=store, keep_trials=keep_trials, storage=storage, facts=facts)
    waiting, tries = list(reversed(cells)), {}
    running, stale, done = {}, stale or {}, done or (lambda cell, record: None)
    while waiting or running:
        while waiting and len(running) < pool.ahead:
            cell = waiting.pop()
            record = store.read_record(cell.fingerprint)
            if record is not None and record != stale.get(cell):
                done(cell, record)
            else:
                running[pool.submit(task, cell, timeout)] = cell
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            cell = running.pop(future)
            record = outcome(future, cell, timeout, facts)
            if record == BUSY:  # another process is at it: come back to it last
                waiting.insert(0, cell)
                time.sleep(BUSY_PAUSE)
                continue
            tries[cell] = tries.get(cell, 0) + 1
            if record["status"] in ("oom", "killed") and tries[cell] < TRIES:
                waiting.append(cell)
                continue
            if record["status"] != "ok":
                record = store.write_record(record)
            done(cell, record)


def outcome(future, cell, timeout, facts=None):
    """What a future of a pool came to: `worker.work`'s result, or the record of a worker that gave none."""
    try:
        return future.result()
    except TimeoutError:
        return failure(cell, "timeout", TimeoutError(f"stopped after the limit of {timeout:g} s"), timeout, facts)
    except ProcessExpired as error:
        return failure(cell, "killed", RuntimeError(how_it_ended(error)), 0.0, facts)

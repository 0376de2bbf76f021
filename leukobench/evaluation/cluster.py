"""The worker processes of a Dask cluster in place of this machine's. Needs the extra `cluster`."""

import functools
import multiprocessing
import os
import threading
from concurrent.futures import Future

from leukobench import __version__
from leukobench.errors import UsageError
from leukobench.evaluation.executor import LocalPool, outcome
from leukobench.evaluation.worker import GPU_FAMILY, failure
from leukobench.models import MODELS

PATIENCE = 60.0  # seconds to wait for a first worker
AHEAD = 10_000  # cells handed to the scheduler at a time; it keeps them until a worker is free


class DaskPool:
    """Workers that were started by `dask worker`. A context manager.

    Each thread of a worker runs one cell at a time, in a process of its own with one thread, so that a cell can be
    stopped alone and a record is the same as on one machine. Cells of fine-tuned models go only to workers that
    declare `--resources GPU=1`, where there are such.

    Parameters
    ----------
    scheduler : str
        Address, such as "tcp://node7:8786".
    folder : path-like
        The run folder; every worker must see it under the same path.

    Raises
    ------
    UsageError
        Where the extra `cluster` is missing, no scheduler answers, no worker joins, or a worker has another version
        or does not see the run folder.
    """

    def __init__(self, scheduler, folder):
        try:
            from distributed import Client
        except ImportError:
            raise UsageError("--executor dask needs the package distributed", "install leukobench[cluster]") from None
        self.ahead = AHEAD
        try:
            self.client = Client(scheduler, timeout=PATIENCE, set_as_default=False)
        except OSError as error:
            raise UsageError(f"no Dask scheduler answers at {scheduler}", "start one with `dask scheduler`") from error
        try:
            self.client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            hint = f"start one with `dask worker {scheduler}`"
            raise UsageError(f"no worker has joined {scheduler} for {PATIENCE:g} s", hint) from None
        self._check(os.path.abspath(folder))
        gpus = [w for w in self.client.scheduler_info(n_workers=-1)["workers"].values() if w["resources"].get("GPU")]
        plain = {"pure": False, "retries": 0}
        self.executors = {
            False: self.client.get_executor(**plain),
            True: self.client.get_executor(**plain, resources={"GPU": 1} if gpus else {}),
        }

    def _check(self, folder):
        for address, (version, sees) in self.client.run(_describe_worker, folder).items():
            if version != __version__:
                raise UsageError(f"worker {address} has leukobench {version}, not {__version__}", "install the same")
            if not sees:
                raise UsageError(f"worker {address} does not see {folder}", "choose a shared folder with --out")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        for executor in self.executors.values():
            executor.shutdown(wait=False)
        if kind is not None:
            self.client.run(stop_cells)
        self.client.close()

    def submit(self, task, cell, timeout):
        """Future of `task(cell)` on a worker; a worker that dies has its cell run by another one."""
        executor = self.executors[MODELS[cell.model].family == GPU_FAMILY]
        task = functools.partial(task.func, **task.keywords | {"folder": os.path.abspath(task.keywords["folder"])})
        future = executor.submit(run_apart, task, cell, timeout)
        result = Future()
        future.add_done_callback(lambda finished: _pass_on(finished, result, cell, task.keywords["facts"]))
        return result


_pools, _own = set(), threading.local()


def run_apart(task, cell, timeout):
    """Run `task(cell)` from a thread of a Dask worker, in a process of the thread's own.

    Parameters
    ----------
    task : callable
        A partial of `worker.work`.
    cell : RunCell
        What to run.
    timeout : float or None
        Seconds after which it is stopped.

    Returns
    -------
    dict or str
        As of `worker.work`.
    """
    if not hasattr(_own, "pool"):
        # Dask starts its workers as daemons, which multiprocessing forbids to have children lest they outlive them;
        # ours end by themselves when their pipe closes.
        multiprocessing.current_process()._config["daemon"] = False
        _own.pool = LocalPool(1).__enter__()
        _pools.add(_own.pool)
    return outcome(_own.pool.submit(task, cell, timeout), cell, timeout, task.keywords["facts"])


def stop_cells():
    """Stop what runs on this Dask worker, at once; its next cell starts a new process."""
    global _own
    while _pools:
        pool = _pools.pop().pool
        pool.stop()
        pool.join()
    _own = threading.local()


def _describe_worker(folder):
    return __version__, os.path.isfile(os.path.join(folder, "plan.json"))


def _pass_on(finished, result, cell, facts):
    """Hand a Dask future's end to `result`; a cell that cost several workers their life has a record of its own."""
    error = finished.exception()
    if error is None:
        result.set_result(finished.result())
    elif type(error).__name__ == "KilledWorker":
        result.set_result(failure(cell, "killed", RuntimeError(str(error)), 0.0, facts))
    else:
        result.set_exception(error)

"""The worker processes of a Dask cluster in place of this machine's. Needs the extra `cluster`."""

import contextlib
import functools
import logging
import multiprocessing
import os
import threading
from concurrent.futures import Future

from leukobench import __version__
from leukobench.errors import UsageError
from leukobench.running.executor import outcome
from leukobench.running.pool import LocalPool
from leukobench.running.store import RunFolder
from leukobench.running.worker import failure

PATIENCE = 60.0  # seconds to wait for a first worker
CLOSING = 10.0  # seconds to wait for a scheduler when a run ends early
AHEAD = 10_000  # cells handed to the scheduler at a time; it keeps them until a worker is free


class SchedulerLost(UsageError):
    """The scheduler of the workers is gone."""


def check_address(scheduler):
    """Refuse an address that no scheduler can have, before anything waits for it.

    Parameters
    ----------
    scheduler : str
        Such as "tcp://node7:8786".

    Raises
    ------
    UsageError
        Where the protocol is unknown, or there is no port.
    """
    try:
        from distributed.comm.addressing import get_address_host_port
    except ImportError:
        raise UsageError("--executor dask needs the package distributed", "install 'leukobench[cluster]'") from None
    try:
        host, port = get_address_host_port(scheduler, strict=True)
    except ValueError as error:
        reason = str(error)
    else:
        reason = "" if host and 0 < port < 2**16 else "it lacks a host or a port"
    if reason:
        raise UsageError(f"no scheduler has the address '{scheduler}' ({reason})", "for example tcp://node7:8786")


class DaskPool:
    """Workers that were started by `dask worker`. A context manager.

    Each thread of a worker runs one cell at a time, in a process of its own with one thread, so that a cell can be
    stopped alone and a record is the same as on one machine. Cells of models that use a GPU go only to workers
    that declare `--resources GPU=1`, where there are such.

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
        check_address(scheduler)
        from distributed import Client

        logging.getLogger("distributed.client").setLevel(
            logging.CRITICAL
        )  # it tells tracebacks where we tell a sentence
        self.ahead, self.scheduler = AHEAD, scheduler
        try:
            self.client = Client(scheduler, timeout=PATIENCE, set_as_default=False)
        except OSError as error:
            raise UsageError(f"no Dask scheduler answers at {scheduler}", "start one with `dask scheduler`") from error
        except TypeError as error:  # of the settings of TLS, which are Dask's and may be missing
            raise UsageError(f"{scheduler} cannot be called: {error}", "see Dask's settings of TLS") from error
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
        with contextlib.suppress(TimeoutError, OSError):  # of a scheduler that does not answer any more
            if kind is not None and self.client.status == "running":
                self.client.sync(self.client._run, stop_cells, callback_timeout=CLOSING)
            self.client.close(timeout=CLOSING)

    def submit(self, task, cell, timeout):
        """Future of `task(cell)` on a worker; a worker that dies has its cell run by another one."""
        executor = self.executors[cell.recipe.uses_gpu]
        store = RunFolder(task.keywords["store"].path.absolute())
        task = functools.partial(task.func, **task.keywords | {"store": store})
        try:
            future = executor.submit(run_apart, task, cell, timeout)
        except Exception as error:
            if self.client.status == "running":
                raise
            raise self._lost() from error
        result = Future()

        def pass_on(finished):
            if finished.cancelled():  # as Dask does with all futures when the connection breaks
                result.set_exception(self._lost())
            else:
                _pass_on(finished, result, cell, task.keywords["facts"])

        future.add_done_callback(pass_on)
        return result

    def _lost(self):
        return SchedulerLost(
            f"the Dask scheduler at {self.scheduler} is gone",
            "what was finished is kept: start it again, and then the same command",
        )


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

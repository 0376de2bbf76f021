"""Processes of this machine: what crashes, hangs or eats all memory in one of them harms no other."""

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import forkserver, resource_tracker

import joblib
from pebble import ProcessPool
from threadpoolctl import threadpool_limits

from leukobench.errors import UsageError

THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
FOR_IMAGES, FOR_FITS = "leukobench.running.measuring", "leukobench.running.worker"
"""Modules that bring along all that takes long to import."""
PRELOAD = "LEUKOBENCH_PRELOAD"  # tells the process that workers are forked from which of them
_isolated = False  # whether this process works for a pool and does nothing else


def worker_count(jobs=None, tasks=None):
    """How many processes to start.

    Parameters
    ----------
    jobs : int or None, default None
        What was asked for; None is one per core. More than there are cores would only wait for each other.
    tasks : int or None, default None
        How much there is to do: a process more than that would have nothing to do.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    UsageError
        Where fewer than one is asked for.

    Examples
    --------
    >>> worker_count(jobs=8, tasks=1)
    1
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"{jobs} worker processes are none", "--jobs is 1 or more; without it there is one per core")
    cores = joblib.cpu_count()
    return max(1, min(jobs or cores, cores, *(() if tasks is None else (tasks,))))


class LocalPool:
    """Worker processes of this machine, each with one thread. A context manager; on an error it stops them at once.

    They end with this process, however it ends. They are forked from a process that has imported what they need and
    does nothing else: to import it costs as much as to measure some hundred images.

    Parameters
    ----------
    jobs : int
        How many.
    """

    def __init__(self, jobs):
        self.jobs, self.ahead = jobs, 2 * jobs

    def __enter__(self):
        # What this process has not needed so far its first tasks do not need either.
        needed = " ".join([FOR_IMAGES, *(name for name in [FOR_FITS] if name in sys.modules)])
        inherited = dict.fromkeys(THREAD_SETTINGS, "1") | {PRELOAD: needed}
        self.previous = {name: os.environ.get(name) for name in inherited}
        os.environ.update(inherited)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["leukobench.running.preload"])
        start_forkserver()
        self.pool = ProcessPool(self.jobs, initializer=start_worker, initargs=[dict(os.environ)], context=context)
        self.beside = ThreadPoolExecutor(1)
        return self

    def __exit__(self, kind, error, traceback):
        self.beside.shutdown()
        self.pool.close() if kind is None else self.pool.stop()
        self.pool.join()
        for name, value in self.previous.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)

    def submit(self, task, what, timeout=None):
        """Future of `task(what)`.

        It raises `TimeoutError` for a task that was stopped, and `pebble.ProcessExpired` where its process has died.
        """
        # Ctrl-C reaches the main thread alone: in the middle of a start it left a process that nobody knew of.
        return self.beside.submit(self.pool.schedule, task, args=[what], timeout=timeout).result()


def start_forkserver():
    """Start the process that workers are forked from, deaf to Ctrl-C, which would end it while it imports."""
    resource_tracker.ensure_running()  # else started below, where it would let signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_worker(environment):
    """Prepare a fresh process: one thread, so that a record is the same for any number of workers.

    The environment is that of now: the process that it was forked from may be older.
    """
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with, args=[multiprocessing.parent_process()], daemon=True).start()
    threadpool_limits(1)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # what was printed before a kill is in the log
    global _isolated
    _isolated = True


def is_worker():
    """Whether this process works for a pool and does nothing else."""
    return _isolated


def is_the_users(error):
    """Whether an error stops this process because somebody asked for it; workers are not asked."""
    return isinstance(error, KeyboardInterrupt) and not is_worker()


def how_it_ended(error):
    """What a `pebble.ProcessExpired` says, in words."""
    how = f"signal {-error.exitcode}" if error.exitcode < 0 else f"exit code {error.exitcode}"
    return f"the worker process ended ({how})"


def _end_with(parent):
    """End this process when its parent is gone: a kill leaves nobody who could tell the workers."""
    parent.join()
    os._exit(1)

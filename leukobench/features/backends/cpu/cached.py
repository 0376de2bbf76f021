"""The kernels compiled once per machine and read back from a cache."""

import hashlib
import logging
import os
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
from numba import config

from leukobench.cache import cache_folder
from leukobench.features.backends.cpu.kernel import make_entry
from leukobench.files import locked

log = logging.getLogger(__name__)


def calls_of(parts):
    """Names of the compiled functions, each with the parts that one call of it fills.

    Parameters
    ----------
    parts : sequence of FeaturePart

    Returns
    -------
    dict of str to list of FeaturePart
    """
    calls = {}
    for part in parts:
        if part.numba:
            calls.setdefault(part.numba, []).append(part)
    return calls


def plan_of(parts):
    """All that the entry point is made from, as plain values: each function with the widths of the parts it fills."""
    return tuple((name, tuple(len(p.columns) for p in of)) for name, of in calls_of(parts).items())


def _source_stamp(plan):
    """Digest of the plan and all sources behind it: Numba's own cache key sees no file but the entry point's."""
    here = Path(__file__).parent
    own = {*here.glob("*.py"), here.parents[1] / "tables.py"}
    others = {Path(import_module(name.partition(":")[0]).__file__) for name, _ in plan}
    text = b"".join(path.read_bytes() for path in sorted(own | others))
    return int(hashlib.sha256(repr(plan).encode() + text).hexdigest()[:8], 16)


@cache
def compiled(plan):
    """The entry point for a plan, compiled by a process of its own and read back from Numba's cache.

    With fast-math, a process that compiled calls other variants of the inner functions than one that loads them, and
    gets other last digits (to 1e-6): so nobody computes with what it compiled itself. One process compiles for all.
    Only where no cache can be written each process has to, and says so.
    """
    stamp = _source_stamp(plan)
    try:
        return _read_back(plan, stamp)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        log.warning("the kernels of the features are compiled anew, which takes a minute: %s", error)
        return load(make_entry(plan, stamp, cached=False))


def _read_back(plan, stamp):
    """The entry point from the cache, once it is there."""
    entry = with_cache(plan, stamp)
    marker = Path(entry.stats.cache_path) / f"kernel-{stamp:08x}.compiled"
    with locked(marker.with_suffix(".lock")):
        if not marker.exists():
            # Parts from outside may bring functions along.
            outside = "from leukobench.features.registry import all_parts; all_parts()"
            run_alone(f"{outside}; from {__name__} import load, with_cache; load(with_cache({plan}, {stamp}))")
            marker.touch()
    return load(entry)


def run_alone(program):
    """Run a program in a process of its own, which finds the same modules.

    The standard library stands first for it: it begins anew, and a `re.py` in somebody's folder would be its `re`.
    """
    library = os.path.dirname(os.__file__)
    standard = library, os.path.join(library, "lib-dynload")
    paths = sorted((path or os.getcwd() for path in sys.path), key=lambda path: path not in standard)
    subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path[:] = {paths}; {program}"], check=True)


def with_cache(plan, stamp):
    """The entry point with a cache."""
    return where_writable(lambda: make_entry(plan, stamp, cached=True))


def where_writable(make):
    """What makes a function with a cache: beside the sources or in Numba's own folder, else in the project's cache."""
    try:
        return make()
    except RuntimeError:  # Numba finds no place that it can write to
        given, config.CACHE_DIR = config.CACHE_DIR, str(cache_folder() / "kernels")
        try:
            return make()
        finally:
            config.CACHE_DIR = given


def load(entry):
    """Run the entry point on no cells: it is compiled, or loaded from the cache."""
    none = np.empty(0, np.int64)
    entry(none, none, np.empty((0, 2), np.int64), 0, 0, np.full(64, -1), np.empty((0, 1)))
    return entry

"""Where a run ran: versions, machine and commit, written beside its numbers and into each record."""

import functools
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from leukobench import __version__
from leukobench.devices import cuda_is_available

PACKAGES = [
    *("numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "scikit-image", "opencv-python", "numba", "xgboost"),
    *("optuna", "joblib", "pebble", "torch", "onnxruntime", "cupy-cuda12x", "cupy-cuda13x"),
]


def describe_environment(**facts):
    """Facts of this machine and this installation.

    Parameters
    ----------
    **facts
        Further facts of the run (index hash, seeds, threads, ...).

    Returns
    -------
    dict
        Version, commit, package versions, processor, cores, memory, GPU and the facts given.

    Examples
    --------
    >>> describe_environment(jobs=2)["jobs"]
    2
    """
    return _facts() | facts


def software_changes(before, now=None):
    """What differs in software between two descriptions, in words.

    Parameters
    ----------
    before : dict
        Of `describe_environment`.
    now : dict, optional
        The later one; default: this process.

    Returns
    -------
    list of str
        Empty where the same versions ran.

    Examples
    --------
    >>> now = describe_environment()
    >>> software_changes(now), software_changes(now | {"leukobench": "0.0"})[0][:15]
    ([], 'leukobench 0.0 ')
    """
    now = now or describe_environment()

    def versions(facts):
        own = {name: facts.get(name) for name in ("leukobench", "commit", "python")}
        own["commit"] = f"{(own['commit'] or 'unknown')[:10]}{' with changes' if facts.get('dirty') else ''}"
        return own | facts.get("packages", {})

    old, new = versions(before), versions(now)
    return [f"{name} {old.get(name)} -> {new.get(name)}" for name in {**old, **new} if old.get(name) != new.get(name)]


@functools.cache
def _facts():
    return {
        "leukobench": __version__,
        "commit": _git("rev-parse", "HEAD"),
        "dirty": None if (changes := _git("status", "--porcelain")) is None else bool(changes),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpu": _gpu(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _git(*command):
    here = Path(__file__).resolve().parent
    try:
        return subprocess.run(
            ["git", "-C", here, *command], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def _gpu():
    if not cuda_is_available():
        return None
    import cupy

    return cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()

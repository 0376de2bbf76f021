"""The kernels where neither the package nor the user has a folder to cache them in: another one, or a warning."""

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import config

import leukobench
from leukobench.features.backends.cpu import cached

NOWHERE = "/proc/nowhere"  # a folder that nobody can make, root neither
SMALL = """
from numba import njit

def make_entry(plan, stamp, cached):
    @njit(cache=cached)
    def entry(images, masks, shapes, start, stop, at, out):
        out[:] = stamp

    return entry
"""
# One part of all: to compile every part takes a minute, and where kernels are kept is asked once for all of them.
PROGRAM = """
import numpy as np
from leukobench.features import extract_features
from leukobench.features.backends import cpu
from leukobench.features.registry import all_parts
cpu.all_parts = lambda: [part for part in all_parts() if part.name == "shape"]
mask = np.pad(np.full((4, 4), 2, np.uint8), 2)
print(extract_features([np.full((8, 8, 3), 9, np.uint8)], [mask], device="cpu").loc[0, "nucleus_area"])
"""


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Function to compile, from a folder in which Numba can write no cache, nor elsewhere."""
    source = tmp_path / "package" / "small.py"
    source.parent.mkdir()
    source.write_text(SMALL)
    (source.parent / "__pycache__").touch()
    for name in ("HOME", "XDG_CACHE_HOME", "LEUKOBENCH_CACHE"):
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.setattr(config, "CACHE_DIR", "")
    spec = importlib.util.spec_from_file_location("small", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(cached, "make_entry", module.make_entry)


def test_the_projects_cache_is_the_last_resort(nowhere, monkeypatch, tmp_path):
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(tmp_path / "mine"))
    entry = cached.with_cache((), 7)
    assert Path(entry.stats.cache_path).is_relative_to(tmp_path / "mine" / "kernels")
    cached.load(entry)
    assert list((tmp_path / "mine").rglob("*.nbc"))
    assert config.CACHE_DIR == ""


def test_without_any_cache_they_are_compiled_anew(nowhere, caplog):
    with caplog.at_level(logging.WARNING):
        entry = cached.compiled.__wrapped__(())
    assert "compiled anew" in caplog.text
    out = np.zeros((1, 1))
    none = np.zeros(0, np.int64)
    entry(none, none, np.zeros((0, 2), np.int64), 0, 0, none, out)
    assert out[0, 0] == cached._source_stamp(())


def test_a_file_of_a_users_does_not_stand_in_for_a_module_of_python(monkeypatch, tmp_path):
    (tmp_path / "re.py").write_text("raise SystemExit('not the library')")
    (tmp_path / "math.py").write_text("raise SystemExit('not the library')")
    (tmp_path / "of_the_user.py").write_text("from pathlib import Path\nPath('done').touch()")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    cached.run_alone("import math, re, of_the_user; re.compile('a')")
    assert Path("done").exists()


@pytest.mark.slow
def test_features_from_a_package_that_is_read_only(tmp_path):
    copy = tmp_path / "leukobench"
    shutil.copytree(Path(leukobench.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "features" / "backends" / "cpu" / "__pycache__").touch()
    places = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LEUKOBENCH_CACHE"), NOWHERE)
    env = os.environ | places | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    env.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout == "16.0\n", done.stderr
    assert "compiled anew" in done.stderr

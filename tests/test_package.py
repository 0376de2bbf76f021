"""What is handed on is whole: the wheel runs alone and holds every file of the package, the sdist tests and docs."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from leukobench import __version__

REPOSITORY = Path(__file__).resolve().parents[1]
BUILT = ("leukobench", "tests", "docs", "benchmarks", "examples")
FILES = (
    "setup.cfg",
    "pyproject.toml",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "constraints.txt",
    "Makefile",
)
BUILD = "from setuptools import build_meta; build_meta.build_sdist('dist'); build_meta.build_wheel('dist'); "
BUILD += "build_meta.build_editable('editable')"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """Folder of the sdist and the wheel, built from a copy of the tree by the installed setuptools."""
    place = tmp_path_factory.mktemp("tree")
    for name in BUILT:
        shutil.copytree(REPOSITORY / name, place / name, ignore=shutil.ignore_patterns("__pycache__", "*.nb?"))
    for name in FILES:
        shutil.copy(REPOSITORY / name, place)
    for folder in ("runs/mine", "reference"):
        (place / "results" / folder).mkdir(parents=True)
        (place / "results" / folder / "cells.csv").touch()
    subprocess.run([sys.executable, "-c", BUILD], cwd=place, check=True, capture_output=True, timeout=300)
    return place / "dist"


def test_an_editable_install_is_found_beside_the_clone_too(dist, tmp_path):
    (editable,) = dist.with_name("editable").glob("*.whl")
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    (elsewhere / "leukobench").mkdir(parents=True)  # a clone, from where it lies
    with zipfile.ZipFile(editable) as archive:
        archive.extractall(site)
    code = f"import site; site.addsitedir({str(site)!r}); import leukobench; print(leukobench.__version__)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (f"{__version__}\n", "")


def test_pinned_versions_are_those_of_any_package_index():
    pinned = (REPOSITORY / "constraints.txt").read_text().split()
    assert [line for line in pinned if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []


def files_of(*folders):
    paths = (path for folder in folders for path in (REPOSITORY / folder).rglob("*") if path.is_file())
    return {
        str(path.relative_to(REPOSITORY))
        for path in paths
        if "__pycache__" not in path.parts and path.suffix not in (".nbi", ".nbc")
    }


def test_the_wheel_holds_every_file_of_the_package(dist):
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == files_of("leukobench")


def test_the_sdist_holds_tests_docs_and_what_builds_it(dist):
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    assert files_of(*BUILT) | {*FILES} <= names
    assert {name for name in names if name.startswith("results/")} == {"results/reference/cells.csv"}


def test_the_wheel_runs_without_the_tree(dist, tmp_path):
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site"), "COLUMNS": "200"}
    code = (
        "import leukobench.cli, sys; sys.argv[1:] = 'suites', 'ls'; print(leukobench.__file__); leukobench.cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))
    assert "cross-dataset" in done.stdout

"""Rendered cells of two laboratories, and a model that was trained on one of them."""

import io
import shutil

import pytest
from rich.console import Console

from leukobench.datasets.phantom import write_phantom
from leukobench.inference.trained import train_model
from leukobench.progress import ProgressReport
from tests.page.conftest import browser, visit  # noqa: F401  (fixtures)


@pytest.fixture(scope="package")
def progress():
    return ProgressReport(Console(file=io.StringIO()))


@pytest.fixture(scope="package")
def root(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("data") / "phantom", per_class=10, domains=["barcelona", "cvb"])


@pytest.fixture(scope="package", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEUKOBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="package")
def lda(root, progress):
    return train_model("lda", ["barcelona"], root, progress=progress)


@pytest.fixture
def folder(root, tmp_path):
    """Six cells in two folders, and two files that are no images."""
    there = tmp_path / "cells"
    (there / "ward 7").mkdir(parents=True)
    for number, path in enumerate(sorted((root / "cvb").rglob("*.bmp"))[:6]):
        shutil.copy(path, there / ("ward 7" if number % 2 else "") / f"cell {number}{path.suffix}")
    (there / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing behind it")
    (there / "[red].png").write_text("a note")
    (there / "readme.txt").write_text("not named like an image")
    return there

"""The files of docs/extending.md, and the command line as a user calls it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from leukobench.datasets.phantom import write_phantom

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def page():
    """Function that gives the file of a section of docs/extending.md."""
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    return lambda title: re.search(rf"## {title}\n.*?```python\n(.*?)```", text, re.DOTALL)[1]


@pytest.fixture(scope="session")
def laboratories(tmp_path_factory):
    """A data root of three drawn laboratories."""
    domains = ["barcelona", "cvb", "munich"]
    return write_phantom(tmp_path_factory.mktemp("drawn") / "data", per_class=10, domains=domains)


@pytest.fixture(scope="session")
def command(tmp_path_factory):
    """Function that runs `leukobench` in a process of its own; gives what it printed."""
    own = {"PYTHONPATH": str(ROOT), "LEUKOBENCH_CACHE": str(tmp_path_factory.mktemp("cache")), "COLUMNS": "160"}

    def run(*arguments):
        told = [sys.executable, "-m", "leukobench", *map(str, arguments)]
        ended = subprocess.run(told, capture_output=True, text=True, env=os.environ | own)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    return run

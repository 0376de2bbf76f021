"""The tutorial of the docs: each of its blocks is run in turn, as a reader would."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_every_block_runs_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    scope = {"__name__": "tutorial"}
    for language, code in BLOCK.findall((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")):
        if language == "python":
            exec(code, scope)
        else:
            for line in code.splitlines():
                assert line.startswith("leukobench ")
                done = subprocess.run(
                    [sys.executable, "-m", *line.split()], env=os.environ, capture_output=True, text=True
                )
                assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert len(list(tmp_path.glob("*/leaderboard.html"))) == 3
    assert (tmp_path / "answers.csv").read_text().count("\n") == 51

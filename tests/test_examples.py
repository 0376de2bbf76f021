"""Each file under `examples/` runs alone and draws the picture that bears its name."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_it_draws_its_picture(path, tmp_path):
    pytest.importorskip("matplotlib")
    told = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    subprocess.run([sys.executable, str(path)], cwd=tmp_path, env=told, check=True)
    assert cv2.imread(str(tmp_path / f"{path.stem}.png")).std() > 10

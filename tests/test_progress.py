"""What a log says of long work while it goes on."""

import io

import pandas as pd
from rich.console import Console

from leukobench.progress import ProgressReport
from leukobench.running.computing import compute_missing


def test_a_log_says_how_much_there_is_before_the_first_step_is_done_and_then_now_and_then(monkeypatch):
    now = 0.0
    monkeypatch.setattr("leukobench.progress.time.monotonic", lambda: now)
    console = Console(file=io.StringIO())
    with ProgressReport(console) as report:
        report.stage("features", None)
        for done in (0, 100, 200, 300, 400):
            report.count(done, 500)
            now += 10.0
    said = console.file.getvalue().splitlines()
    assert said == ["features: 0 of 500", "features: 200 of 500", "features: 400 of 500"]


def test_features_are_announced_before_any_is_computed(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(tmp_path))
    done = {}, {}, {}
    monkeypatch.setattr("leukobench.running.computing._compute_batch", lambda *args: seen.append("computed") or done)
    samples = pd.DataFrame({"sha256": ["0" * 64], "path": "a.png", "um_per_px": 0.1, "dataset": "a"})
    compute_missing(["features:core"], samples, tmp_path, progress=lambda *counts: seen.append(counts))
    assert seen == [(0, 1), "computed", (1, 1)]

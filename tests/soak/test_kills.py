"""A run that is killed again and again, at random moments, ends as one that nobody disturbed."""

import random
import signal
import time

import pytest

QUICK = (1, 2)  # features are computed again in the first
SEEDS = [n if n in QUICK else pytest.param(n, marks=pytest.mark.soak) for n in range(20)]


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_runs_end_as_undisturbed_ones(seed, start, reference, result, figures, tmp_path):
    chance = random.Random(seed)
    planned = len(list(reference.glob("cells/*.json")))
    # One run in four computes its features again, so that kills meet that stage too.
    options = {"cache": tmp_path / "cache"} if seed % 4 == 1 else {}
    killed_at, started = [], time.monotonic()
    for _ in range(chance.choice([1, 1, 2, 3])):
        run = start(tmp_path / "run", "--jobs", chance.choice([1, 2]), **options)
        run.wait_for(records=chance.randrange(run.records, planned) if run.records < planned else planned)
        time.sleep(chance.uniform(0, 4 if run.records == 0 else 1))
        running = run.process.poll() is None
        run.kill()
        if running:
            killed_at.append(run.records)
    code, text = start(tmp_path / "run", "--jobs", 2, **options).wait()
    assert code == 0, text
    assert killed_at, "every run ended before it was killed"
    same = result(tmp_path / "run") == result(reference)
    figures(
        "kills",
        seed=seed,
        features="computed again" if options else "cached",
        killed_at_records=" ".join(map(str, killed_at)),
        records=planned,
        identical=same,
        seconds=round(time.monotonic() - started),
    )
    assert same


def test_ctrl_c_stops_within_seconds_and_says_how_to_go_on(start, reference, result, tmp_path):
    run = start(tmp_path / "run", "--jobs", 2)
    assert run.wait_for(records=5), run.text
    before = time.monotonic()
    run.signal(signal.SIGINT)
    code, text = run.wait(timeout=60)
    assert code == 130, text
    assert time.monotonic() - before < 30  # a few seconds where the machine is not busy
    assert "the same command goes on" in text
    assert "Traceback" not in text
    code, text = start(tmp_path / "run", "--jobs", 2).wait()
    assert code == 0, text
    assert "run cells are done already" in text
    assert result(tmp_path / "run") == result(reference)

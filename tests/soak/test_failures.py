"""Every way to fail ends as a record or as a plain sentence, and costs nothing that was finished."""

import json
import os
import shutil
import subprocess

import pytest

from leukobench.cli.store import status

KINDS = {
    "raises": ("error", "this model always fails"),
    "not_a_number": ("error", "not finite"),
    "eats_memory": ("oom", "MemoryError"),
    "sleeps": ("timeout", "stopped after the limit"),
    "exits": ("killed", "exit code 3"),
    "prior": ("ok", ""),
}


def records(folder):
    found = [json.loads(path.read_text()) for path in folder.glob("cells/*.json")]
    return {record["model"]: record for record in found}


@pytest.mark.soak  # tests/running/test_executor.py has the quick part
def test_each_failure_has_its_kind_traceback_and_log(start, tmp_path, capsys):
    options = ["--protocols", "within", "--datasets", "cvb", "--jobs", 2, "--cell-timeout", 12]
    out = tmp_path / "run"
    code, text = start(out, *options, "--models", ",".join(KINDS)).wait()
    assert code == 1, text
    assert "Traceback" not in text
    assert "6 run cells, 5 failed" in text
    found = records(out)
    for model, (kind, words) in KINDS.items():
        assert found[model]["status"] == kind, (model, found[model]["error"])
        assert words in found[model]["error"]
        assert kind == "ok" or found[model]["traceback"]
    status(out)
    shown = capsys.readouterr().out
    assert "1 killed, 1 ok, 1 oom, 1 timeout" in shown
    assert "about to fail" in shown  # what the model printed
    assert "time.sleep" in shown or "in sleeps" in shown  # where it hung

    before = {model: record["seal"] for model, record in found.items()}
    code, text = start(out, *options, "--models", ",".join(KINDS), "--retry", "error").wait()
    assert code == 1, text
    changed = {model for model, record in records(out).items() if record["seal"] != before[model]}
    assert changed == {"raises", "not_a_number"}


@pytest.mark.soak  # tests/running/test_executor.py and tests/test_files_and_cache.py have the quick part
def test_damaged_files_are_named_and_made_again(start, reference, result, tmp_path):
    out, cache = tmp_path / "run", tmp_path / "cache"
    code, text = start(out, "--jobs", 2, cache=cache).wait()
    assert code == 0, text
    cells = sorted(out.glob("cells/*.json"))
    tuned = [path for path in cells if json.loads(path.read_text())["inputs"]["trials"]]
    cut, without_predictions = tuned[0], cells[-1]
    cut.write_text(cut.read_text()[:50])
    predictions = out / "predictions" / f"{without_predictions.stem}.parquet"
    predictions.write_bytes(predictions.read_bytes()[:-10])
    journal = out / "journal" / f"{cut.stem}-0.log"
    journal.parent.mkdir(exist_ok=True)
    journal.write_text('{"op_code": 0, "study_name"\nnonsense\n{"op_code": 1}\n')
    shard = sorted(cache.glob("tables/features*/*.parquet"))[0]
    shard.write_bytes(shard.read_bytes()[:-100] + b"x" * 100)

    code, text = start(out, "--jobs", 2, cache=cache).wait()
    assert code == 0, text
    assert "Traceback" not in text
    for path, what in [(cut, "damaged"), (predictions, "damaged"), (shard, "corrupt")]:
        assert any(path.name in line and what in line for line in text.splitlines()), (path.name, text)
    assert "26 of 28 run cells are done already" in text
    assert result(out) == result(reference)


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own: function to mount it again with other options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True).returncode

    if os.geteuid() != 0 or shutil.which("mount") is None or mount("size=400k") != 0:
        pytest.skip("a small disk is a tmpfs, and mounting one needs root")
    yield folder, lambda options: mount(f"remount,{options}")
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.soak
def test_a_full_and_a_read_only_disk_are_said_plainly(start, reference, result, disk, tmp_path):
    folder, remount = disk
    out, log = folder / "run", tmp_path / "log"
    for options, words in [(None, "No space left on device"), ("size=100m,ro", "Read-only file system")]:
        if options:
            assert remount(options) == 0
        code, text = start(out, "--jobs", 2, log=log).wait()
        assert code == 2, text
        assert words in text
        assert "start the same command again" in text
        assert "Traceback" not in text
    kept = len(list(out.glob("cells/*.json")))
    assert 0 < kept < 28
    assert remount("size=100m,rw") == 0
    code, text = start(out, "--jobs", 2, log=log).wait()
    assert code == 0, text
    assert f"{kept} of 28 run cells are done already" in text
    assert result(out) == result(reference)

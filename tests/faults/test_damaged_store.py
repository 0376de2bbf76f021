"""A run folder with damaged files: every command says which, none ends in a traceback, and nothing good is lost."""

import contextlib
import errno
import json
import os
import re
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leukobench.errors import UsageError
from leukobench.readback import DamagedFile
from leukobench.report.reader import read_run
from leukobench.running.compact import compact
from leukobench.running.merge import merge
from leukobench.running.plan import build_plan
from leukobench.running.records import without_places
from leukobench.running.runner import _claim, _or_none
from leukobench.running.store import RunFolder
from leukobench.running.worker import failure, work

READING = ("report", "status", "verify", "diagnose", "merge", "compact")


@pytest.fixture
def command(say, finished, tmp_path):
    """Function that runs a command on the folder; gives its exit code and what it printed."""
    return lambda name: say(name, finished, *(["--out", tmp_path / "both"] if name == "merge" else []))


def record_of(folder):
    return min(folder.glob("cells/*.json"))


def files(folder):
    kept = ("cells", "predictions", "rows", "samples.parquet", "plan.json", "records.parquet")
    found = [path for name in kept for path in [folder / name, *folder.glob(f"{name}/*")] if path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in found}


NO_RECORDS = {
    "nothing": "",
    "half": '{"status": "ok", "head_',
    "zeros": "\0" * 100,
    "no UTF-8": b'{"status": "\xff"}',
    "an empty object": "{}",
    "a list": "[]",
    "a number": "3",
    "null": "null",
    "a deep list": "[" * 100000,
}
WRONG = {
    "status": ["fine", None, 3, ["ok"]],
    "seed": ["0", 0.5, None, True],
    "model": [3, None],
    "protocol": ["side ways", 7],
    "head_classes": [None, "LY", [1, 2], {}],
    "targets": ["right", 3, [None]],
    "times": [3, {"fit_s": "long"}],
    "left_out_classes": [["BA"], {"BA": "three"}],
    "provenance": ["here"],
    "contamination": [3, "left"],
    "error": [None, 3],
    "traceback": [["line"]],
    "fingerprint": ["../../outside", "a/b", "", 3],
}
CHANGED = [(key, value) for key, values in WRONG.items() for value in values]


def spoil(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("kind", NO_RECORDS)
def test_a_record_that_is_none_is_named_and_run_again(finished, kind, caplog, small_suite, small_samples):
    whole, path = RunFolder(finished).written_record(record_of(finished).stem), record_of(finished)
    spoil(path, NO_RECORDS[kind])
    with pytest.raises(DamagedFile, match=f"{path.name} is not a readable record"):
        read_run(finished)
    before = files(finished)
    assert RunFolder(finished).read_record(path.stem) is None
    assert path.name in caplog.text
    assert files(finished) == before, "it is replaced when the cell has run, not before"
    cell = next(cell for cell in build_plan(small_suite, small_samples) if cell.fingerprint == path.stem)
    assert (
        work(cell, suite=small_suite, store=RunFolder(finished))["predictions_checksum"]
        == whole["predictions_checksum"]
    )


@pytest.mark.parametrize(("key", "value"), CHANGED)
def test_a_record_with_a_wrong_type_is_named(finished, key, value):
    path = record_of(finished)
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(DamagedFile, match=f"{path.name} is not a readable record") as error:
        read_run(finished)
    assert key in error.value.message
    assert "run again into the same --out" in error.value.hint
    with pytest.raises(DamagedFile, match=path.name):
        compact(finished)
    assert path.exists()


def test_a_record_that_could_not_be_written_again_is_named(finished):
    path = record_of(finished)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"head_classes": ["\ud83d\ude00", "\ud83d"]}))
    with pytest.raises(DamagedFile, match="surrogates not allowed"):
        read_run(finished)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"head_classes": ["\ud83d\ude00"]}))
    assert len(read_run(finished).records) == 2


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize("content", ["{}", "[]", "3"])
def test_commands_name_a_record_that_is_none(command, finished, name, content):
    path = record_of(finished)
    spoil(path, content)
    code, text = command(name)
    assert "Traceback" not in text
    if name == "merge":
        assert (code, "1 missing" in text) == (0, True), text
    else:
        assert code == {"status": 0, "verify": 1}.get(name, 2), text
        assert path.name in text


WRONG_PLANS = {
    "suite": [None, {}, [], "small"],
    "cells": [None, {}, [3], [{}], [[]]],
    "synthetic": [None, "no"],
    "groups_unknown": [None, 3],
    "notes": [None, [[]]],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG_PLANS.items() for value in values])
def test_a_plan_of_another_shape_is_named(command, finished, key, value):
    path = finished / "plan.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    for name in READING:
        code, text = command(name)
        assert code == 2, (name, text)
        assert re.search(r"plan\.json is not a readable plan", text), (name, text)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("cells", "fingerprint", "../../elsewhere"),
        ("cells", "protocol", "side ways"),
        ("cells", "inputs", 3),
        ("suite", "seeds", 3),
        ("suite", "budget", {"name": 3}),
        ("suite", "min_test_images", "x"),
    ],
)
def test_the_parts_of_a_plan_have_shapes_too(finished, part, key, value):
    path = finished / "plan.json"
    plan = json.loads(path.read_text())
    (plan["cells"][0] if part == "cells" else plan["suite"])[key] = value
    path.write_text(json.dumps(plan))
    with pytest.raises(DamagedFile, match=rf"plan\.json is not a readable plan \({part}.*{key}"):
        read_run(finished)


BESIDE = {  # what it is, who needs it, who does not
    # What is damaged cannot be sealed: the tables are not written again until it is mended.
    "environment.json": ("environment", {"report": 2, "verify": 1, "merge": 2}, ("status",)),
    "samples.parquet": ("table of images", {"report": 2, "diagnose": 2, "merge": 2}, ("status",)),
    "representations.json": ("table of times", {"report": 2}, ("status",)),
}


@pytest.mark.parametrize("content", [b"", b"[]", b"3", bytes(50), b"PAR1{"], ids=["empty", "list", "3", "zeros", "cut"])
@pytest.mark.parametrize("file", BESIDE)
def test_files_beside_the_records_are_named_where_they_are_needed(command, finished, file, content):
    path, (what, needing, others) = finished / file, BESIDE[file]
    spoil(path, content)
    for name, expected in needing.items():
        code, text = command(name)
        assert code == expected, (name, text)
        assert f"{path} is not a readable {what}" in text, (name, text)
    for name in others:
        code, text = command(name)
        assert code == 0, (name, text)


@pytest.mark.parametrize("columns", [["dataset", "sha256"], ["um_per_px"]])
def test_images_of_another_shape_are_named(finished, columns):
    path = finished / "samples.parquet"
    table = pd.read_parquet(path)
    pq.write_table(pa.Table.from_pandas(table[columns].rename(columns={"um_per_px": "class"})), path)
    with pytest.raises(DamagedFile, match="not a readable table of images"):
        RunFolder(finished).read_samples()


@pytest.mark.parametrize("what", ["plan.json", "samples.parquet", "representations.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 3}', None])
def test_a_run_writes_again_what_can_be_written_again(finished, what, content, small_suite, small_samples, caplog):
    store = RunFolder(finished)
    plan = {key: value for key, value in store.read_plan().items() if key != "seal"}
    if content is None:
        (finished / what).unlink()
    else:
        spoil(finished / what, content)
    if what == "representations.json":
        assert _or_none(store.read_json, what) is None
    else:
        with contextlib.ExitStack() as held:
            _claim(store, [], lambda cells: plan, small_samples, held)
        pd.testing.assert_frame_equal(store.read_samples(), small_samples, check_dtype=False)
        assert store.read_plan()["cells"] == plan["cells"]
    assert (what in caplog.text) == (content is not None)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"metric": {}}', '{"metric": []}', '{"metric": "x"}', "3"])
def test_tables_that_name_no_metric_are_found_to_be_changed(command, finished, content):
    spoil(finished / "leaderboard.json", content)
    code, text = command("verify")
    assert code == 1, text
    assert "leaderboard.json" in text or "unknown metric" in text


@pytest.mark.parametrize("value", [np.inf, 1e300])
def test_rows_that_no_feature_has_are_named_before_they_are_explained(command, finished, value):
    path = next(finished.glob("rows/*.npy"))
    rows = np.load(path)
    rows[3, 2] = value
    np.save(path, rows)
    code, text = command("diagnose")
    assert (code, f"{path} is not a readable table of rows" in text) == (2, True), text


def test_a_table_of_rows_of_words_is_named(command, finished):
    path = next(finished.glob("rows/*.npy"))
    np.save(path, np.full(np.load(path).shape, "x"))
    code, text = command("diagnose")
    assert (code, f"{path} is not a readable table of rows" in text) == (2, True), text


# Predictions, and what `compact` may delete.


BAD_TABLES = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-10]),
    "a flipped byte": lambda path: path.write_bytes(path.read_bytes()[:100] + b"\xff\xff" + path.read_bytes()[102:]),
}


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_compact_refuses_what_it_cannot_read_and_deletes_nothing(finished, say, kind):
    path = min(finished.glob("predictions/*.parquet"))
    BAD_TABLES[kind](path)
    before = files(finished)
    code, text = say("compact", finished)
    assert code == 2, text
    assert path.name in text
    assert "run again into the same --out" in text
    assert files(finished) == before


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ENOMEM, errno.EMFILE])
@pytest.mark.parametrize("folder", ["cells", "predictions"])
def test_compact_deletes_nothing_that_the_machine_cannot_read(finished, say, monkeypatch, folder, code):
    before, real = files(finished), open

    def fail(path, *rest, **options):
        if f"/{folder}/" in str(path):
            raise OSError(code, os.strerror(code), str(path))
        return real(path, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", fail)
        patch.setattr("io.open", fail)
        status, text = say("compact", finished)
        assert status == 2, text
        assert os.strerror(code) in text
        assert folder in text
        with pytest.raises(OSError, match=os.strerror(code)):
            RunFolder(finished).read_record(record_of(finished).stem)
    assert files(finished) == before


def test_compact_keeps_records_of_no_plan_and_trials_of_unfinished_cells(finished):
    path = record_of(finished)
    stranger = json.loads(path.read_text()) | {"fingerprint": "stranger", "status": "killed"}
    RunFolder(finished).write_json("cells/stranger.json", stranger)
    journal = RunFolder(finished).journal_path("unfinished", 0)
    journal.parent.mkdir(exist_ok=True)
    journal.write_text('{"op_code": 0}\n')
    assert compact(finished) == 3
    assert RunFolder(finished).written_record("stranger")["status"] == "killed"
    assert journal.exists()


def test_compact_does_not_make_a_run_of_any_folder(tmp_path):
    with pytest.raises(UsageError, match="no run folder"):
        compact(tmp_path / "typo")
    assert not (tmp_path / "typo").exists()


# The archive.


def rewritten(path, change):
    table = pq.read_table(path)
    pq.write_table(change(table), path)


NO_ARCHIVE = {
    "cut": lambda folder: spoil(folder / "records.parquet", (folder / "records.parquet").read_bytes()[:-20]),
    "no metadata": lambda folder: rewritten(folder / "records.parquet", lambda t: t.replace_schema_metadata(None)),
    "other columns": lambda folder: rewritten(folder / "records.parquet", lambda t: t.drop_columns(["record"])),
    "no JSON": lambda folder: rewritten(
        folder / "records.parquet", lambda t: t.set_column(1, "record", [["{"] * len(t)])
    ),
    "no record": lambda folder: rewritten(
        folder / "records.parquet", lambda t: t.set_column(1, "record", [["[]"] * len(t)])
    ),
    "cut predictions": lambda folder: [spoil(p, p.read_bytes()[:-9]) for p in folder.glob("predictions-*.parquet")],
    "no predictions": lambda folder: [p.unlink() for p in folder.glob("predictions-*.parquet")],
    "no such row": lambda folder: rewritten(
        folder / "records.parquet", lambda t: t.set_column(3, "row_group", [[99] * len(t)])
    ),
    "no number of a row": lambda folder: rewritten(
        folder / "records.parquet", lambda t: t.set_column(3, "row_group", [[1e308] * len(t)])
    ),
}


@pytest.mark.parametrize("kind", NO_ARCHIVE)
def test_a_damaged_archive_is_named_and_kept(finished, command, kind):
    compact(finished)
    NO_ARCHIVE[kind](finished)
    before = files(finished) | {path.name: path.read_bytes() for path in finished.glob("predictions-*")}
    for name in ("report", "verify", "compact", "merge"):
        code, text = command(name)
        assert code in (1, 2), (name, text)
        assert "not a readable archive" in text, (name, text)
    assert "Traceback" not in command("status")[1]
    after = files(finished) | {path.name: path.read_bytes() for path in finished.glob("predictions-*")}
    assert after == before


def test_an_archive_reads_nothing_outside_its_folder(finished, tmp_path):
    compact(finished)
    archive = next(finished.glob("predictions-*.parquet"))
    outside = shutil.move(archive, tmp_path / "outside.parquet")
    rewritten(finished / "records.parquet", lambda t: t.replace_schema_metadata({"predictions": str(outside)}))
    with pytest.raises(DamagedFile, match="there is no such file"):
        RunFolder(finished).prediction_table(RunFolder(finished).read_plan()["cells"][0]["fingerprint"])


# What two folders say of one cell, and what records do not say.


def test_merge_takes_a_cell_from_the_folder_where_it_is_whole(finished, tmp_path):
    other = shutil.copytree(finished, tmp_path / "other" / "run")
    spoil(record_of(finished), "{}")
    assert merge([finished, other], tmp_path / "both") == {"ok": 2}
    environments = RunFolder(tmp_path / "both").read_json("environment.json")["merged"]
    assert list(environments) == ["1 run", "2 run"]


def test_records_name_no_folder_of_the_machine(finished, small_suite, small_samples, monkeypatch):
    cell = build_plan(small_suite, small_samples)[0]
    try:
        np.load("/data/our patients/cell.npy")
    except OSError as error:
        record = failure(cell, "error", error, 0.0)
    text = json.dumps(record)
    assert "cell.npy" in record["error"]
    assert "test_damaged_store.py" in record["traceback"]
    assert "numpy/lib/" in record["traceback"]
    assert not re.search(r"/(data|home|root|work|usr)/", text), text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no file /a/b.png", "no file b.png"),
        ("cannot load (/opt/lib/x.so)", "cannot load (x.so)"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
        ("3/4 of a/b and ./c/d and ~/e", "3/4 of a/b and ./c/d and ~/e"),
        ("/", "/"),
        ("a / b", "a / b"),
        ("key='/x/y z/w'", "key='w'"),
        ("/a/caf\udce9.png", "caf\\udce9.png"),
    ],
)
def test_places_are_cut_and_nothing_else(text, shown):
    assert without_places(text) == shown

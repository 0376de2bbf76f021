import dataclasses
import json

import pytest

from leukobench.errors import UsageError
from leukobench.files import locked
from leukobench.report import write_report
from leukobench.report.verify import verify
from leukobench.running.compact import compact
from leukobench.running.merge import merge
from leukobench.running.plan import build_plan
from leukobench.running.store import RunFolder
from leukobench.running.worker import failure, work


@pytest.fixture
def small(suite):
    return dataclasses.replace(suite, protocols=("within", "pairwise"), models=("prior",))


@pytest.fixture
def folder(make_run, small):
    return make_run("whole", small)


def tables(folder):
    write_report(folder)
    return {path.name: path.read_bytes() for path in [*folder.glob("*.csv"), *folder.glob("leaderboard.*")]}


def test_nothing_changes_but_the_number_of_files(folder):
    before = tables(folder)
    assert compact(folder) == 6
    assert not [name for name in ("cells", "predictions", "rows", "locks") if (folder / name).exists()]
    assert tables(folder) == before
    verdict = verify(folder)
    assert (verdict.wrong, verdict.records) == ([], 6)


def test_a_changed_archive_is_noticed(folder):
    import pyarrow.parquet as pq

    compact(folder)
    path = folder / "records.parquet"
    table = pq.read_table(path)
    texts = [text.replace('"n_train": ', '"n_train": 1') for text in table["record"].to_pylist()]
    pq.write_table(table.set_column(1, "record", [texts]), path)
    assert len([line for line in verify(folder).wrong if "its content was changed" in line]) == 6


def test_later_records_stand_beside_the_archive_and_join_it(folder, small, samples, run_folder):
    store, cells = RunFolder(folder), build_plan(small, samples)
    path = folder / "cells" / f"{cells[0].fingerprint}.json"
    good = json.loads(path.read_text())
    store.write_record(failure(cells[0], "killed", RuntimeError("it died"), 0.0))
    before = compact(folder), store.read_record(cells[0].fingerprint)["status"]
    assert before == (6, "killed")
    store.write_samples(samples)
    store.write_rows("features:core", run_folder.read_rows("features:core")[:])
    assert work(cells[0], suite=small, store=RunFolder(folder))["predictions_checksum"] == good["predictions_checksum"]
    assert store.read_record(cells[0].fingerprint)["status"] == "ok"
    assert compact(folder) == 6
    assert store.read_record(cells[0].fingerprint)["status"] == "ok"
    assert len(list(folder.glob("predictions-*.parquet"))) == 1
    write_report(folder)
    assert verify(folder).wrong == []


def test_a_compacted_folder_is_merged_as_any_other(folder, make_run, small, tmp_path):
    other = make_run("other", dataclasses.replace(small, models=("knn",)))
    compact(folder)
    assert merge([folder, other], tmp_path / "both") == {"ok": 12}


def test_a_folder_is_not_compacted_under_a_running_process(folder):
    with locked(folder / "locks" / "running", shared=True), pytest.raises(UsageError, match="a process runs"):
        compact(folder)

"""A run folder that nobody touched passes; every kind of change by hand is named."""

import dataclasses
import hashlib
import json
import re
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.special import softmax

from leukobench.errors import UsageError
from leukobench.report import build_report, write_report
from leukobench.report.verify import verify
from leukobench.running.compact import compact
from leukobench.running.merge import merge
from leukobench.running.publish import publish
from leukobench.running.store import RunFolder


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept") / "run"


@pytest.fixture
def folder(make_run, suite, kept, tmp_path):
    """A run folder of this test's own, copied from one that was run once."""
    if not kept.exists():
        made = make_run("made", dataclasses.replace(suite, protocols=("within", "pairwise"), models=("prior",)))
        RunFolder(made).write_json("representations.json", {"features:core": {"images": 183, "ms_per_image": 1.0}})
        write_report(made)
        shutil.copytree(made, kept)
    return shutil.copytree(kept, tmp_path / "folder")


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def first(folder, pattern):
    return min(folder.glob(pattern))


def test_an_untouched_run_passes(folder):
    verdict = verify(folder)
    assert (verdict.wrong, verdict.missing) == ([], 0)
    assert (verdict.records, verdict.tables) == (6, 17)
    assert verify(folder, verdict.digest).wrong == []


def test_the_digest_stands_in_the_tables_and_is_what_sha256sum_gives(folder):
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert verify(folder).digest == write_report(folder).digest == digest
    assert digest in (folder / "leaderboard.md").read_text()
    assert json.loads((folder / "leaderboard.json").read_text())["manifest_sha256"] == digest


def test_the_manifest_seals_every_file_but_what_can_be_made_again(folder):
    sealed = json.loads((folder / "manifest.json").read_text())["files"]
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files - {*sealed} - {"manifest.json"} == {
        name for name in files if name.split("/")[0] in ("rows", "locks", "logs", "journal")
    }


def test_a_compacted_folder_keeps_its_digest(folder):
    before = verify(folder).digest
    compact(folder)
    verdict = verify(folder, before)
    assert (verdict.wrong, verdict.records, verdict.digest) == ([], 6, before)
    assert write_report(folder).digest == before


def test_a_cell_that_has_not_run_is_not_wrong(folder):
    first(folder, "cells/*.json").unlink()
    write_report(folder)
    verdict = verify(folder)
    assert (verdict.wrong, verdict.missing, verdict.records) == ([], 1, 5)


def nicer_score(folder):
    table = pd.read_csv(folder / "cells.csv", dtype=str)
    table.loc[2, "accuracy"] = "0.990000"
    table.to_csv(folder / "cells.csv", index=False)
    return r"cells\.csv: line 4 is not what the predictions give"


def nicer_matrix(folder):
    edit(folder / "matrix_prior.csv", "0.333333", "0.433333")
    return r"matrix_prior\.csv: line 2"


def other_seed(folder):
    path = first(folder, "cells/*.json")
    edit(path, '"n_train": ', '"n_train": 1')
    return f"{path.name}: its content was changed"


def other_inputs(folder):
    edit(folder / "plan.json", '"trials": 0', '"trials": 9')
    return "the inputs of .* are not those of its fingerprint"


def other_predictions(folder):
    path = first(folder, "predictions/*.parquet")
    table = pd.read_parquet(path)
    columns = [name for name in table if name.startswith("p_")]
    table[columns] = np.roll(table[columns].to_numpy(), 1, axis=1)
    table.to_parquet(path)
    return f"{path.name}: not the predictions that its record is about"


def cut_predictions(folder):
    path = first(folder, "predictions/*.parquet")
    path.write_bytes(path.read_bytes()[:100])
    return f"{path.name} is not a readable table"


def cut_record(folder):
    path = first(folder, "cells/*.json")
    path.write_text(path.read_text()[:100])
    return f"{path.name} is not a readable record"


def no_table(folder):
    (folder / "leaderboard.md").unlink()
    return r"leaderboard\.md: cannot be read"


def other_machine(folder):
    edit(folder / "environment.json", '"cores": ', '"cores": 9')
    return r"environment\.json: its content was changed"


def other_label(folder):
    table = pd.read_parquet(folder / "samples.parquet")
    table.loc[0, "class"] = "MO"
    table.to_parquet(folder / "samples.parquet")
    return r"samples\.parquet: not what is sealed"


def emptied_times(folder):
    (folder / "representations.json").write_text("{}")
    return r"representations\.json: not what is sealed"


def no_times(folder):
    (folder / "representations.json").unlink()
    return r"representations\.json: sealed, and cannot be read"


def one_more_record(folder):
    edit(folder / "manifest.json", f'"cells/{first(folder, "cells/*.json").name}"', '"cells/0.json"')
    return r"cells/\w+\.json: not sealed in"


def no_seal(folder):
    path = first(folder, "cells/*.json")
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "seal"}))
    return f"{path.name}: it has no seal"


def no_manifest(folder):
    (folder / "manifest.json").unlink()
    return r"manifest\.json: there is no such file"


@pytest.mark.parametrize(
    "change",
    [
        nicer_score,
        nicer_matrix,
        other_seed,
        other_inputs,
        other_predictions,
        cut_predictions,
        cut_record,
        no_table,
        other_machine,
        other_label,
        emptied_times,
        no_times,
        one_more_record,
        no_seal,
        no_manifest,
    ],
)
def test_every_change_is_named(folder, change):
    words = change(folder)
    wrong = verify(folder).wrong
    assert any(re.search(words, line) for line in wrong), wrong


def rewrite(folder):
    """Make the model perfect, seal records and predictions anew, and report again."""
    store = RunFolder(folder)
    for cell in store.read_plan()["cells"]:
        record, table = (
            store.written_record(cell["fingerprint"]),
            store.prediction_table(cell["fingerprint"]).to_pandas(),
        )
        for name in record["head_classes"]:
            table[f"p_{name}"] = (table["true"] == name).astype(float)
        store.write_record(record, table)
    return write_report(folder)


def test_a_run_that_was_rewritten_as_a_whole_is_not_the_published_one(folder):
    published = verify(folder).digest
    assert rewrite(folder).board["out_of_domain"].tolist() == [1.0]
    assert verify(folder).wrong == []
    (line,) = verify(folder, published[:12]).wrong
    assert "this is another run" in line


@pytest.mark.parametrize("digest", ["", "0123", "x" * 64])
def test_a_digest_that_is_none_is_refused(folder, digest):
    with pytest.raises(UsageError, match="no SHA-256"):
        verify(folder, digest)


def test_a_folder_whose_seals_were_stripped_is_not_what_a_run_wrote(folder):
    for path in [folder / "plan.json", folder / "environment.json", *folder.glob("cells/*.json")]:
        content = json.loads(path.read_text())
        path.write_text(json.dumps({k: v for k, v in content.items() if k not in ("seal", "predictions_checksum")}))
    write_report(folder)
    wrong = verify(folder).wrong
    assert sum("no seal" in line for line in wrong) == 2 + 6
    assert sum("no checksum" in line for line in wrong) == 6


def test_a_published_copy_gives_the_same_tables_and_is_sealed(folder, tmp_path):
    assert publish(folder, tmp_path / "copy") == 6
    full, copy = build_report(folder), write_report(tmp_path / "copy")
    pd.testing.assert_frame_equal(full.cells, copy.cells, atol=5e-4)
    pd.testing.assert_frame_equal(full.board, copy.board, atol=5e-4)
    verdict = verify(tmp_path / "copy", copy.digest)
    assert (verdict.wrong, verdict.records) == ([], 6)
    names = {path.name for path in (tmp_path / "copy").iterdir()}
    assert {"predictions.parquet", "records.parquet"} <= names
    assert not {"cells", "predictions", "rows"} & names


def test_a_changed_copy_is_found(folder, tmp_path):
    publish(folder, tmp_path / "copy")
    write_report(tmp_path / "copy")
    shutil.copytree(tmp_path / "copy", tmp_path / "changed")  # a process keeps an archive open that it has read
    path = tmp_path / "changed" / "predictions.parquet"
    groups = pq.ParquetFile(path)
    parts = [groups.read_row_group(i) for i in range(groups.num_row_groups)]
    parts[0] = parts[0].set_column(1, parts[0].field(1), pa.array(np.zeros(len(parts[0]), np.float16)))
    with pq.ParquetWriter(path, parts[0].schema) as writer:
        for part in parts:
            writer.write_table(part)
    assert any("predictions/" in line and "not what is sealed" in line for line in verify(tmp_path / "changed").wrong)


def test_a_copy_is_neither_packed_nor_copied_nor_joined(folder, tmp_path):
    copy = tmp_path / "copy"
    publish(folder, copy)
    for attempt in (
        lambda: compact(copy),
        lambda: publish(copy, tmp_path / "b"),
        lambda: merge([copy], tmp_path / "c"),
    ):
        with pytest.raises(UsageError, match="rounded copy"):
            attempt()


def test_rounding_keeps_small_and_large_probabilities(folder, tmp_path):
    store, rng = RunFolder(folder), np.random.default_rng(0)
    cells = store.read_plan()["cells"]
    for cell in cells:
        record, table = store.written_record(cell["fingerprint"]), store.prediction_table(cell["fingerprint"])
        logits = rng.normal(scale=8, size=(len(table), len(record["head_classes"])))
        for name, values in zip(record["head_classes"], softmax(logits, axis=1).T, strict=True):
            place = table.column_names.index(f"p_{name}")
            table = table.set_column(place, f"p_{name}", pa.array(values))
        store.write_record(record, table.sort_by([("sha256", "descending")]))
    publish(folder, tmp_path / "copy")
    for cell in cells:
        found = [RunFolder(each).prediction_table(cell["fingerprint"]) for each in (folder, tmp_path / "copy")]
        full, copy = (table.sort_by("sha256").to_pandas() for table in found)
        pd.testing.assert_frame_equal(full.iloc[:, :4].fillna(""), copy.iloc[:, :4].fillna(""), check_dtype=False)
        np.testing.assert_allclose(copy.iloc[:, 4:], full.iloc[:, 4:], rtol=0.02, atol=0)
        assert np.abs(copy.iloc[:, 4:] - full.iloc[:, 4:]).max(axis=None) < 5e-4


def test_another_version_is_named(folder):
    assert verify(folder).version == ""
    store = RunFolder(folder)
    store.write_json("environment.json", store.read_json("environment.json") | {"leukobench": "0.0.7", "commit": None})
    nicer_score(folder)
    verdict = verify(folder)
    assert verdict.version == "leukobench 0.0.7"
    assert sum("made by another version (the run is of leukobench 0.0.7)" in line for line in verdict.wrong) == 1

"""Cells that are fitted again give what the folder holds, unless somebody made them better."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from leukobench.errors import UsageError
from leukobench.report import write_report
from leukobench.report.verify import verify
from leukobench.running import refit as module
from leukobench.running.refit import refit


@pytest.fixture
def store(make_run, suite, samples, run_folder, monkeypatch):
    """A run of made-up rows, which the data are said to give again."""
    made = make_run("made", dataclasses.replace(suite, protocols=("pairwise",), models=("prior",)))
    monkeypatch.setattr(module, "build_index", lambda root, names: None)
    monkeypatch.setattr(module, "select_samples", lambda index, suite: samples)
    monkeypatch.setattr(module, "compute_missing", lambda *args, **options: {})
    monkeypatch.setattr(module, "load_rows", lambda *args: np.array(run_folder.read_rows("features:core")))
    return module.RunFolder(made)


def test_only_the_cell_that_was_made_better_is_not_fitted_again_to_the_bit(store):
    name = store.read_plan()["cells"][0]["fingerprint"]
    record, table = store.written_record(name), store.prediction_table(name)
    true = np.array(table["true"].to_pylist())
    for label in record["head_classes"]:
        at = table.column_names.index(f"p_{label}")
        table = table.set_column(at, f"p_{label}", pa.array((true == label).astype(float)))
    store.write_record(record, table)
    write_report(store.path)
    assert verify(store.path).wrong == []
    found = {each.fingerprint: each for each in refit(store.path, "data", number=3)}
    assert found.pop(name).line.count("not what a fit from the data gives") == 1
    assert [(each.wrong, each.distance, each.changed) for each in found.values()] == [(False, 0, 0)] * 2


def test_there_must_be_something_to_fit(store):
    with pytest.raises(UsageError, match="cannot be fitted again"):
        refit(store.path, "data", number=0)

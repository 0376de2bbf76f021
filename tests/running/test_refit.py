"""Cells that are fitted again give what the folder holds, unless somebody made them better."""

import numpy as np
import pyarrow as pa
import pytest

from leukobench.datasets.phantom import write_phantom
from leukobench.errors import UsageError
from leukobench.report import write_report
from leukobench.report.verify import verify
from leukobench.running.refit import refit
from leukobench.running.runner import run
from leukobench.running.store import RunFolder
from leukobench.running.suite import load_suite


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of drawn cells, with the folder of its data and of its cache."""
    place = tmp_path_factory.mktemp("refit")
    root = write_phantom(place / "data", per_class=12, domains=["barcelona", "cvb"], jobs=1)
    chosen = load_suite(
        "cross-dataset", datasets=["barcelona", "cvb"], models=["background_only"], protocols=["pairwise"]
    )
    run(chosen, root, place / "run", cache=place / "cache", jobs=1, device="reference")
    return place, root


def test_what_was_run_is_fitted_again_to_the_bit(made):
    place, root = made
    found = refit(place / "run", root, number=5, cache=place / "cache", device="reference")
    assert [(each.wrong, each.distance, each.changed) for each in found] == [(False, 0, 0)] * 2


def test_a_cell_that_was_made_better_is_found_though_the_folder_agrees_with_itself(made):
    place, root = made
    store = RunFolder(place / "run")
    name = store.read_plan()["cells"][0]["fingerprint"]
    record, table = store.written_record(name), store.prediction_table(name)
    true = np.array(table["true"].to_pylist())
    for label in record["head_classes"]:
        at = table.column_names.index(f"p_{label}")
        table = table.set_column(at, f"p_{label}", pa.array((true == label).astype(float)))
    store.write_record(record, table)
    write_report(store.path)
    assert verify(store.path).wrong == []
    wrong = [each for each in refit(store.path, root, cache=place / "cache", device="reference") if each.wrong]
    assert [each.fingerprint for each in wrong] == [name]
    assert "not what a fit from the data gives" in wrong[0].line


def test_there_must_be_something_to_fit(made):
    place, root = made
    with pytest.raises(UsageError, match="cannot be fitted again"):
        refit(place / "run", root, number=0)

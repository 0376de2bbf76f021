import dataclasses
import json

import pandas as pd
import pytest

from leukobench.errors import UsageError
from leukobench.report import write_report
from leukobench.report.verify import verify
from leukobench.running.merge import merge


@pytest.fixture
def small(suite):
    return dataclasses.replace(suite, protocols=("within", "pairwise"), models=("prior", "lda"))


@pytest.fixture
def parts(make_run, small):
    """One plan's models on two machines."""
    return [make_run(name, dataclasses.replace(small, models=(name,))) for name in small.models]


def without_times(folder):
    table = pd.read_csv(folder / "cells.csv")
    return table.drop(columns=["tune_s", "fit_s", "predict_ms_per_image"]).to_csv()


def change(folder, **values):
    """Give the first record of a folder other values, with a seal as if its run had written them."""
    from leukobench.running.store import RunFolder

    path = min(folder.glob("cells/*.json"))
    record = json.loads(path.read_text()) | values
    RunFolder(folder).write_json(f"cells/{path.name}", record)
    return record


def test_parts_make_the_whole(make_run, small, parts, tmp_path):
    assert merge(parts, tmp_path / "both") == {"ok": 12}
    write_report(tmp_path / "both")
    assert without_times(tmp_path / "both") == without_times(make_run("whole", small))
    verdict = verify(tmp_path / "both")
    assert (verdict.wrong, verdict.records) == ([], 12)


def test_credits_are_joined_and_a_run_of_before_there_were_costs_fits(parts, tmp_path):
    for folder, name in zip(parts, ("prior", "lda"), strict=True):
        plan = json.loads((folder / "plan.json").read_text())
        plan["credits"] = {"models": {name: {"title": name}}}
        if name == "lda":
            del plan["suite"]["costs"]
        (folder / "plan.json").write_text(json.dumps(plan))
    for number, folders in enumerate((parts, parts[::-1])):
        assert merge(folders, tmp_path / str(number)) == {"ok": 12}
        joined = json.loads((tmp_path / str(number) / "plan.json").read_text())
        assert joined["credits"] == {"models": {name: {"title": name} for name in ("prior", "lda")}}


def test_a_cell_that_is_in_both_must_be_the_same(make_run, small, tmp_path):
    folders = [make_run("a", small), make_run("b", small)]
    assert merge(folders, tmp_path / "both") == {"ok": 12}
    record = change(folders[1], n_train=7)
    name = " ".join(str(record[key]) for key in ("protocol", "train", "model", "seed"))
    with pytest.raises(UsageError, match=f"{name} has other records in .*a and .*b: n_train"):
        merge(folders, tmp_path / "again")
    assert not (tmp_path / "again" / "plan.json").exists()


def test_success_is_taken_before_failure_and_what_nobody_has_is_missing(make_run, small, tmp_path):
    folders = [make_run("a", small), make_run("b", small)]
    record = change(folders[0], status="killed", error_kind="killed", error="it died")
    for folder in folders:
        path = max(folder.glob("cells/*.json"))
        path.unlink()
    assert merge(folders, tmp_path / "both") == {"missing": 1, "ok": 11}
    joined = json.loads((tmp_path / "both" / "cells" / f"{record['fingerprint']}.json").read_text())
    assert joined["status"] == "ok"


def test_other_inputs_are_named(make_run, small, tmp_path):
    budget = dataclasses.replace(small.budget, inner_folds=2)
    other = make_run("b", dataclasses.replace(small, budget=budget))
    with pytest.raises(UsageError, match="cannot be joined: they differ in budget of inner_folds"):
        merge([make_run("a", small), other], tmp_path / "both")


def test_what_was_changed_by_hand_is_not_sealed_anew(make_run, small, tmp_path):
    folder = make_run("a", small)
    path = min(folder.glob("cells/*.json"))
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 0, "note": "mine"'))
    with pytest.raises(UsageError, match=f"{path.name} was changed after the run wrote it"):
        merge([folder], tmp_path / "both")


def test_a_folder_that_is_no_run_and_a_taken_one_are_refused(make_run, small, tmp_path):
    with pytest.raises(UsageError, match="no run folder"):
        merge([tmp_path], tmp_path / "both")
    folder = make_run("a", small)
    with pytest.raises(UsageError, match="holds a run already"):
        merge([folder], folder)

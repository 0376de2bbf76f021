"""A run folder that nobody touched passes; every kind of change by hand is named."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest

from leukobench.report import write_report
from leukobench.report.verify import verify
from leukobench.running.store import RunFolder


@pytest.fixture
def folder(make_run, suite):
    return make_run("run", dataclasses.replace(suite, protocols=("within", "pairwise"), models=("prior",)))


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def first(folder, pattern):
    return min(folder.glob(pattern))


def test_an_untouched_run_passes(folder):
    verdict = verify(folder)
    assert (verdict.wrong, verdict.unsealed, verdict.missing) == ([], [], 0)
    assert (verdict.records, verdict.tables) == (6, 14)


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
    ],
)
def test_every_change_is_named(folder, change):
    words = change(folder)
    wrong = verify(folder).wrong
    assert any(re.search(words, line) for line in wrong), wrong


def test_a_folder_of_a_version_without_seals_is_not_vouched_for(folder):
    for path in [folder / "plan.json", folder / "environment.json", *folder.glob("cells/*.json")]:
        content = json.loads(path.read_text())
        path.write_text(json.dumps({k: v for k, v in content.items() if k not in ("seal", "predictions_checksum")}))
    verdict = verify(folder)
    assert verdict.wrong == []
    assert len(verdict.unsealed) == 2 + 2 * 6


def test_another_version_is_named(folder):
    assert verify(folder).version == ""
    store = RunFolder(folder)
    store.write_json("environment.json", store.read_json("environment.json") | {"leukobench": "0.0.7", "commit": None})
    nicer_score(folder)
    verdict = verify(folder)
    assert verdict.version == "leukobench 0.0.7"
    assert ["made by another version (the run is of leukobench 0.0.7)" in line for line in verdict.wrong] == [True]

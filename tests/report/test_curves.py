"""Steps away from a protocol: scores on the same images, paired changes, what is lacking, and what stands in files."""

import json

import numpy as np
import pandas as pd
import pytest

from leukobench.page.scores import score_tables
from leukobench.report import write_report
from leukobench.report.curves import ALL, WORST, _aggregated, as_pivot, curves
from leukobench.report.reader import read_run
from leukobench.running.setting import SHOWN

HEAD = ["LY", "NE"]
TRUTH = {"cvb": ["LY"] * 20 + ["NE"] * 20, "munich": ["LY"] * 10 + ["NE"] * 14}
CONDITIONS = ("jpeg-1", "jpeg-2", "stain-1")
RIGHT = {
    "": 1.0,
    "jpeg-1": 1.0,
    "jpeg-2": 0.5,
    "stain-1": 0.25,
    "lodo": 0.5,
    "labels_1": 0.75,
    "labels_5": 1.0,
    "labels_10": 1.0,
}


def _predictions(test, share, shown=None):
    """The first of each class are called right, as many as the share says; of each class as many as are shown."""
    true, rows = TRUTH[test.partition(SHOWN)[0]], []
    for label in HEAD:
        own = [i for i, name in enumerate(true) if name == label][:shown]
        for rank, i in enumerate(own):
            right = rank < share * len(own)
            called = label if right else HEAD[label == "LY"]
            rows.append((test, f"{i:04d}", None, label, *(0.9 if name == called else 0.1 for name in HEAD)))
    table = pd.DataFrame(rows, columns=["test", "sha256", "group", "true", "p_LY", "p_NE"])
    return table.astype({"group": "string"})


@pytest.fixture
def write(tmp_path):
    """Function that writes a run of two models: protocols, and cells that have failed or are contaminated."""

    def run(protocols, failed=(), contaminated=()):
        cells = []
        for name in ("cells", "predictions"):
            (tmp_path / name).mkdir()
        for model in ("lda", "knn"):
            for protocol in protocols:
                for dataset in TRUTH:
                    cells.append(_cell(tmp_path, protocol, dataset, model, failed, contaminated))
        suite = {"name": "x", "level": "L5", "datasets": [*TRUTH], "models": ["lda", "knn"], "protocols": protocols}
        suite |= {"seeds": [0], "budget": {"name": "quick"}, "min_source_images": 10, "min_test_images": 2}
        plan = {"suite": suite, "synthetic": False, "groups_unknown": [*TRUTH], "cells": cells}
        (tmp_path / "plan.json").write_text(json.dumps(plan))
        return tmp_path

    return run


def _cell(folder, protocol, dataset, model, failed, contaminated):
    """One run cell of a protocol, with its record and predictions; gives what the plan says of it."""
    conditions = CONDITIONS if protocol == "corrupted" else ("",)
    targets = {c: f"{dataset}{SHOWN}{c}" if c else dataset for c in conditions}
    out = protocol.startswith(("lodo", "labels"))
    cell = {"protocol": protocol, "train": f"all-{dataset}" if out else dataset, "model": model, "seed": 0}
    cell |= {"fingerprint": "-".join(map(str, cell.values())), "targets": [*targets.values()]}
    cell |= {"sources": ["other"] if out else [dataset], "family": "classical", "transductive": False}
    cell |= {"contamination": [dataset] if (model, dataset) in contaminated else []}
    ok = (model, protocol, dataset) not in failed
    record = cell | {
        "status": "ok" if ok else "error",
        "head_classes": HEAD,
        "n_train": len(TRUTH[dataset]),
        "times": {},
    }
    (folder / "cells" / f"{cell['fingerprint']}.json").write_text(json.dumps(record))
    shown = 8 if protocol == "corrupted" else None
    tables = [
        _predictions(test, RIGHT[c or ("" if protocol == "within" else protocol)], shown) for c, test in targets.items()
    ]
    pd.concat(tables).to_parquet(folder / "predictions" / f"{cell['fingerprint']}.parquet")
    return cell


def _of(table, model="lda", train=""):
    return table[(table["model"] == model) & (table["train"] == train)].set_index("step")


def test_corruptions_are_compared_on_the_images_that_are_shown(write):
    found = _of(curves(read_run(write(["within", "corrupted"])), {"lda": 0.5})["within"])
    assert found["score"].to_dict() == {
        "within": 1,
        "jpeg-1": 1,
        "jpeg-2": 0.5,
        "stain-1": 0.25,
        "jpeg": 0.75,
        "stain": 0.25,
        ALL: pytest.approx(1.75 / 3),
    }
    assert found.index[0] == "within"
    assert np.isnan(found["change"]["within"])
    assert found["change"]["jpeg-1"] == found["change_low"]["jpeg-1"] == found["change_high"]["jpeg-1"] == 0
    assert found["change"]["jpeg-2"] == -0.5
    assert found["change_low"]["jpeg-2"] < -0.5 < found["change_high"]["jpeg-2"]
    assert found["of_gap"]["jpeg"] == 0.5
    assert set(found["pairs"]) == {2}


def test_errors_are_stated_against_those_of_the_protocol_itself(write):
    found = _of(curves(read_run(write(["lodo", "labels_1", "labels_5"])), {})["lodo"])
    assert found["score"].to_list() == [0.5, pytest.approx(0.766667, abs=0.02), 1]
    ratio = (1 - found["score"]["labels_1"]) / 0.5
    assert found["error_ratio"].to_list()[1:] == [pytest.approx(ratio), 0]
    assert found["change_low"]["labels_5"] > 0.2
    assert found["n_train"].to_list() == [32, 32, 32]
    assert found["of_gap"].isna().all()


def test_steps_stand_in_the_order_of_protocols_and_not_of_their_names(write):
    table = curves(read_run(write(["lodo", "labels_10", "labels_5"])), {})["lodo"]
    assert _of(table).index.to_list() == ["lodo", "labels_5", "labels_10"]


def test_an_unpaired_interval_would_be_wider(write):
    """At labels_1 the same images are wrong as at lodo and more are right: only these count."""
    table = _of(curves(read_run(write(["lodo", "labels_1"])), {})["lodo"])
    paired = table["change_high"]["labels_1"] - table["change_low"]["labels_1"]
    widths = table["high"] - table["low"]
    assert paired < np.hypot(*widths)


def test_what_lacks_a_step_or_was_seen_is_left_out_of_all_steps_of_its_model(write):
    failed, contaminated = [("lda", "labels_5", "cvb")], [("knn", "munich")]
    table = curves(read_run(write(["lodo", "labels_1", "labels_5"], failed, contaminated)), {})["lodo"]
    assert set(_of(table)["pairs"]) == set(_of(table, "knn")["pairs"]) == {1}
    pd.testing.assert_frame_equal(
        _of(table).drop(columns="train"), _of(table, train="all-munich").drop(columns="train"), check_exact=True
    )
    assert _of(table, "knn", "all-munich").empty


def test_a_model_that_has_a_step_nowhere_has_no_rows(write):
    failed = [("lda", "labels_1", name) for name in TRUTH]
    table = curves(read_run(write(["lodo", "labels_1"], failed)), {})["lodo"]
    assert set(table["model"]) == {"knn"}


def test_files_hold_them_and_the_page_the_aggregates(write):
    folder = write(["within", "corrupted"])
    report = write_report(folder)
    assert list(pd.read_csv(folder / "curve_within.csv")["step"].unique()) == list(
        report.curves["within"]["step"].unique()
    )
    assert list(as_pivot(report.curves["within"])["step"]) == ["within", "jpeg", "stain", ALL]
    page = (folder / "leaderboard.md").read_text()
    assert "## Steps away from within" in page
    assert "jpeg-2" not in page
    assert "labelled cells of the target" not in page
    cells = pd.read_csv(folder / "cells.csv")
    assert cells["groups_unknown"].all()
    assert set(pd.read_csv(folder / "matrix_lda.csv").columns) >= {"cvb", "munich"}
    assert not any(SHOWN in column for column in pd.read_csv(folder / "matrix_lda.csv"))
    keys = score_tables(report)[
        "keys"
    ]  # of the page with switches, where corrupted images stand in a section of their own
    assert len({*zip(*keys.values(), strict=True)}) == (cells["protocol"] == "within").sum()
    assert {test for protocol, test in zip(keys["protocol"], keys["test"], strict=True) if protocol == 0} == {0, 1}


def test_a_page_says_where_labels_of_the_target_were_seen(write):
    page = (write_report(write(["lodo", "labels_1"])).run.folder / "leaderboard.md").read_text()
    assert "labels_1: labelled cells of the target" in page


def test_a_run_without_settings_has_none(write):
    assert curves(read_run(write(["within"])), {}) == {}


def test_of_worlds_the_mean_and_the_worst_tenth_are_told():
    steps = {name: [name] for name in ("within", *(f"world-{k}" for k in range(12)), "jpeg-1")}
    scores = {name: 1 - k / 100 for k, name in enumerate(steps)}
    found = _aggregated(steps, "within", scores)
    assert found["world"] == [f"world-{k}" for k in range(12)]
    assert found[WORST] == ["world-11", "world-10"]
    assert found[ALL] == ["jpeg-1"]
    table = pd.DataFrame({"model": "lda", "train": "", "step": ["within", "world-11", "world", WORST], "score": 0.5})
    assert as_pivot(table.assign(low=0.4, high=0.6, change=np.nan))["step"].to_list() == ["within", "world", WORST]

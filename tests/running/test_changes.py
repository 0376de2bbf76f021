import dataclasses
import json

from leukobench.running.changes import changes, mixed_software
from leukobench.running.environment import describe_environment
from leukobench.running.plan import build_plan


def planned(cells):
    return json.loads(json.dumps({"cells": [cell.as_dict() for cell in cells]}))


def everything(fingerprint):
    """Whether a cell was run: each was."""
    return True


def test_cells_that_were_never_run_do_not_run_again(suite, samples, cells):
    budget = dataclasses.replace(suite.budget, inner_folds=2)
    other = build_plan(dataclasses.replace(suite, budget=budget), samples)
    first = cells[0].fingerprint
    notes = changes(planned(cells), other[:4], lambda fingerprint: fingerprint == first)
    assert notes == [f"{' '.join(map(str, cells[0].identity))} runs again: changed folds [3, 3] -> [3, 2]"]


def test_changed_cells_are_named_with_what_changed(suite, samples, cells):
    assert changes(planned(cells), cells, everything) == []
    budget = dataclasses.replace(suite.budget, inner_folds=2)
    notes = changes(planned(cells), build_plan(dataclasses.replace(suite, budget=budget), samples), everything)
    assert len(notes) == 1
    assert notes[0].endswith(f" and {len(cells) - 3} more run again: changed folds [3, 3] -> [3, 2]")


def test_changed_data_are_named_by_dataset(suite, samples, cells):
    notes = changes(planned(cells), build_plan(suite, samples.drop(index=0).reset_index(drop=True)), everything)
    assert any("within left prior 0" in note and note.endswith("again: changed data of left") for note in notes)
    assert not any("within right" in note for note in notes)


def test_cells_that_are_no_longer_planned_are_counted(cells):
    assert changes(planned(cells), cells[2:], everything) == [
        "2 run cells of the earlier plan are not in this one: their records are left aside"
    ]


def test_records_of_other_software_are_named(cells):
    now = describe_environment()
    old = now | {"leukobench": "0.0.1", "packages": now["packages"] | {"numpy": "1.0"}}
    notes = mixed_software({cells[0]: {"provenance": now}, cells[1]: {"provenance": old}, cells[2]: None})
    assert len(notes) == 1
    assert " ".join(map(str, cells[1].identity)) in notes[0]
    assert "leukobench 0.0.1 -> " in notes[0]
    assert "numpy 1.0 -> " in notes[0]

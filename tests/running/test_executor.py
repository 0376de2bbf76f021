import dataclasses
import json
import os
import sys
import time

import numpy as np
import optuna
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from leukobench.models.bases import BASES
from leukobench.models.recipe import Recipe
from leukobench.models.words import Base
from leukobench.running.executor import execute
from leukobench.running.journal import open_storage
from leukobench.running.plan import build_plan
from leukobench.running.pool import LocalPool
from leukobench.running.store import RunFolder
from leukobench.running.worker import work

REPRESENTATION = "features:core"


def run_all(cells, suite, store, jobs=1, **options):
    records = {}
    with LocalPool(jobs) as pool:
        execute(cells, suite, store, pool=pool, done=records.__setitem__, **options)
    return records


def test_every_cell_gets_a_record_and_predictions(cells, suite, run_folder, samples):
    records = run_all(cells, suite, run_folder, jobs=2)
    assert {record["status"] for record in records.values()} == {"ok"}
    assert len(records) == len(cells)
    for cell, record in records.items():
        predictions = pd.read_parquet(run_folder.path / "predictions" / f"{cell.fingerprint}.parquet")
        assert len(predictions) == samples["dataset"].isin(cell.targets).sum()
        probabilities = predictions.filter(like="p_")
        assert list(probabilities.columns) == [f"p_{name}" for name in record["head_classes"]]
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        assert record["left_out_classes"] == {"BA": 3 * len(cell.sources)} or "BA" in record["head_classes"]
    assert not list(run_folder.path.glob("journal/*"))


def test_a_good_model_carries_over_and_the_prior_does_not(cells, suite, run_folder):
    cell = next(c for c in cells if c.identity == ("pairwise", "left", "logistic_regression", 0))
    work(cell, suite=suite, store=run_folder)
    predictions = pd.read_parquet(run_folder.path / "predictions" / f"{cell.fingerprint}.parquet")
    guess = predictions.filter(like="p_").idxmax(axis=1).str.removeprefix("p_")
    known = predictions["true"] != "BA"
    assert (guess == predictions["true"])[known].mean() > 0.85


def comparable(store):
    def plain(path):
        record = json.loads(path.read_text())
        return record | {
            "times": None,
            "provenance": None,
            "seal": None,
        }  # others may commit to the repository meanwhile

    records = {path.name: plain(path) for path in sorted(store.path.glob("cells/*.json"))}
    predictions = {path.name: pd.read_parquet(path) for path in sorted(store.path.glob("predictions/*.parquet"))}
    return records, predictions


def test_records_do_not_depend_on_jobs_or_order(cells, suite, run_folder, samples, tmp_path):
    other = RunFolder(tmp_path / "other")
    other.write_samples(samples)
    other.write_rows(REPRESENTATION, run_folder.read_rows(REPRESENTATION))
    run_all(cells, suite, run_folder, jobs=1)
    run_all(cells[::-1], suite, other, jobs=2)
    (records, predictions), (others, other_predictions) = comparable(run_folder), comparable(other)
    assert records == others
    for name, table in predictions.items():
        pd.testing.assert_frame_equal(table, other_predictions[name], check_exact=True)


def raises(params, seed):
    raise RuntimeError("this model always fails")


def exits(params, seed):
    os._exit(3)


def ends_the_program(params, seed):
    sys.exit(3)


def is_stopped(params, seed):
    raise KeyboardInterrupt  # by nobody who could press Ctrl-C: that is the parent's


class Speechless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def cannot_say_why(params, seed):
    raise Speechless


def says_too_much(params, seed):
    raise ValueError("far too much " * 100_000)


def sleeps(params, seed):
    time.sleep(600)


def out_of_memory(params, seed):
    raise MemoryError("no memory left")


class NotANumber(DummyClassifier):
    def predict_proba(self, X):
        return super().predict_proba(X) * np.nan


def gives_nan(params, seed):
    return NotANumber()


BROKEN = {
    "raises": (raises, "error", "this model always fails"),
    "exits": (exits, "killed", "exit code 3"),
    "ends_the_program": (ends_the_program, "error", "SystemExit: 3"),
    "is_stopped": (is_stopped, "error", "KeyboardInterrupt"),
    "cannot_say_why": (cannot_say_why, "error", "Speechless: it cannot say why"),
    "says_too_much": (says_too_much, "error", "far too much"),
    "sleeps": (sleeps, "timeout", "limit of 8 s"),
    "out_of_memory": (out_of_memory, "oom", "no memory left"),
    "gives_nan": (gives_nan, "error", "not finite"),
}


@pytest.fixture
def broken_models(monkeypatch):
    """Register models that fail in every way; they travel to the workers with their cells."""
    for name, (build, _, _) in BROKEN.items():
        monkeypatch.setitem(BASES, name, Base.of(Recipe(name, "classical", "features:core", build)))


def test_each_failure_has_its_kind_and_costs_only_its_cell(broken_models, suite, samples, run_folder):
    chosen = dataclasses.replace(suite, models=("prior", *BROKEN), protocols=("pairwise",), datasets=("left", "right"))
    two = samples[samples["dataset"] != "middle"].reset_index(drop=True)
    run_folder.write_samples(two)
    rows = np.array(run_folder.read_rows(REPRESENTATION))
    run_folder.write_rows(REPRESENTATION, rows[samples["dataset"] != "middle"])
    cells = [cell for cell in build_plan(chosen, two) if cell.train == "left"]
    records = run_all(cells, chosen, run_folder, jobs=2, timeout=8)
    by_model = {cell.model: record for cell, record in records.items()}
    assert by_model["prior"]["status"] == "ok"
    for name, (_, status, words) in BROKEN.items():
        assert by_model[name]["status"] == status, by_model[name]
        assert words in by_model[name]["error"]
        assert run_folder.read_record(by_model[name]["fingerprint"])["traceback"]
        assert len(json.dumps(by_model[name])) < 30_000


def test_damaged_record_counts_as_none_and_is_named(cells, suite, run_folder, caplog):
    cell = cells[0]
    work(cell, suite=suite, store=run_folder)
    path = run_folder.path / "cells" / f"{cell.fingerprint}.json"
    path.write_text(path.read_text()[:40])
    assert run_folder.read_record(cell.fingerprint) is None
    assert cell.fingerprint in caplog.text
    assert work(cell, suite=suite, store=run_folder)["status"] == "ok"


def test_a_cell_that_another_process_holds_is_left_alone(cells, suite, run_folder):
    with run_folder.cell_lock(cells[0].fingerprint) as mine:
        assert mine
        assert work(cells[0], suite=suite, store=run_folder) == "busy"


def test_damaged_journal_is_begun_again(run_folder, caplog):
    path = run_folder.path / "journal" / "cell-0.log"
    path.parent.mkdir()
    path.write_text('{"op_code": 0, "study_name"\nnonsense\n{"op_code": 1}\n')
    study = optuna.create_study(storage=open_storage(run_folder.journal_path("cell", 0)))
    assert study.trials == []
    assert "damaged" in caplog.text


def test_one_gpu_fit_at_a_time_and_only_those_wait(cells, monkeypatch, tmp_path):
    from leukobench.files import locked
    from leukobench.running import worker

    monkeypatch.setattr(worker.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(worker, "describe_environment", lambda: {"gpu": "a GPU"})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with worker.gpu_turn(cells[0]):
        assert not list(tmp_path.iterdir())
    tuned = Recipe(cells[0].model, "fine-tuned", REPRESENTATION, raises, uses_gpu=True)
    with worker.gpu_turn(dataclasses.replace(cells[0], recipe=tuned)):
        (path,) = tmp_path.iterdir()
        assert path.name.endswith("gpu-1")
        with locked(path, wait=False) as mine:
            assert not mine


def test_a_transductive_model_that_meets_a_few_images_is_a_recorded_failure(suite, run_folder, samples):
    few = (samples["dataset"] != "right") | (samples.groupby(["dataset", "class"]).cumcount() < 2)
    rows = np.array(run_folder.read_rows(REPRESENTATION))[few.to_numpy()]
    run_folder.write_samples(samples[few].reset_index(drop=True))
    run_folder.write_rows(REPRESENTATION, rows)
    chosen = dataclasses.replace(
        suite,
        models=("lda+coral",),
        protocols=("pairwise",),
        min_source_images=2,
        min_test_images=1,
        datasets=("left", "right"),
    )
    cell = next(c for c in build_plan(chosen, samples[few].reset_index(drop=True)) if c.train == "left")
    record = work(cell, suite=chosen, store=run_folder)
    assert record["status"] == "error"
    assert record["error"].startswith("TooFewImages: 8 image(s) of a laboratory are too few for a transductive model")

"""A network that fails while representations are computed, or a file that went bad, costs its own models alone."""

import dataclasses
import multiprocessing
import os
import sys

import numpy as np
import pandas as pd
import pytest

from leukobench.cache import TableCache
from leukobench.datasets import build_index
from leukobench.datasets.phantom import write_phantom
from leukobench.errors import UsageError
from leukobench.models import get_model
from leukobench.models.bases import BASES
from leukobench.models.words import Base
from leukobench.running import pool, representations, runner
from leukobench.running.computing import compute_missing
from leukobench.running.representations import Representation, load_rows
from leukobench.running.suite import Budget, Suite

GOOD = "features:background"


def raises(images, masks, um_per_px):
    raise RuntimeError("takes one image at a time\nand more lines")


def ends_the_program(images, masks, um_per_px):
    sys.exit("no network here")


def eats_memory(images, masks, um_per_px):
    raise MemoryError("no memory left")


def dies(images, masks, um_per_px):
    os._exit(7)


def loses_rows(images, masks, um_per_px):
    return pd.DataFrame(np.zeros((len(images) - 1, 2)))


BROKEN = {
    "raises": (raises, "error", "RuntimeError: takes one image at a time"),
    "ends_the_program": (ends_the_program, "error", "SystemExit: no network here"),
    "eats_memory": (eats_memory, "oom", "no memory left"),
    "loses_rows": (loses_rows, "error", "rows for"),
}


@pytest.fixture
def broken(monkeypatch):
    """Representations "broken:<how>"; workers are forked here so that they know them too."""
    table = {"dies": dies} | {how: compute for how, (compute, *_) in BROKEN.items()}

    def make(spec, device, bare):
        return Representation(str(spec), {"name": str(spec)}, False, table[spec.argument[0]])

    monkeypatch.setitem(representations.KINDS, "broken", make)
    fork = multiprocessing.get_context("fork")
    monkeypatch.setattr(pool.multiprocessing, "get_context", lambda kind=None: fork)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("data") / "phantom", per_class=6, domains=["cvb", "barcelona"])


@pytest.fixture
def samples(root):
    return build_index(root, names=["cvb"])[["dataset", "path", "sha256", "um_per_px"]]


def test_each_failure_is_told_and_the_other_representation_is_whole(broken, root, samples, tmp_path):
    cache, failed = TableCache(tmp_path), {}
    names = [*(f"broken:{how}" for how in BROKEN), GOOD]
    measured = compute_missing(names, samples, root, cache=cache, failed=failed)
    assert failed.keys() == {f"broken:{how}" for how in BROKEN}
    for how, (_, kind, words) in BROKEN.items():
        assert failed[f"broken:{how}"][0] == kind
        assert words in failed[f"broken:{how}"][1]
        assert "\n" not in failed[f"broken:{how}"][1]
    assert measured[GOOD]["images"] == len(samples) == len(load_rows(GOOD, samples, cache))


def test_a_dying_process_costs_one_representation(broken, root, samples, tmp_path):
    cache, failed = TableCache(tmp_path), {}
    compute_missing(["broken:dies", GOOD], samples, root, cache=cache, jobs=2, failed=failed)
    assert failed == {"broken:dies": ("killed", "the worker process ended (exit code 7)")}
    assert len(load_rows(GOOD, samples, cache)) == len(samples)


def test_a_file_that_went_bad_is_named_and_the_rest_is_kept(root, samples, tmp_path):
    moved, cache, failed = tmp_path / "data", TableCache(tmp_path / "cache"), {}
    for path in samples["path"]:
        (moved / path).parent.mkdir(parents=True, exist_ok=True)
        (moved / path).write_bytes((root / path).read_bytes())
    bad = samples["path"].iloc[3]
    (moved / bad).write_bytes(b"")
    compute_missing([GOOD], samples, moved, cache=cache, failed=failed)
    assert failed[GOOD][0] == "error"
    assert bad in failed[GOOD][1]
    assert str(moved) not in failed[GOOD][1]
    others = samples.drop(index=3)
    assert len(load_rows(GOOD, others, cache)) == len(others)
    with pytest.raises(UsageError, match=GOOD):
        compute_missing([GOOD], samples, moved, cache=cache)


def test_a_run_goes_on_without_the_bad_model(broken, root, tmp_path, monkeypatch):
    good = dataclasses.replace(get_model("prior"), representation=GOOD)
    bad = dataclasses.replace(good, name="bad", representation=f"{GOOD}&broken:raises")
    monkeypatch.setitem(BASES, "prior", Base.of(good))
    monkeypatch.setitem(BASES, "bad", Base.of(bad))
    budget = Budget("tiny", 2, 2, 1, {"light": 0})
    options = {"datasets": ("cvb", "barcelona"), "models": ("prior", "bad"), "protocols": ("pairwise",)}
    suite = Suite("small", "", 1, "L5", **options, seeds=(0,), budget=budget, min_source_images=3, min_test_images=2)
    records = runner.run(suite, root, tmp_path / "run", cache=tmp_path / "cache", jobs=1)
    assert {(record["model"], record["status"]) for record in records} == {("prior", "ok"), ("bad", "error")}
    reasons = {record["error"] for record in records if record["model"] == "bad"}
    assert reasons == {"NotComputed: broken:raises: RuntimeError: takes one image at a time"}
    again = runner.run(suite, root, tmp_path / "run", cache=tmp_path / "cache", jobs=1)
    assert [record["status"] for record in again] == [record["status"] for record in records]  # no failure is forgotten

"""Resamples of the source: cells of their own, that leave those of the source as it is alone."""

import dataclasses

import numpy as np
import pytest

from leukobench.errors import UsageError
from leukobench.running.changes import identity_of
from leukobench.running.plan import build_plan
from leukobench.running.splits import splits_of
from leukobench.running.suite import load_suite


@pytest.fixture
def resampled(suite, samples):
    return build_plan(dataclasses.replace(suite, resample_source=2, models=("prior",), seeds=(0, 1)), samples)


def test_the_plan_adds_cells_and_changes_none(suite, samples, resampled):
    plain = build_plan(dataclasses.replace(suite, models=("prior",), seeds=(0, 1)), samples)
    assert [cell.as_dict() for cell in resampled if not cell.resample] == [cell.as_dict() for cell in plain]
    assert len({cell.fingerprint for cell in resampled}) == len(resampled) == 3 * len(plain)
    assert [identity_of(cell.as_dict()) for cell in resampled] == [cell.identity for cell in resampled]


def test_groups_are_drawn_within_class_from_what_trains(samples, resampled):
    for cell in resampled:
        plain = dataclasses.replace(cell, resample=0)
        pairs = zip(*(splits_of(samples, each, ["LY", "MO", "NE"], 3) for each in (cell, plain)), strict=True)
        for (train, test), (whole, same) in pairs:
            assert np.array_equal(test, same)
            assert {*train} <= {*whole}
            assert {*samples["class"].iloc[train]} == {*samples["class"].iloc[whole]}
            assert (len({*train}) < len({*whole})) == bool(cell.resample)


def test_a_resample_is_the_same_for_all_seeds(samples, resampled):
    found = {}
    for cell in resampled:
        if cell.protocol == "pairwise":
            found.setdefault((cell.train, cell.resample), []).append(splits_of(samples, cell, ["LY", "NE"], 3)[0][0])
    assert all(np.array_equal(*pair) for pair in found.values())


def test_one_resample_is_refused():
    assert load_suite("cross-dataset", resample_source=2).resample_source == 2
    with pytest.raises(UsageError, match="one resample alone"):
        load_suite("cross-dataset", resample_source=1)

"""What a protocol's setting changes, and that nothing else changes: labels of the target, sizes, corrupted copies."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from leukobench.errors import UsageError
from leukobench.preparation.views import apply_view
from leukobench.running import protocols
from leukobench.running.cell import run_cell
from leukobench.running.plan import build_plan, head_of
from leukobench.running.protocols import PROTOCOLS, Protocol, known_protocols
from leukobench.running.representations import get_representation, image_ids
from leukobench.running.setting import Setting
from leukobench.running.splits import rows_name, shown_samples, splits_of
from leukobench.running.worker import work


@pytest.fixture
def planned(suite, samples):
    """Function that gives the cells of some protocols, of one model, by protocol and train."""

    def plan(*names, model="logistic_regression"):
        cells = build_plan(dataclasses.replace(suite, protocols=names, models=(model,)), samples)
        return {(cell.protocol, cell.train): cell for cell in cells}

    return plan


def _splits(cell, suite, samples):
    return splits_of(samples, cell, head_of(samples, cell.sources, suite)[0], 3)


def _labelled(cell, suite, samples):
    """For each half: the positions of the target's cells that train, and of those that are predicted."""
    own = np.flatnonzero(samples["dataset"].isin(cell.targets))
    return [(np.intersect1d(train, own), test) for train, test in _splits(cell, suite, samples)]


@pytest.mark.parametrize("target", ["left", "right"])
def test_labels_are_of_other_cells_and_groups_than_are_predicted(target, planned, suite, samples):
    counts, halves = [], []
    for n in (1, 5, 10, 50):
        cell = planned(f"labels_{n}")[f"labels_{n}", f"all-{target}"]
        found = _labelled(cell, suite, samples)
        assert sorted(np.concatenate([test for _, test in found])) == sorted(
            np.flatnonzero(samples["dataset"] == target)
        )
        for labelled, test in found:
            assert not {*labelled} & {*test}
            groups = samples["group"].to_numpy()
            assert target == "left" or not {*groups[labelled]} & {*groups[test]}
            per_class = samples["class"].iloc[labelled].value_counts()
            assert "BA" not in per_class  # three are too few for a head anywhere
            assert per_class.max() <= n
            assert n > 5 or (per_class == n).all()
        counts.append([len(labelled) for labelled, _ in found])
        halves.append([test.tolist() for _, test in found])
    assert halves[0] == halves[1] == halves[2] == halves[3]  # the curve is about the same cells
    assert [*map(sum, counts)] == sorted(map(sum, counts))


def test_few_labels_are_among_the_more(planned, suite, samples):
    cells = planned("labels_1", "labels_5", "size_15", "pairwise")
    one, five = (_labelled(cells[name, "all-left"], suite, samples) for name in ("labels_1", "labels_5"))
    assert all({*a} < {*b} for (a, _), (b, _) in zip(one, five, strict=True))
    (cut, test), (whole, same) = (_splits(cells[name, "left"], suite, samples)[0] for name in ("size_15", "pairwise"))
    assert {*cut} < {*whole}
    assert test.tolist() == same.tolist()
    assert samples["class"].iloc[cut].value_counts().to_dict() == {"NE": 15, "LY": 15, "MO": 15, "BA": 3}


def test_without_care_a_slide_stands_on_both_sides(planned, suite, samples):
    cells = planned("within", "leaky")
    groups = samples["group"].to_numpy()

    def shared(name):
        return [
            {*groups[train]} & {*groups[test]} - {None} for train, test in _splits(cells[name, "right"], suite, samples)
        ]

    assert not any(shared("within"))
    assert all(shared("leaky"))
    whole = np.sort(np.concatenate([test for _, test in _splits(cells["leaky", "right"], suite, samples)]))
    assert whole.tolist() == np.flatnonzero(samples["dataset"] == "right").tolist()
    assert "ungrouped" in str(cells["leaky", "right"].inputs)
    assert "ungrouped" not in str(cells["within", "right"].inputs)


def test_another_seed_draws_others(planned, suite, samples):
    cell = planned("labels_5")["labels_5", "all-left"]
    draws = [_labelled(dataclasses.replace(cell, seed=seed), suite, samples)[0][0].tolist() for seed in (0, 1)]
    assert draws[0] != draws[1]


def test_a_setting_that_changes_nothing_gives_the_records_of_the_other_protocol(
    suite, samples, run_folder, monkeypatch
):
    same = Protocol("same", "same", "same", "Same", PROTOCOLS["within"].fits, needs=1, setting=Setting(like="within"))
    large = dataclasses.replace(PROTOCOLS["size_150"], name="large", column="large")
    monkeypatch.setattr(protocols, "PROTOCOLS", PROTOCOLS | {"same": same, "large": large})
    names = ("within", "same", "pairwise", "large")
    untuned = dataclasses.replace(suite.budget, trials=dict.fromkeys(suite.budget.trials, 0))
    chosen = dataclasses.replace(
        suite, protocols=names, models=("random_forest",), datasets=("left", "middle"), budget=untuned
    )
    found = {}
    for cell in build_plan(chosen, samples):
        if cell.train == "left":
            work(cell, suite=chosen, store=run_folder)
            table = run_folder.prediction_table(cell.fingerprint).to_pandas()
            found[cell.protocol] = table.sort_values(["test", "sha256"], ignore_index=True)
    pd.testing.assert_frame_equal(found["within"], found["same"])
    pd.testing.assert_frame_equal(found["pairwise"], found["large"])


def test_labels_help_where_laboratories_contradict(planned, suite, samples):
    """In the target classes have changed their places: only its own labels can tell."""
    rng = np.random.default_rng(0)
    names = np.array(["NE", "LY", "MO"])
    rows = rng.normal(size=(len(samples), 4))
    shifted = samples["dataset"].eq("left").to_numpy()
    columns = np.where(shifted[:, None], np.roll(names, 1), names)
    rows[:, :3] += 4 * (samples["class"].to_numpy()[:, None] == columns)
    rows[:, 3] += 8 * shifted
    scores = []
    for name in ("lodo", "labels_1", "labels_10"):
        cell = planned("lodo", "labels_1", "labels_10", model="knn")[name, "all-left"]
        cell = dataclasses.replace(cell, inputs=cell.inputs | {"trials": 0})
        head, left_out = head_of(samples, cell.sources, suite)
        record, table = run_cell(cell, samples, rows, head, left_out, lambda number: None)
        table = table[table["true"].isin(head)]
        called = table[[f"p_{c}" for c in head]].to_numpy().argmax(axis=1)
        scores.append((np.array(head)[called] == table["true"]).mean())
        assert record["n_train"] >= 116
    assert scores[0] < 0.1
    assert scores[2] > max(scores[1], 0.7)


def test_corrupted_copies_are_of_the_images_that_were_held_out(planned, suite, samples):
    cell = planned("within", "corrupted")["corrupted", "right"]
    cell = dataclasses.replace(cell, setting=Setting(like="within", conditions=("jpeg-1", "stain-5"), shown=4))
    shown = shown_samples(samples, cell.setting)
    assert shown.groupby(["test", "class"]).size().to_dict() == {
        (f"{name}/{condition}", label): 3 if label == "BA" else 4
        for name in suite.datasets
        for condition in ("jpeg-1", "stain-5")
        for label in ("NE", "LY", "MO", "BA")
    }
    assert len(set(image_ids(shown))) == len(shown)
    # A row is the image's number and the model knows those by heart that it was trained on.
    head, left_out = head_of(samples, cell.sources, suite)
    rows = np.arange(len(samples), dtype=float)[:, None]
    heart = dataclasses.replace(cell.recipe, build=lambda params, seed: _Heart())
    cell = dataclasses.replace(cell, recipe=heart, inputs=cell.inputs | {"trials": 0})
    _, table = run_cell(cell, samples, rows, head, left_out, lambda number: None, shown_rows=rows[shown["at"]])
    assert len(table) == 2 * (3 * 4 + 3)
    assert (table[[f"p_{c}" for c in head]].to_numpy() == 1 / len(head)).all()


class _Heart:
    """Sure of what it was fitted to, uniform elsewhere."""

    def fit(self, X, y):
        self.classes_, self.known = np.unique(y), dict(zip(X[:, 0], y, strict=True))
        return self

    def predict_proba(self, X):
        found = np.full((len(X), len(self.classes_)), 1 / len(self.classes_))
        for i, value in enumerate(X[:, 0]):
            if value in self.known:
                found[i] = self.classes_ == self.known[value]
        return found


def test_corrupted_rows_have_no_copies_and_a_name_and_key_of_their_own():
    name, setting = "features:untextured@augmented", PROTOCOLS["corrupted"].setting
    whole, bare = get_representation(name), get_representation(name, bare=True)
    assert (whole.copies, bare.copies) == (8, 0)
    assert whole.key != bare.key
    assert rows_name(name, setting) != rows_name(name, dataclasses.replace(setting, shown=3)) != name


def test_the_row_of_an_image_without_copies_is_the_first_of_those_with(phantom_cell):
    name = "features:untextured@augmented"
    each = [get_representation(name, "cpu", bare) for bare in (False, True)]
    rows = [one.compute(*apply_view([phantom_cell], one.view, [0.1])) for one in each]
    np.testing.assert_array_equal(rows[0].to_numpy()[:, : rows[1].shape[1]], rows[1].to_numpy())


@pytest.fixture
def phantom_cell():
    y, x = np.mgrid[:96, :96]
    away = np.hypot(y - 48, x - 48)[..., None]
    return np.where(away < 16, (90, 40, 130), np.where(away < 28, (190, 170, 215), (235, 230, 228))).astype(np.uint8)


def test_fingerprints_of_plain_protocols_hold_nothing_of_settings_and_others_all(planned):
    cells = planned("within", "corrupted", "labels_5", "size_30")
    assert "setting" not in cells["within", "left"].inputs
    assert cells["labels_5", "all-left"].inputs["setting"] == {"like": "lodo", "labels": 5}
    assert cells["size_30", "left"].inputs["setting"] == {"like": "pairwise", "per_class": 30}
    assert {*cells["corrupted", "left"].inputs["setting"]} == {"like", "conditions", "shown", "corruptions"}
    assert len(cells["corrupted", "left"].as_dict()["targets"]) == 50


def test_an_unknown_condition_is_refused_at_once():
    with pytest.raises(UsageError, match="fog"):
        Setting(conditions=("fog-1",))
    assert known_protocols()["labels_10"].setting.labels == 10

"""Temperatures, abstention and their table: against brute force, and on runs whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from leukobench.metrics.scoring import normalise
from leukobench.report import write_report
from leukobench.report.calibration import (
    ABSTAINING,
    COVERAGES,
    TEMPERATURES,
    abstention,
    calibrated_confidence,
    calibration_figures,
    crossfitted_temperatures,
    fit_temperature,
    halves,
)
from leukobench.report.cells import score_cells
from leukobench.report.reader import read_run

TRUTH = {name: ["LY"] * 20 + ["MO"] * 20 + ["EO"] * 20 for name in "abc"}


def draw(n, k, seed, temperature=1.0):
    """Probabilities of a model, and classes that follow them at another temperature."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.normal(size=(n, k))
    chances = normalise(np.exp(logits / temperature))
    true = (chances.cumsum(axis=1) < generator.random((n, 1))).sum(axis=1).clip(max=k - 1)
    return true, normalise(np.exp(logits))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_the_classes_follow_is_found(temperature):
    assert fit_temperature(*draw(20_000, 5, 0, temperature)) == pytest.approx(temperature, rel=0.05)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(30, 200), k=st.integers(2, 6), temperature=st.floats(0.5, 4))
def test_it_is_the_minimum_of_the_log_loss(seed, n, k, temperature):
    true, probabilities = draw(n, k, seed, temperature)

    def loss(log_temperature):
        q = normalise(probabilities ** np.exp(-log_temperature))
        return -np.log(q[np.arange(n), true]).mean()

    best = minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x
    assert loss(np.log(fit_temperature(true, probabilities))) <= loss(best) + 1e-9


def test_certain_answers_have_a_temperature():
    certain = np.eye(2)[[0, 0, 0, 0, 1, 1, 1, 1]]
    assert fit_temperature(np.array([0, 0, 0, 0, 1, 1, 1, 1]), certain) == TEMPERATURES[0]
    # One of four wrong: three quarters is what the answers should say.
    wrong = np.array([0, 0, 0, 1, 1, 1, 1, 0])
    temperature = fit_temperature(wrong, certain)
    assert calibrated_confidence(certain, temperature) == pytest.approx(0.75)
    assert fit_temperature(1 - wrong, certain) == TEMPERATURES[1]  # worse than chance: as unsure as can be


@pytest.mark.parametrize(
    ("true", "probabilities", "expected"),
    [
        ([0, 1, 1], [[0.5, 0.5]] * 3, 1.0),
        ([1, 1, 1], [[0.6, 0.4]] * 3, np.nan),
        ([], np.empty((0, 3)), np.nan),
    ],
)
def test_nothing_to_fit(true, probabilities, expected):
    found = fit_temperature(np.array(true, int), np.array(probabilities))
    assert found == pytest.approx(expected, nan_ok=True)


def test_a_class_that_its_own_fold_had_never_seen_takes_no_part():
    true, probabilities = draw(300, 3, 1, 2.0)
    unseen = normalise(np.hstack([probabilities[:50], np.zeros((50, 1))]))
    whole = np.vstack([np.hstack([probabilities, np.full((300, 1), 0.0)]), unseen])
    expected = fit_temperature(true, probabilities)
    true = np.r_[true, np.full(50, 3)]
    assert fit_temperature(true, whole) == pytest.approx(expected, rel=1e-3)
    whole[-1] = [0.3, 0.3, 0.3, 0.1]  # now the class was known, and 49 images of it are mistakes
    assert fit_temperature(true, whole) > 2 * expected


def test_confidence_at_a_temperature_by_its_definition():
    _, probabilities = draw(50, 4, 2)
    expected = normalise(probabilities ** (1 / 2.5)).max(axis=1)
    assert calibrated_confidence(probabilities, 2.5) == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(true=st.lists(st.integers(0, 3), min_size=1, max_size=60), n_clusters=st.integers(1, 20))
def test_halves_keep_clusters_whole_and_are_even(true, n_clusters):
    true = np.array(true)
    clusters = np.arange(len(true)) % n_clusters
    second = halves(true, clusters)
    sizes = [set(second[clusters == cluster]) for cluster in set(clusters)]
    assert all(len(size) == 1 for size in sizes)
    assert abs(sum(size == {True} for size in sizes) - len(sizes) / 2) <= 0.5
    single = halves(true, np.arange(len(true)))
    for name in set(true):
        assert abs(single[true == name].sum() - (true == name).sum() / 2) <= 0.5


def test_an_image_has_no_part_in_its_own_temperature():
    true, probabilities = draw(200, 4, 3, 2.0)
    clusters = np.arange(200) // 2
    before, second = crossfitted_temperatures(true, probabilities, clusters), halves(true, clusters)
    assert len(np.unique(before)) == 2
    changed = probabilities.copy()
    changed[second] = changed[second][:, ::-1]
    after = crossfitted_temperatures(true, changed, clusters)
    assert (after[second] == before[second]).all()
    assert (after[~second] != before[~second]).all()
    assert np.isnan(crossfitted_temperatures(true, probabilities, np.zeros(200, int))).any()


def by_hand(true, hit, entropy, averaged):
    """The same without ties, image by image; coverages that keep a whole number of images only."""
    order = np.argsort(entropy)
    scores = []
    for coverage in COVERAGES:
        kept = order[: round(coverage * len(true))]
        scores.append(np.mean([hit[kept][true[kept] == c].mean() for c in averaged]))
    return scores, np.mean([1 - hit[order[:k]].mean() for k in range(1, len(true) + 1)])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.sampled_from([100, 150]))
def test_abstention_equals_the_loop_over_images(seed, n):
    true, probabilities = draw(n, 4, seed)
    hit, entropy = probabilities.argmax(axis=1) == true, np.random.default_rng(seed).random(n)
    averaged = np.array([0, 1, 3])
    scores, aurc = abstention(true, hit, entropy, averaged)
    expected, area = by_hand(true, hit, entropy, averaged)
    assert scores == pytest.approx(expected)
    assert aurc == pytest.approx(area)


def test_of_images_equally_sure_the_order_does_not_matter():
    true, hit = np.array([0, 0, 1, 1] * 5), np.array([True, False, True, False] * 5)
    entropy = np.repeat([0.1, 0.7], 10)
    expected = abstention(true, hit, entropy, np.array([0, 1]))
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(20)
        found = abstention(true[order], hit[order], entropy[order] + 1e-15, np.array([0, 1]))
        assert found[0] == pytest.approx(expected[0])
        assert found[1] == pytest.approx(expected[1])
    scores, aurc = abstention(true, hit, np.zeros(20), np.array([0, 1]))  # knows nothing of its errors
    assert scores == pytest.approx(0.5)
    assert aurc == pytest.approx(0.5)


def test_a_class_that_is_all_left_open_leaves_no_mean():
    true, entropy = np.array([0] * 5 + [1] * 5), np.arange(10.0)
    scores, _ = abstention(true, np.ones(10, bool), entropy, np.array([0, 1]))
    assert scores == pytest.approx([1, 1, 1, 1, np.nan], nan_ok=True)
    assert np.isnan(abstention(true, np.ones(10, bool), entropy, np.array([0]))[0]).all()


def test_one_class_and_no_image_have_no_figures():
    assert calibration_figures(np.array([1, 1]), np.full((2, 2), 0.5), np.array([1]), 1.0) == {}
    assert calibration_figures(np.empty(0, int), np.empty((0, 2)), np.array([], int), 1.0) == {}


def answer(model, protocol, train, test, true, seed):
    """`perfect` is; the others take every fifth image for LY, wherever it is from, though they say .7."""
    return true if model == "perfect" else [("LY" if i % 5 == 0 else name) for i, name in enumerate(true)]


def table_of(folder):
    return score_cells(read_run(folder)).calibration


def test_one_row_per_within_and_pairwise_row(make_run):
    protocols = ("within", "pairwise", "lodo", "merged")
    scored = score_cells(read_run(make_run(TRUTH, ["perfect", "half"], answer, seeds=(0, 1), protocols=protocols)))
    table, cells = scored.calibration, scored.table
    cells = cells[cells["protocol"].isin(["within", "pairwise"])].reset_index(drop=True)
    same = ["protocol", "train", "test", "model", "seed", "status", "n", "ece"]
    pd.testing.assert_frame_equal(table[same], cells[same])
    assert table["balanced_accuracy_at_1.0"].tolist() == pytest.approx(cells["balanced_accuracy"].tolist())
    assert not table[["temperature", "ece_calibrated", "aurc"]].isna().any(axis=None)
    perfect = table[table["model"] == "perfect"]
    assert (perfect["temperature"] == TEMPERATURES[0]).all()  # always right within, so as sure as can be
    assert perfect["ece_calibrated"].tolist() == pytest.approx([0] * len(perfect), abs=1e-6)
    half = table[table["model"] == "half"]
    accuracy = 1 - 8 / 60  # of every fifth image, LY are right anyway
    assert half["ece"].tolist() == pytest.approx([accuracy - 0.7] * len(half))
    assert half["ece_calibrated"].max() < 0.03
    assert half["aurc"].tolist() == pytest.approx([1 - accuracy] * len(half))  # all answers are equally sure


@pytest.mark.parametrize("status", ["missing", "error"])
def test_without_the_within_cell_there_is_no_temperature(make_run, status):
    table = table_of(make_run(TRUTH, ["half"], answer, failing={("within", "a", "half", 0): status}))
    lost = (table["train"] == "a").to_numpy()
    assert table.loc[lost, ["temperature", "ece_calibrated"]].isna().all(axis=None)
    assert table.loc[~lost, ["temperature", "ece_calibrated"]].notna().all(axis=None)
    abroad = lost & (table["protocol"] == "pairwise").to_numpy()
    assert table.loc[abroad, ["ece", "aurc", *ABSTAINING]].notna().all(axis=None)


@pytest.mark.parametrize("protocols", [("pairwise",), ("within",), ("lodo", "merged")])
def test_whatever_protocols_were_run(make_run, protocols):
    folder = make_run(TRUTH, ["half", "perfect"], answer, protocols=protocols)
    report = write_report(folder, replicates=20)
    table = pd.read_csv(folder / "calibration.csv")
    assert len(table) == {"pairwise": 12, "within": 6, "lodo": 0}[protocols[0]]
    assert table["temperature"].notna().all() == (protocols[0] != "pairwise")
    means = report.calibration_means
    assert means.index.tolist() == report.board["model"].tolist()
    assert means["pairwise_ece"].notna().all() == (protocols[0] == "pairwise")
    assert means["pairwise_ece_calibrated"].isna().all()
    assert ("## Calibration" in (folder / "leaderboard.md").read_text()) == (protocols[0] != "lodo")


def test_means_leave_out_contaminated_targets_and_do_not_compare_unequal_means(make_run):
    failing = {("within", "a", "fragile", 0): "error", ("pairwise", "b", "half", 0): "error"}
    models = ["perfect", "half", "fragile", "pretrained"]
    folder = make_run(TRUTH, models, answer, failing=failing, contamination={"pretrained": ["c"]})
    report = write_report(folder, replicates=20)
    means, table = report.calibration_means, report.calibration
    assert means["pairwise_ece"].notna().all()
    assert means["pairwise_ece_calibrated"].isna().to_dict() == {name: name == "fragile" for name in means.index}
    clean = table[(table["model"] == "pretrained") & (table["protocol"] == "pairwise") & (table["test"] != "c")]
    assert len(clean) == 4
    assert means.loc["pretrained", "pairwise_ece_calibrated"] == pytest.approx(clean["ece_calibrated"].mean())
    section = (folder / "leaderboard.md").read_text().partition("## Calibration")[2].partition("\n## ")[0]
    row = next(line for line in section.splitlines() if line.startswith("| pretrained"))
    assert row.startswith("| pretrained (contaminated) |")
    assert row.count("†") == 6
    assert "- |" in next(line for line in section.splitlines() if line.startswith("| fragile (incomplete)"))

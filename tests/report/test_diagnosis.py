"""The diagnosis of runs whose truth is known: drawn cells of laboratories that differ in one thing alone."""

import json
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from leukobench.datasets.phantom import DOMAINS, render_cell
from leukobench.diagnosis import diagnose, write_diagnosis
from leukobench.diagnosis.corrections import aligned, corrected, magnification, moments
from leukobench.diagnosis.loss import split_loss
from leukobench.diagnosis.probe import probe
from leukobench.diagnosis.rows import FOLDS, folds, read_rows
from leukobench.diagnosis.shift import shift_table
from leukobench.errors import UsageError
from leukobench.report.reader import read_run

CODES = ("NE", "EO", "BA", "LY", "MO")
HOME = replace(DOMAINS["barcelona"], name="home", size=(150, 150), um_per_px=0.18)
# Deeper azure that takes more green, weaker eosin, a yellow lamp.
RECOLOURED = replace(
    HOME, name="away", azure=(0.62, 1.15, 0.3), eosin=(0.05, 0.6, 0.42), background=(0.9, 0.86, 0.62), strength=1.25
)
LARGER = replace(HOME, name="away", cell_scale=1.35)


@dataclass(frozen=True)
class Column:
    """A feature as the diagnosis knows it."""

    name: str
    group: str
    unit: str = "1"


def write_run(folder, tables, dataset, label, group=None, synthetic=True):
    """A run folder with nothing but the rows of its images."""
    (folder / "rows").mkdir(parents=True)
    suite = {"name": "tiny", "level": "L5", "datasets": sorted(set(dataset)), "min_test_images": 5}
    suite |= {"models": [], "protocols": ["within", "pairwise"], "seeds": [0], "budget": {"name": "quick"}}
    plan = {"suite": suite, "synthetic": synthetic, "groups_unknown": [], "cells": []}
    (folder / "plan.json").write_text(json.dumps(plan))
    hashes = [f"{k:04d}" for k in range(len(label))]
    samples = pd.DataFrame({"dataset": dataset, "class": label, "sha256": hashes, "um_per_px": np.nan})
    samples.assign(group=group).to_parquet(folder / "samples.parquet")
    for name, values in tables.items():
        np.save(folder / "rows" / f"{name.replace(':', '-')}.npy", values)
    return folder


COLUMNS = (
    Column("nucleus_area", "morphology", "um2"),
    Column("cell_diameter", "morphology", "um"),
    Column("nc_ratio", "morphology"),
    Column("solidity", "morphology"),
    *(Column(f"{region}_{channel}", "colour") for region in ("nucleus", "cytoplasm") for channel in "rgb"),
    Column("nucleus_contrast", "texture"),
)
GLASS = tuple(Column(f"background_{channel}", "colour") for channel in "rgb")


def catalogue(name):
    """A few features that a test can compute in a millisecond."""
    return {"features:core": COLUMNS, "features:background": GLASS}.get(name)


def measure(cell):
    """Values of `COLUMNS` and `GLASS` for a drawn cell."""
    nucleus, cytoplasm, glass = (cell.image[cell.mask == k].astype(float) for k in (2, 1, 0))
    outlines, _ = cv2.findContours((cell.mask == 2).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.contourArea(cv2.convexHull(np.concatenate(outlines)))
    areas = [part * cell.um_per_px**2 for part in (cell.nucleus_area_px, cell.cell_area_px)]
    shape = [areas[0], np.sqrt(areas[1]), areas[0] / areas[1], cell.nucleus_area_px / hull]
    return [*shape, *nucleus.mean(0), *cytoplasm.mean(0), nucleus.mean(1).std()], np.median(glass, axis=0)


def draw_run(folder, domains, per_class=20):
    """A run folder of drawn cells, with their true masks."""
    cells = [
        render_cell(code, domain, rng=[k, *domain.name.encode(), *code.encode()])
        for domain in domains
        for code in CODES
        for k in range(per_class)
    ]
    core, background = zip(*map(measure, cells), strict=True)
    tables = {"features:core": np.array(core), "features:background": np.array(background)}
    return write_run(folder, tables, [cell.domain for cell in cells], [cell.code for cell in cells])


def build(seed):
    trees = ExtraTreesClassifier(30, max_features=0.1, class_weight="balanced", random_state=seed)
    return make_pipeline(SimpleImputer(keep_empty_features=True), trees)


def examine(folder, columns=catalogue):
    """All tables of a diagnosis, by section."""
    found = diagnose(folder, catalogue=columns, build=build, replicates=200)
    return {section.name: section.table for section in found.sections}, found


def core_rows(folder, columns=catalogue):
    run = read_run(folder)
    return next(rows for rows in read_rows(run, columns) if rows.name == "features:core"), run.suite["datasets"]


def lose(folder, columns=catalogue):
    """The loss of a run alone."""
    return split_loss(*core_rows(folder, columns), build, quiet, replicates=200)


def shift(folder, columns=catalogue):
    rows, datasets = core_rows(folder, columns)
    return shift_table([rows], datasets, quiet)


def quiet(*_):
    pass


@pytest.fixture(scope="module", autouse=True)
def few_trees():
    """Probes of a few trees, which are enough for a few features."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leukobench.diagnosis.probe.TREES", 10)
        yield


@pytest.fixture(scope="module")
def of_colour(tmp_path_factory):
    return examine(draw_run(tmp_path_factory.mktemp("recoloured") / "run", [HOME, RECOLOURED]))


def test_a_loss_of_colour_comes_back_with_the_colour(of_colour):
    mean = of_colour[0]["loss"].set_index("what")["mean"]
    assert mean["loss"] > 0.1
    assert mean["colour"] > 0.5 * mean["loss"]
    assert abs(mean["scale"]) < 0.2 * mean["loss"]
    assert mean["all"] > 0.7 * mean["loss"]
    assert mean["left"] == pytest.approx(mean["loss"] - mean["all"])


def test_what_moves_between_colours_is_colour(of_colour):
    groups = of_colour[0]["shift_groups"].set_index(["representation", "group"])["mean_abs_d"]["features:core"]
    assert groups["colour"] > 2 * groups["morphology"]
    worst = of_colour[0]["shift"].query("representation == 'features:core'")
    top = worst.iloc[worst["d"].abs().argsort()[::-1]].head(5)
    assert set(top["group"]) <= {"colour", "texture"}


def test_colours_give_the_dataset_away_and_shapes_do_not(of_colour):
    mean = of_colour[0]["probe"].groupby("representation")["balanced_accuracy"].mean()
    assert mean["features:core, colour"] > 0.9
    assert mean["features:background"] > 0.9
    assert mean["features:core, morphology"] < 0.75


def test_a_loss_of_scale_comes_back_with_the_scale(tmp_path):
    loss = lose(draw_run(tmp_path / "run", [HOME, LARGER]))
    mean = loss.mean.set_index("what")["mean"]
    assert mean["loss"] > 0.1
    assert mean["scale"] > 0.7 * mean["loss"]
    assert abs(mean["colour"]) < 0.2 * mean["loss"]
    factors = loss.pairs.set_index("train")["magnification"]
    assert factors["home"] == pytest.approx(1 / 1.35, rel=0.05)
    assert factors["away"] == pytest.approx(1.35, rel=0.05)


def test_between_two_halves_of_one_laboratory_there_is_nothing_to_find(tmp_path):
    folder = draw_run(tmp_path / "run", [HOME, replace(HOME, name="twin")])
    rows, _ = core_rows(folder)
    scores = [probe(rows, code, np.arange(len(COLUMNS)), "linear")[0] for code in CODES]
    assert np.mean(scores) < 0.62
    loss = lose(folder).mean.set_index("what").loc["loss"]
    assert loss["low"] <= 0.02
    assert abs(loss["mean"]) < 0.05
    assert shift(folder)["d"].abs().mean() < 0.25


def gaussian_run(folder, prior, n=200, seed=0):
    """Two datasets of two overlapping classes; the second has other class frequencies."""
    rng = np.random.default_rng(seed)
    label = np.array(["LY"] * (n // 2) + ["MO"] * (n // 2) + ["LY"] * int(prior * n) + ["MO"] * (n - int(prior * n)))
    values = rng.normal(0, 1, (len(label), 3)) + 1.2 * (label == "MO")[:, None] * [1, 0.5, 0]
    return write_run(folder, {"features:core": values}, ["a"] * n + ["b"] * n, label)


def columns_of(_):
    return [Column("one", "morphology"), Column("two", "colour"), Column("three", "texture")]


def test_priors_show_in_accuracy_and_not_in_balanced_accuracy(tmp_path):
    pair = lose(gaussian_run(tmp_path / "run", prior=0.9, n=600), columns_of).pairs.set_index("train").loc["a"]
    assert pair["accuracy_prior"] > pair["accuracy"] + 0.02
    assert pair["prior"] < 0


def test_intervals_hold_their_figures_and_gains_are_differences_of_scores(of_colour):
    table = of_colour[0]["loss_pairs"]
    for name in ("loss", "colour", "scale", "texture", "all", "left", "prior"):
        assert (table[f"{name}_low"] <= table[name] + 1e-9).all()
        assert (table[name] <= table[f"{name}_high"] + 1e-9).all()
    np.testing.assert_allclose(table["loss"], table["within"] - table["as_it_is"])
    np.testing.assert_allclose(table["left"], table["loss"] - table["all"])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 5), st.floats(-3, 3))
def test_alignment_undoes_any_shift_and_stretch(seed, stretch, shift):
    rng = np.random.default_rng(seed)
    label = np.array(["a"] * 12 + ["b"] * 30)
    source = rng.normal(0, 1, (42, 4)) + (label == "b")[:, None]
    source[rng.random(source.shape) < 0.1] = np.nan
    back = aligned(source * stretch + shift, label, source, label, ["a", "b"])
    np.testing.assert_allclose(back, source, atol=1e-8)


def test_class_balance_makes_moments_blind_to_frequencies():
    one, other = np.array([[0.0], [2.0]]), np.array([[10.0], [14.0]])
    label = np.repeat(["a", "b"], 2)
    here = moments(np.vstack([one, other]), label, ["a", "b"])
    often = moments(np.vstack([one, other, other, other]), np.append(label, ["b"] * 4), ["a", "b"])
    np.testing.assert_allclose(often, here)
    assert here[0] == pytest.approx([6.5])


def test_magnification_reads_lengths_and_areas_and_leaves_the_rest():
    rng = np.random.default_rng(0)
    label = np.repeat(["a", "b"], 40)
    source = rng.uniform(1, 3, (80, 3))
    target = source * [1.5, 2.25, 7.0]
    powers = np.array([1, 2, 0])
    factor = magnification(target, label, source, label, ["a", "b"], powers)
    assert factor == pytest.approx(1 / 1.5)
    columns = [Column("length", "morphology", "um"), Column("area", "morphology", "um2"), Column("tint", "colour")]
    changed, _ = corrected(target, label, source, label, ["a", "b"], columns)
    np.testing.assert_allclose(changed["scale"], source * [1, 1, 7.0])
    np.testing.assert_allclose(changed["colour"], target * [1, 1, 1 / 7.0])
    np.testing.assert_allclose(changed["all"], source)


def test_shift_is_in_standard_deviations_within_class(tmp_path):
    rng = np.random.default_rng(1)
    label = np.tile(np.repeat(["LY", "MO"], 400), 2)
    dataset = np.repeat(["a", "b"], 800)
    values = rng.normal(0, 2, (1600, 3)) + 50 * (label == "MO")[:, None]
    values[:, 0] += 3 * (dataset == "b")
    values[:, 2] = 4.0
    folder = write_run(tmp_path / "run", {"features:core": values}, dataset, label)
    table = shift(folder, columns_of).set_index("feature")
    assert table.loc["one", "d"] == pytest.approx(1.5, abs=0.1)
    assert table.loc["one", "wasserstein"] == pytest.approx(1.5, abs=0.1)
    assert abs(table.loc["two", "d"]) < 0.1
    assert table.loc["three", "d"] == table.loc["three", "wasserstein"] == 0


def test_folds_keep_groups_whole_where_there_are_enough():
    label = np.repeat(["a", "b"], 60)
    cluster = np.concatenate([np.repeat(np.arange(12), 5), 100 + np.repeat([0, 1], 30)])
    for train, test in folds(label, cluster):
        assert not set(cluster[train][label[train] == "a"]) & set(cluster[test][label[test] == "a"])
        assert set(label[test]) == {"a", "b"}  # two groups of b cannot be in five folds
    assert len(folds(label, np.arange(120))) == FOLDS


def test_files_say_what_they_are(tmp_path):
    folder = gaussian_run(tmp_path / "run", prior=0.5, n=60)
    before = set(folder.iterdir())
    stages = {}

    def progress(stage, done, total):
        assert 0 <= done <= total
        stages[stage] = done == total

    write_diagnosis(folder, catalogue=columns_of, build=build, model="trees", progress=progress, replicates=50)
    written = {path.name for path in set(folder.iterdir()) - before}
    assert written == {"diagnosis.md", "diagnosis.csv", "diagnosis.json"}
    assert len(stages) == 3
    assert all(stages.values())
    page = (folder / "diagnosis.md").read_text()
    assert page.startswith("# Diagnosis of SYNTHETIC (phantom) images\n\n**Diagnosis, after the fact")
    table = pd.read_csv(folder / "diagnosis.csv", low_memory=False)
    assert table["synthetic"].all()
    assert (table.loc[table["section"] == "loss", "uses"] == "target images and labels").all()
    content = json.loads((folder / "diagnosis.json").read_text())
    for section in content["sections"].values():
        assert section["title"] in page
        assert section["protocol"] in page


def test_an_embedding_is_probed_and_its_loss_is_not_split(tmp_path):
    rng = np.random.default_rng(0)
    dataset, label = np.repeat(["a", "b"], 60), np.tile(np.repeat(["LY", "MO"], 30), 2)
    values = rng.normal(0, 1, (120, 8)) + 3 * (dataset == "b")[:, None]
    sections, found = examine(write_run(tmp_path / "run", {"embedding:net": values}, dataset, label))
    assert list(sections) == ["probe"]
    assert sections["probe"]["balanced_accuracy"].min() > 0.95
    assert any("not split" in note for note in found.notes)


def test_classes_with_few_images_are_left_out_and_named(tmp_path):
    rng = np.random.default_rng(0)
    label = np.array(["LY"] * 20 + ["MO"] * 20 + ["BA"] * 3 + ["LY"] * 20 + ["MO"] * 20)
    dataset = np.array(["a"] * 43 + ["b"] * 40)
    folder = write_run(tmp_path / "run", {"features:core": rng.normal(0, 1, (83, 3))}, dataset, label)
    sections, found = examine(folder, columns_of)
    assert set(sections["probe"]["class"]) == {"LY", "MO"}
    assert set(sections["loss_pairs"]["classes"]) == {"LY MO"}
    assert any("BA" in note for note in found.notes)


def test_a_folder_without_features_or_with_strange_ones_is_an_error_by_name(tmp_path, make_run):
    with pytest.raises(UsageError, match="no run folder"):
        diagnose(tmp_path, catalogue=catalogue, build=build)
    plain = make_run({name: ["LY", "MO"] * 6 for name in ("a", "b")}, ("half",), lambda *_: ["LY"] * 12)
    with pytest.raises(UsageError, match=r"no samples\.parquet"):
        diagnose(plain, catalogue=catalogue, build=build)
    alone = write_run(tmp_path / "alone", {"embedding:net": np.eye(4)}, ["a"] * 4, ["LY"] * 4)
    with pytest.raises(UsageError, match="compares datasets"):
        diagnose(alone, catalogue=catalogue, build=build)
    folder = write_run(tmp_path / "odd", {"features:core": np.zeros((4, 3))}, ["a"] * 4, ["LY"] * 4)
    with pytest.raises(UsageError, match=r"features-core\.npy does not fit"):
        diagnose(folder, catalogue=catalogue, build=build)


def test_controls_are_read_from_the_records(make_run):
    truth = {name: ["LY"] * 12 + ["MO"] * 12 for name in ("a", "b")}
    folder = make_run(truth, ("half", "prior"), lambda model, protocol, train, test, true, seed: ["LY"] * len(true))
    dataset, label = np.repeat(list(truth), 24), np.concatenate(list(truth.values()))
    other = write_run(folder.parent / "rows", {"embedding:net": np.eye(48)}, dataset, label)
    (other / "rows").rename(folder / "rows")
    (other / "samples.parquet").rename(folder / "samples.parquet")
    table = examine(folder)[0]["controls"]
    assert list(table["model"].unique()) == ["prior"]
    assert table["balanced_accuracy"].tolist() == [0.5, 0.5]
    assert table["chance"].tolist() == [0.5, 0.5]


def test_constant_columns_that_differ_are_infinitely_far(tmp_path):
    label = np.tile(np.repeat(["LY", "MO"], 10), 2)
    values = np.zeros((40, 3))
    values[20:, 0] = 1
    folder = write_run(tmp_path / "run", {"features:core": values}, np.repeat(["a", "b"], 20), label)
    table = shift(folder, columns_of)
    assert np.isinf(table["d"].iloc[0])
    assert (table["d"].iloc[1:] == 0).all()

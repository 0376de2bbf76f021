import dataclasses

import pandas as pd
import pytest

from leukobench.errors import UsageError
from leukobench.models import MODELS
from leukobench.running.estimate import summarise_plan
from leukobench.running.plan import build_plan, combinations, head_of
from leukobench.running.samples import select_samples
from leukobench.running.suite import get_budget, list_suites, load_suite
from leukobench.running.worker import describe


@pytest.mark.parametrize("name", list_suites())
def test_every_suite_of_the_package_loads(name):
    suite = load_suite(name)
    assert suite.name == name
    assert all(MODELS[model].name == model for model in suite.models)
    assert 1 <= len(suite.seeds) <= suite.budget.seeds


@pytest.mark.parametrize("name", ["cross-dataset", "merged-leukopy"])
def test_a_suite_may_ask_for_all_models_and_the_seeds_its_budget_buys(name):
    suite = load_suite(name, budget="standard")
    assert suite.models == tuple(MODELS)
    assert len(suite.seeds) == get_budget("standard").seeds


@pytest.mark.parametrize("name", list_suites())
def test_a_bare_run_is_quick(name):
    assert load_suite(name).budget.name == "quick"


def test_narrowing_replaces_what_the_suite_says():
    suite = load_suite("cross-dataset", models=["prior"], seeds=[7], protocols=["within"], budget="quick", level="L8")
    assert (suite.models, suite.seeds, suite.protocols, suite.level) == (("prior",), (7,), ("within",), "L8")
    assert suite.budget.name == "quick"


@pytest.mark.parametrize(
    ("narrow", "word"),
    [
        ({"models": ["extra_tree"]}, "did you mean 'extra_trees'"),
        ({"protocols": ["pairwize"]}, "did you mean 'pairwise'"),
        ({"level": "L6"}, "unknown level"),
        ({"budget": "huge"}, "unknown budget"),
    ],
)
def test_unknown_names_are_named_with_the_nearest(narrow, word):
    with pytest.raises(UsageError, match=word):
        load_suite("cross-dataset", **narrow)


def test_unknown_suite_and_key(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'cross-dataset'"):
        load_suite("cross-datasets")
    text = list_suites()["cross-dataset"].read_text()
    path = tmp_path / "mine.toml"
    path.write_text("colour = 1\n" + text)
    with pytest.raises(UsageError, match=r"unknown key in mine\.toml 'colour'"):
        load_suite(str(path))
    path.write_text(text.replace('level = "L5"\n', ""))
    with pytest.raises(UsageError, match="lacks level"):
        load_suite(str(path))
    path.write_text("name = ")
    with pytest.raises(UsageError, match="not a TOML file"):
        load_suite(str(path))


def test_plan_holds_every_combination_once(suite, cells):
    n = len(suite.datasets)
    per_model = n + n + n + 1  # within, pairwise, leave one dataset out, merged
    assert len(cells) == len(suite.models) * per_model
    assert len({cell.fingerprint for cell in cells}) == len(cells)
    sources = {(protocol, train): (sources, targets) for protocol, train, sources, targets in combinations(suite)}
    assert sources["lodo", "all-left"] == (("middle", "right"), ("left",))
    assert sources["pairwise", "left"] == (("left",), ("middle", "right"))


def test_rare_class_is_left_out_of_the_head(suite, samples):
    head, left_out = head_of(samples, ["left"], suite)
    assert head == ["LY", "MO", "NE"]
    assert left_out == {"BA": 3}


def test_source_and_target_must_share_two_classes(suite, samples):
    only = samples[(samples["dataset"] != "right") | (samples["class"] == "BA") | (samples["class"] == "NE")]
    with pytest.raises(UsageError, match=r"left and right share 1 class|^right has 1 class"):
        build_plan(suite, only)


def test_one_dataset_is_enough_for_within_only(suite, samples):
    alone = dataclasses.replace(suite, datasets=("left",))
    with pytest.raises(UsageError, match="needs 2 datasets or more"):
        build_plan(alone, samples)
    assert len(build_plan(dataclasses.replace(alone, protocols=("within",)), samples)) == len(suite.models)


def test_fingerprint_follows_data_budget_and_model(suite, samples, cells):
    changed = samples.copy()
    changed.loc[changed["dataset"] == "right", "class"] = changed.loc[changed["dataset"] == "right", "class"].replace(
        "MO", "EO"
    )
    before = {cell.identity: cell.fingerprint for cell in cells}
    after = {cell.identity: cell.fingerprint for cell in build_plan(suite, changed)}
    assert before["within", "left", "prior", 0] == after["within", "left", "prior", 0]
    assert before["pairwise", "left", "prior", 0] != after["pairwise", "left", "prior", 0]


def test_contamination_is_written_down_and_changes_no_fingerprint(cells):
    cell = cells[0]
    before = cell.fingerprint
    assert cell.as_dict()["contamination"] == describe(cell)["contamination"] == []
    seen = dataclasses.replace(cell.recipe, contamination=("right", "elsewhere"))
    cell = dataclasses.replace(cell, recipe=seen)
    assert cell.as_dict()["contamination"] == describe(cell)["contamination"] == ["right", "elsewhere"]
    assert cell.as_dict()["fingerprint"] == before


def test_summary_counts_fits(suite, samples, cells):
    table = summarise_plan(cells, samples)
    tuned, plain = 2 * 3 + 1, 1  # logistic regression: two trials of three folds and the fit; prior: the fit
    assert table.loc["pairwise", "fits"] == 3 * (tuned + plain)
    assert table.loc["within", "fits"] == 3 * 3 * (tuned + plain)
    assert table.loc["pairwise", "scored cells"] == 2 * 3 * 2


def test_what_is_named_twice_takes_part_once_and_is_told(caplog):
    suite = load_suite("cross-dataset", models=["lda", "prior", "lda"], protocols=["within"] * 3)
    assert (suite.models, suite.protocols) == (("lda", "prior"), ("within",))
    assert "model lda is named 2 times" in caplog.text
    assert "protocol within is named 3 times" in caplog.text


def test_two_pictures_of_one_cell_are_not_two_laboratories():
    suite = load_suite("cross-dataset", datasets=["barcelona", "bloodmnist"])
    with pytest.raises(UsageError, match="bloodmnist shows the cells of barcelona"):
        select_samples(None, suite)


@pytest.mark.parametrize("name", list_suites())
def test_suites_of_the_package_are_read_without_a_warning(name, caplog):
    load_suite(name)
    assert not caplog.messages


def test_an_attribute_of_the_cells_may_be_the_target():
    suite = load_suite("cross-dataset", datasets=["barcelona"], protocols=["within"], level="nucleus_shape")
    facts = {"dataset": "barcelona", "path": "a", "sha256": "x", "status": "ok", "reason": "", "code": "BNE"}
    index = pd.DataFrame([facts | {"group": None, "um_per_px": 0.1, "same_cell": n} for n in "ab"])
    with pytest.raises(UsageError, match="no usable image of barcelona at level nucleus_shape"):
        select_samples(index, suite)
    samples = select_samples(index.assign(nucleus_shape=["unsegmented-band", None]), suite)
    assert samples["class"].tolist() == ["unsegmented-band"]
    with pytest.raises(UsageError, match="unknown level 'nucleus_size'"):
        load_suite("cross-dataset", level="nucleus_size")

"""What is there takes part and is said; what is not, or cannot be run, is named."""

import dataclasses
import zlib

import cv2
import numpy as np
import pytest

from leukobench.errors import UsageError
from leukobench.running import prepare as module
from leukobench.running.prepare import prepare
from leukobench.running.suite import ALL, load_suite

MISSING = "torch not installed: pip install 'leukobench[deep]'"


@pytest.fixture
def root(tmp_path):
    """Two wards of two classes, one of one class, one of one image a class, one without labels; an empty release."""
    for name in ("a/NE", "a/LY", "b/NE", "b/LY", "b/MO", "one/NE", "none/-"):
        for number in "12":
            path = tmp_path / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(zlib.crc32(f"{name}{number}".encode()))
            cv2.imwrite(str(path), noise.integers(0, 256, (9, 9, 3), np.uint8))
    for name in ("NE", "LY"):
        (tmp_path / "few" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "few" / name / "1.png"), np.full((9, 9, 3), 7 * len(name) + ord(name[0]), np.uint8))
    (tmp_path / "none/dataset.toml").write_text('[labels]\n"-" = "-"\n')
    (tmp_path / "munich").mkdir()
    return tmp_path


def suite(**narrow):
    chosen = load_suite("cross-dataset", **{"models": ["prior"], "protocols": ["pairwise"], **narrow})
    return dataclasses.replace(chosen, min_source_images=2)


def test_every_dataset_that_is_there_takes_part_and_is_named(root):
    found = prepare(suite(), root)
    assert found.suite.datasets == ("a", "b", "few")
    assert {*found.samples["dataset"], *found.index["dataset"]} == {"a", "b", "few"}
    notes = "\n".join(found.notes)
    assert "datasets that are there: a (own), b (own), few (own), none (own), one (own)" in notes
    assert "not there: barcelona, cvb, raabin, munich" in notes
    assert "one is left out: fewer than two classes at L5 with 2 images; `leukobench predict`" in notes
    assert "few is a target only: fewer than two classes at L5 with 2 images" in notes
    assert "unfit of none: 2 of 2 files (2 unlabelled)" in notes
    assert "none is left out: no usable image of none at level L5: 2 of 2 are unfit" in notes


def test_what_cannot_train_is_scored_by_all_that_can(root):
    every = prepare(suite(protocols=["within", "pairwise", "lodo", "merged"]), root)
    found = {(cell.protocol, cell.train): (cell.sources, cell.targets) for cell in every.cells}
    assert found == {
        ("within", "a"): (("a",), ("a",)),
        ("within", "b"): (("b",), ("b",)),
        ("pairwise", "a"): (("a",), ("b", "few")),
        ("pairwise", "b"): (("b",), ("a", "few")),
        ("lodo", "all-a"): (("b",), ("a",)),
        ("lodo", "all-b"): (("a",), ("b",)),
        ("lodo", "all-few"): (("a", "b"), ("few",)),
        ("merged", "merged"): (("a", "b"), ("a", "b")),
    }
    assert prepare(suite(datasets=["a", "few"]), root).notes[-1].startswith("few is a target only")
    with pytest.raises(UsageError, match="no dataset of few, one has two classes at L5 with at least 2 images"):
        prepare(suite(datasets=["few", "one"]), root)


def test_what_is_asked_for_by_name_must_be_there(root):
    assert prepare(suite(datasets=["a", "b"]), root).notes == []
    with pytest.raises(UsageError, match="no images of munich"):
        prepare(suite(datasets=["a", "munich"]), root)
    with pytest.raises(UsageError, match="a and one share 1 class"):
        prepare(suite(datasets=["a", "one"]), root)


def test_nothing_that_trains_is_said_with_every_reason(root):
    with pytest.raises(UsageError, match=r"a is left out: fewer than two .*; one is left out"):
        prepare(dataclasses.replace(suite(), min_source_images=3), root)


def test_of_two_that_show_the_same_cells_one_takes_part(root, monkeypatch):
    source = module.get_dataset("b", root)
    source = dataclasses.replace(source, card=dataclasses.replace(source.card, cells_of="a"))
    get_dataset = module.get_dataset
    monkeypatch.setattr(module, "get_dataset", lambda name, root: source if name == "b" else get_dataset(name, root))
    found = prepare(dataclasses.replace(suite(), protocols=("within",)), root)
    assert found.suite.datasets == ("a", "few")
    assert "b is left out: it shows the cells of a" in found.notes


def test_models_that_lack_a_library_are_left_out_and_named(root, monkeypatch):
    monkeypatch.setattr(module, "describe", lambda recipe: {"missing": MISSING if "+" in recipe.name else ""})
    chosen = suite(datasets=["a", "b"])
    both = dataclasses.replace(chosen, models=("prior", "mobilenet_v2+knn", "mobilenet_v2+svm_linear"))
    found = prepare(both, root)
    assert found.suite.models == ("prior",) == tuple({cell.model for cell in found.cells})
    assert found.notes == [f"models left out, {MISSING}: mobilenet_v2+knn, mobilenet_v2+svm_linear"]
    with pytest.raises(UsageError, match="no model of cross-dataset can run here: torch not installed"):
        prepare(dataclasses.replace(both, models=both.models[1:]), root)


def test_all_stands_for_every_dataset_and_is_no_name_of_one(root):
    assert load_suite("cross-dataset").datasets == ALL == load_suite("cross-dataset", datasets=["all"]).datasets

"""What Python users call: one import, a run, its tables, a dataset."""

import os
import subprocess
import sys

import numpy as np
import pytest

import leukobench as lb
from leukobench.datasets.phantom import write_phantom
from leukobench.errors import UsageError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("data") / "phantom", per_class=10, domains=["barcelona", "cvb"])


@pytest.fixture(scope="module")
def results(root, tmp_path_factory):
    place = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEUKOBENCH_CACHE", str(place / "cache"))
        narrow = {"models": ["prior", "lda"], "protocols": ["within", "pairwise"], "budget": "tiny"}
        return lb.run("cross-dataset", root, place / "run", jobs=1, **narrow)


def test_nothing_is_imported_before_it_is_asked_for():
    code = "import sys, leukobench as lb; assert 'run' in dir(lb); print('pandas' in sys.modules, lb.segment.__name__)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout
    assert told == "False segment\n"
    with pytest.raises(AttributeError, match="no attribute 'ran'"):
        lb.ran


def test_nobody_is_told_of_the_images_that_a_machine_looks_at(tmp_path):
    code = "import leukobench, numpy as np; leukobench.segment([np.zeros((9, 9, 3), np.uint8)])"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"XDG_CACHE_HOME": str(tmp_path)}  # where ONNX Runtime lays down what it sends
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)
    assert not list(tmp_path.rglob("*onnxruntime*"))


def test_a_run_gives_tidy_tables(results):
    assert set(results.leaderboard["model"]) == {"prior", "lda"}
    assert len(results.cells) == 2 * (2 + 2)
    assert results.matrix.shape == (4, 2)
    cells = results.cells.set_index(["model", "train", "test"])["balanced_accuracy"]
    assert results.matrix.loc[("lda", "cvb"), "barcelona"] == cells["lda", "cvb", "barcelona"]


def test_predictions_give_the_score_of_the_table(results):
    told = results.predictions(model="lda", protocol="pairwise", train="cvb")
    assert set(told["test"]) == {"barcelona"}
    np.testing.assert_allclose(told.filter(like="p_").sum(axis=1), 1, atol=1e-5)
    accuracy = results.cells.set_index(["protocol", "model", "train"]).loc[("pairwise", "lda", "cvb"), "accuracy"]
    assert (told["true"] == told["predicted"]).mean() == pytest.approx(accuracy, abs=1e-6)
    assert len(results.predictions()) == 2 * (100 + 100)
    with pytest.raises(UsageError, match="not told by test; by protocol, train"):
        results.predictions(test="cvb")


def test_a_folder_without_tables_is_named(tmp_path):
    with pytest.raises(UsageError, match="no tables in"):
        lb.load_results(tmp_path)


def test_a_dataset_unpacks_into_images_and_labels(root):
    images, labels, um_per_px, groups, frame = lb.load_dataset("cvb", root)
    assert len(images) == len(labels) == len(um_per_px) == len(groups) == len(frame) == 50
    assert images.iloc[0].dtype == np.uint8
    table = lb.extract_features(images[:2], lb.segment(images[:2]), um_per_px=um_per_px[:2])
    assert len(table) == 2
    with pytest.raises(UsageError, match="unknown level 'L6'"):
        lb.load_dataset("cvb", root, level="L6")

"""A laboratory's own images: what is said of every file, and that the model is the one that the benchmark scores."""

import dataclasses
import importlib
import shutil
import sys

import cv2
import numpy as np
import optuna
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leukobench.datasets import build_index
from leukobench.errors import UsageError
from leukobench.features import feature_names
from leukobench.inference.explain import explain_images
from leukobench.inference.model_file import check_keepable, load_model, save_model
from leukobench.inference.predict import notes, predict_images
from leukobench.inference.reading import read_images
from leukobench.inference.trained import represent, train_model
from leukobench.models import get_model
from leukobench.models.network.classifier import NetworkClassifier
from leukobench.preparation import shared_views
from leukobench.running.cell import run_cell
from leukobench.running.plan import build_plan, head_of
from leukobench.running.samples import select_samples
from leukobench.running.suite import load_suite
from leukobench.running.tuning import Fitted


def test_the_model_is_the_one_that_the_benchmark_scores(root, progress):
    suite = load_suite("cross-dataset", datasets=["barcelona", "cvb"], models=["lda"], protocols=["pairwise"])
    samples = select_samples(build_index(root), suite)
    cell = next(cell for cell in build_plan(suite, samples) if cell.train == "barcelona")
    cell = dataclasses.replace(cell, inputs=cell.inputs | {"trials": 2})
    (rows,) = represent(["features:core"], samples, root, progress=progress)
    head, left_out = head_of(samples, cell.sources, suite)
    storage = optuna.storages.InMemoryStorage()
    record, scored = run_cell(cell, samples, rows, head, left_out, lambda number: storage)

    trained = train_model("lda", ["barcelona"], root, trials=2, progress=progress)
    images, _ = read_images([root / "cvb"])
    table = predict_images(trained, images, root / "cvb", progress=progress)
    assert trained.params == record["params"][0]
    columns = [f"p_{name}" for name in head]
    both = scored.merge(table.assign(sha256=images["sha256"]), on="sha256", suffixes=("_scored", ""))
    assert len(both) == len(scored) == 50
    as_scored = trained.trust.calibrate(both[[f"{name}_scored" for name in columns]].to_numpy())
    np.testing.assert_allclose(both[columns], as_scored, atol=1e-9)


def test_every_file_has_its_row(lda, folder, progress):
    images, _ = read_images([folder])
    table = predict_images(lda, images, folder, progress=progress)
    assert table["file"].tolist() == sorted(table["file"])
    assert len(table) == 8
    assert table.columns.tolist() == [
        *("file", "class", "why", "likeliest", "probability", "entropy"),
        *(f"p_{name}" for name in ("BA", "EO", "LY", "MO", "NE")),
        *("quality", "brightness", "distance", "sharpness", "diameter_um", "scale"),
        *("synthetic", "error"),
    ]
    wrong = table[table["error"] != ""].set_index("file")
    assert wrong["error"].str.partition(":")[0].to_dict() == {"[red].png": "not_an_image", "broken.jpg": "truncated"}
    assert wrong["p_LY"].isna().all()
    assert (wrong["class"] == "").all()
    good = table[table["error"] == ""]
    probabilities = good.filter(like="p_").to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (good["likeliest"] == np.array(lda.head)[probabilities.argmax(axis=1)]).all()
    assert (good["class"] == good["likeliest"].where(good["why"] == "", "unsure")).all()
    np.testing.assert_array_equal(good["probability"], probabilities.max(axis=1))
    assert good["entropy"].between(0, np.log(5)).all()
    assert sum("ward 7/" in file for file in good["file"]) == 3


def test_a_file_that_changes_after_the_look_is_an_error_of_that_file(lda, folder, progress):
    images, _ = read_images([folder])
    changed = images.loc[images["error"] == "", "path"].iloc[1]
    other = images.loc[images["error"] == "", "path"].iloc[0]
    cv2.imwrite(str(folder / changed), 255 - cv2.imread(str(folder / other)))
    cache = folder.parent / "cache"
    table = predict_images(lda, images, folder, cache=cache / "1", progress=progress).set_index("file")
    assert table["error"][changed] == "changed: the file is no longer the one that was indexed"
    assert table["class"][changed] == ""
    assert (table["error"] == "").sum() == 5
    assert (table["class"] != "").sum() == 5
    for path in images.loc[images["error"] == "", "path"]:
        (folder / path).write_bytes((folder / path).read_bytes() + b"x")
    with pytest.raises(UsageError, match=r"none of the images in .* is left as it was indexed"):
        predict_images(lda, images, folder, cache=cache / "2", progress=progress)


def test_strange_images_are_predicted_and_twins_get_the_same(lda, folder, progress):
    for name, image in {
        "white": np.full((90, 90, 3), 255),
        "dot": np.zeros((1, 1, 3)),
        "thin": np.zeros((3, 200, 3)),
    }.items():
        cv2.imwrite(str(folder / f"{name}.png"), image.astype(np.uint8))
    twin = next(folder.glob("cell*"))
    shutil.copy(twin, folder / f"twin{twin.suffix}")
    images, _ = read_images([folder], um_per_px=0.1)
    assert (images["um_per_px"] == 0.1).all()
    table = predict_images(lda, images, folder, progress=progress).set_index("file")
    assert np.isfinite(table.loc[["white.png", "dot.png", "thin.png"], "entropy"]).all()
    columns = [name for name in table if name.startswith("p_")]
    np.testing.assert_array_equal(
        table.loc[twin.name, columns].tolist(), table.loc[f"twin{twin.suffix}", columns].tolist()
    )


@pytest.mark.parametrize(
    ("make", "um_per_px", "words"),
    [
        (lambda path: None, None, "no file or folder"),
        (lambda path: path.mkdir(), None, "no images in"),
        (lambda path: path.mkdir() or (path / "a.png").touch(), None, "none of the 1 files .* a.png: truncated"),
        (lambda path: path.mkdir(), 0.0, "no pixel size"),
        (lambda path: path.mkdir(), float("nan"), "no pixel size"),
    ],
)
def test_a_folder_that_cannot_be_predicted_says_why(tmp_path, make, um_per_px, words):
    make(tmp_path / "cells")
    with pytest.raises(UsageError, match=words):
        read_images([tmp_path / "cells"], um_per_px)


def test_no_copies_are_made_of_what_is_predicted(lda, folder, monkeypatch, progress):
    copies, look = [], shared_views.apply_view
    monkeypatch.setattr(
        shared_views, "apply_view", lambda images, view, *more: copies.append(view.copies) or look(images, view, *more)
    )
    trained = dataclasses.replace(lda, model="lda@augmented")
    table = predict_images(trained, read_images([folder])[0], folder, progress=progress)
    assert (table["error"] == "").sum() == 6
    assert copies == [0]


def test_notes_say_what_must_be_known(lda, root, folder):
    own, _ = read_images([root / "barcelona"], um_per_px=0.1)
    scales = pd.DataFrame({"scale": ["given", "estimated"]})
    text = "\n".join(notes(lda, own, scales))
    assert "50 of the files were trained on" in text
    assert "SYNTHETIC: lda was trained on rendered cells" in text
    assert "SYNTHETIC: the images are rendered cells" in text
    assert "pixel" not in text
    assert "may be sure that a cell of another kind is one of them (atypical lymphocyte, immature granulocyte" in text
    other, _ = read_images([folder])
    text = "\n".join(notes(dataclasses.replace(lda, synthetic=False, left_out={"BA": 3}), other, scales))
    assert "too few images of it: BA (3)" in text
    assert "--um-per-px" in text
    assert "SYNTHETIC" not in text
    assert "trained on:" not in text
    transductive = dataclasses.replace(lda, model="lda@canonical+coral")
    assert "looks at all 6 images together" in "\n".join(notes(transductive, other, scales))


def test_a_transductive_model_refuses_a_folder_of_a_few_images(lda, folder, progress):
    rng = np.random.default_rng(0)
    estimator = get_model("lda+coral").build({"shrinkage": 0.05}, 0)
    estimator.fit(rng.normal(size=(50, len(feature_names("core")))), np.arange(50) % 5)
    fitted = Fitted.restore(estimator, lda.head)
    trained = dataclasses.replace(lda, model="lda+coral", fitted=fitted)
    with pytest.raises(UsageError, match=r"6 image\(s\) of a laboratory are too few for a transductive model"):
        predict_images(trained, read_images([folder])[0], folder, progress=progress)


def test_too_few_classes_are_refused(root, tmp_path, progress):
    few = tmp_path / "root"
    shutil.copytree(root / "barcelona", few / "barcelona")
    for path in list((few / "barcelona").rglob("*"))[::-1]:
        if path.is_dir() and path.name in ("neutrophil", "lymphocyte", "monocyte", "eosinophil"):
            shutil.rmtree(path)
    with pytest.raises(UsageError, match=r"barcelona has 1 class\(es\) with 10 images at L5; two are needed"):
        train_model("lda", ["barcelona"], few, progress=progress)


@pytest.mark.parametrize("trials", [0, 1])
def test_a_number_that_a_model_cannot_have_is_a_sentence(root, progress, trials):
    with pytest.raises(UsageError, match=r"svm_rbf\[C=-1\] cannot be trained: .*The 'C' parameter.*Got -1"):
        train_model("svm_rbf[C=-1]", ["barcelona"], root, trials=trials, progress=progress)


def test_a_saved_model_predicts_the_same(lda, folder, tmp_path, progress):
    save_model(lda, tmp_path / "lda.zip")
    images, _ = read_images([folder])
    again = load_model(tmp_path / "lda.zip")
    assert dataclasses.replace(again, fitted=None) == dataclasses.replace(lda, fitted=None)
    once, twice = (predict_images(trained, images, folder, progress=progress) for trained in (lda, again))
    pd.testing.assert_frame_equal(once, twice)


def test_a_model_that_cannot_read_the_images_says_so(lda, folder, progress):
    X, y = np.arange(50.0).reshape(10, 5), np.arange(10) % 5
    narrow = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    narrow = dataclasses.replace(lda, fitted=Fitted.restore(narrow, lda.head))
    with pytest.raises(
        UsageError, match=r"lda cannot predict these images: X has \d+ features, but \w+ is expecting 5"
    ):
        predict_images(narrow, read_images([folder])[0], folder, progress=progress)


def test_a_model_of_another_version_is_refused_unread(lda, tmp_path, monkeypatch):
    path = tmp_path / "lda.zip"
    save_model(lda, path)
    monkeypatch.setattr("skops.io.load", lambda *a, **k: pytest.fail("the estimator was read"))
    monkeypatch.setattr("leukobench.segmentation.segmenter.VERSION", "another")
    with pytest.raises(UsageError, match=r"other versions: features:core \w+, here \w+; .*train it again"):
        load_model(path)


def test_a_model_that_is_not_known_here_wants_its_own_file(lda, tmp_path, monkeypatch):
    save_model(lda, tmp_path / "kept.zip")
    monkeypatch.setattr("leukobench.inference.model_file.get_model", lambda name: get_model(f"my_{name}"))
    with pytest.raises(UsageError, match=r"unknown model 'my_lda'; where it is a model of your own, .* --model-file"):
        load_model(tmp_path / "kept.zip")


def test_a_file_that_is_no_model_is_refused(lda, tmp_path):
    save_model(lda, tmp_path / "lda.zip")
    whole = (tmp_path / "lda.zip").read_bytes()
    middle = len(whole) // 2
    damaged = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    for content in (b"", b"no zip", whole[:middle], damaged):
        (tmp_path / "other.zip").write_bytes(content)
        with pytest.raises(UsageError, match="no model that --save has written, or a damaged one"):
            load_model(tmp_path / "other.zip")
    with pytest.raises(UsageError, match=r"cannot read .*nowhere"):
        load_model(tmp_path / "nowhere.zip")
    with pytest.raises(UsageError, match="cannot write"):
        save_model(lda, tmp_path / "lda.zip" / "below.zip")


def test_a_model_of_numbers_without_names_is_not_explained(lda, tmp_path, progress):
    trained = dataclasses.replace(lda, model="mobilenet_v2+knn")
    with pytest.raises(UsageError, match="a model of features, or one of lenet, finetune:mobilenet_v2"):
        explain_images(trained, None, None, tmp_path, progress=progress)


def test_a_network_that_nothing_here_exports_is_refused_before_it_is_trained(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    for model in ("lenet", "lenet+ensemble", 'ensemble:"lda,lenet"'):
        with pytest.raises(UsageError, match="'onnxscript' does not import"):
            check_keepable(model)
    for model in ("lda", "lenet+adabn"):  # of the second weights are kept, and no graph
        check_keepable(model)


def test_a_network_that_cannot_be_kept_is_refused_before_it_is_trained(monkeypatch):
    torch = pytest.importorskip("torch", reason="needs the extra `deep`")

    class Sorting(torch.nn.Module):
        def forward(self, images):
            return images.mean((2, 3)).sort(dim=1).values

    network = importlib.import_module("leukobench.models.network.architecture").Network
    monkeypatch.setattr(NetworkClassifier, "_build", lambda self, k, size: network(Sorting(), 3, k, [0.0], [1.0]))
    with pytest.raises(UsageError, match=r"lenet cannot be kept in a file.*a network that asks for"):
        check_keepable("lenet")

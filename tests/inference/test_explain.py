"""Which features weigh in an answer."""

import dataclasses
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from leukobench.devices import training_precision
from leukobench.errors import UsageError
from leukobench.features import feature_names
from leukobench.imaging.io import read_image
from leukobench.inference.explain import explain_images, weigh
from leukobench.inference.model_file import save_model
from leukobench.inference.predict import predict_images
from leukobench.inference.reading import read_images
from leukobench.inference.trained import train_model
from leukobench.running.tuning import Fitted
from tests.test_without_deep import BLOCKED


def test_weights_of_a_linear_model_are_its_contributions(lda):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 6)) + 1
    linear = LogisticRegression().fit(X, (X[:, 0] - X[:, 3] + rng.normal(size=80) > 0).astype(int))
    trust = lda.trust.model_copy(update={"typical": (tuple(X.mean(axis=0)), tuple(X.std(axis=0)))})
    trained = dataclasses.replace(lda, head=("LY", "MO"), fitted=Fitted.restore(linear, ("LY", "MO")), trust=trust)
    exact = linear.coef_[0] * (X[0] - X.mean(axis=0))
    np.testing.assert_allclose(weigh(trained, X[0], "MO"), exact, atol=1e-9)
    np.testing.assert_allclose(weigh(trained, X[0], "LY"), -exact, atol=1e-9)


def test_every_cell_says_what_weighs_most(lda, folder, tmp_path, progress):
    images, _ = read_images([folder])
    table = predict_images(lda, images, folder, progress=progress)
    found = explain_images(lda, images, table, tmp_path / "why", progress=progress)
    assert sorted(found) == table.loc[table["error"] == "", "file"].tolist()
    for each in found.values():
        names, _, weights = zip(*each, strict=True)
        assert set(names) <= set(feature_names("core"))
        assert np.abs(weights).tolist() == sorted(np.abs(weights), reverse=True)
    written = pd.read_csv(tmp_path / "why" / "features.csv")
    assert written.groupby("file").size().to_dict() == dict.fromkeys(found, 8)


def test_a_file_that_knows_other_features_is_refused(lda, folder, tmp_path, progress):
    images, _ = read_images([folder])
    table = predict_images(lda, images, folder, progress=progress)
    trained = dataclasses.replace(lda, trust=lda.trust.model_copy(update={"typical": ((), ())}))
    with pytest.raises(UsageError, match="what is usual of 0 features is known"):
        explain_images(trained, images, table, tmp_path / "why", progress=progress)


@pytest.fixture(scope="module")
def together(root, progress):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leukobench.models.network.draws.LEAST_DRAWS", 64)
        return train_model('ensemble:"lda,lenet"', ["barcelona"], root, epochs=1, progress=progress)


def test_a_trained_network_says_in_which_precision(together):
    assert together.params["precision"] == training_precision()
    assert together.fitted.estimator.estimators[1].precision == training_precision()


def test_models_that_answer_together_say_where_one_looks_and_what_weighs_for_the_other(
    together, folder, tmp_path, progress
):
    images, _ = read_images([folder])
    table = predict_images(together, images, folder, progress=progress)
    out = tmp_path / "why"
    found = explain_images(together, images, table, out, progress=progress)
    read = table.loc[table["error"] == "", "file"].tolist()
    assert sorted(found) == read
    drawn = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert drawn == sorted([*(f"{file}.png" for file in read), "features.csv"])
    for name in read:
        picture = read_image(out / f"{name}.png")
        assert picture.shape == (248, 492, 3)
        assert np.ptp(picture[:224, :224].astype(int)) > 50  # the cell
        assert (picture[224:] < 128).any()  # the caption


def test_a_kept_network_predicts_the_same_where_there_is_no_torch(together, folder, tmp_path, progress):
    images, _ = read_images([folder])
    table = predict_images(together, images, folder, progress=progress)
    save_model(together, tmp_path / "together.zip")
    command = ["predict", folder, "--load", tmp_path / "together.zip", "--no-page", "--out", tmp_path / "there.csv"]
    code = f"{BLOCKED}\nfrom leukobench.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, command)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    there = pd.read_csv(tmp_path / "there.csv", keep_default_na=False, na_values=[""])
    columns = [f"p_{name}" for name in together.head]
    np.testing.assert_allclose(there[columns], table[columns], atol=1e-4)
    assert there["class"].fillna("").tolist() == table["class"].tolist()

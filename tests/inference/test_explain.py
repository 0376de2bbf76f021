"""Which features weigh in an answer."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from leukobench.errors import UsageError
from leukobench.features import feature_names
from leukobench.inference.explain import explain_images, weigh
from leukobench.inference.predict import predict_images
from leukobench.inference.reading import read_images
from leukobench.running.tuning import Fitted


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

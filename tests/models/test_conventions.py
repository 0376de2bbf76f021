"""Every estimator of the package is held to scikit-learn's checks, or there is a reason why it cannot be."""

import inspect
from importlib import import_module
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from leukobench.models import embedding
from leukobench.models.boosting import BoostedTrees
from leukobench.models.estimators import Balanced
from leukobench.models.network.classifier import NetworkClassifier
from leukobench.models.network.ensemble import NetworkEnsemble
from tests.faults.test_validation import WRAPPERS
from tests.models.test_estimators import ESTIMATORS

BOOSTED = Balanced(BoostedTrees(n_estimators=3, n_jobs=1))
CHECKED = {type(each).__name__ for each in (*ESTIMATORS, *WRAPPERS)}
BASES = ("Mixin", "Classifier", "ImageTransformer", "Wrapper", "Probable")  # words of files that may have an estimator
REASONS = {
    "BoostedTrees": "takes labels 0..k-1 alone and sets its objective in fit; it stands in Balanced, which is checked",
    "CNNEmbedding": "reads a list of images of any sizes, no table",
    "HandcraftedFeatures": "reads a list of images of any sizes, no table",
    "Ensemble": "reads one table for each of its members",
    "Net": "skorch's, made inside NetworkClassifier alone",
    "NetworkClassifier": "reads rows of side * side * 3 bytes, and the checks' tables are none",
    "NetworkEnsemble": "reads what its network reads",
    "ImageTransformer": "what transformers of images share",
    "Probable": "what classifiers share",
    "Wrapper": "what classifiers share that wrap another one",
    "ToldWrapper": "what wrappers share that are told the laboratories",
}


@parametrize_with_checks([BOOSTED])
def test_scikit_learn_conventions_of_boosting(estimator, check):
    check(estimator)


def test_every_estimator_is_checked_or_has_its_reason(pytestconfig):
    root, found = pytestconfig.rootpath, set()
    for path in (root / "leukobench").rglob("*.py"):
        if any(word in path.read_text("utf-8") for word in BASES):
            module = import_module(".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"))
            classes = inspect.getmembers(module, inspect.isclass)
            mine = [each for _, each in classes if each.__module__ == module.__name__]
            found |= {each.__name__ for each in mine if issubclass(each, BaseEstimator)}
    assert found == CHECKED | REASONS.keys()
    assert not CHECKED & REASONS.keys()


@pytest.mark.parametrize("model", [NetworkClassifier("lenet"), NetworkEnsemble(NetworkClassifier("lenet"))])
def test_a_network_that_is_not_fitted_says_so(model):
    with pytest.raises(NotFittedError):
        model.predict(np.zeros((2, 192), np.uint8))


def test_vectors_keep_the_index_of_their_images():
    images = pd.Series([np.zeros((9, 9, 3), np.uint8)] * 2, index=["a", "b"])
    made = embedding.CNNEmbedding().set_output(transform="pandas")
    network = mock.Mock(side_effect=lambda seen: np.ones((len(seen), 1280), np.float32))
    with mock.patch.object(embedding, "embedder", return_value=network):
        assert made.fit_transform(images).index.tolist() == ["a", "b"]
        assert list(made.transform(images).columns) == list(made.get_feature_names_out())

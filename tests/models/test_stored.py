"""What fitted models are made of, and that the list of what may be read from a file is exactly that."""

import io
import json
import zipfile

import numpy as np
import pytest

from leukobench.models import get_model
from leukobench.models.ensemble import Ensemble
from leukobench.models.estimators import BalancedLDA
from leukobench.models.network.classifier import NetworkClassifier
from leukobench.models.network.ensemble import NetworkEnsemble
from leukobench.models.options import OPTIONS
from leukobench.models.stored import dump_estimator, load_estimator
from leukobench.models.stored.schema import KINDS
from leukobench.models.tables import Tables

NAMES = ("prior", "shuffled_labels", "knn", "svm_rbf", "random_forest", "hist_gradient_boosting", "xgboost")
NAMES += ("fused:mobilenet_v2", "mobilenet_v2+svm_linear", "mobilenet_v2+logistic_regression")


def kinds_in(node):
    """Kind, module and class of every node in a schema."""
    if isinstance(node, list):
        return {found for each in node for found in kinds_in(each)}
    if not isinstance(node, dict):
        return set()
    here = {(node["__loader__"], node["__module__"], node["__class__"])} if "__loader__" in node else set()
    return here | {found for each in node.values() for found in kinds_in(each)}


def schema_of(estimator):
    with zipfile.ZipFile(io.BytesIO(dump_estimator(estimator))) as file:
        return json.loads(file.read("schema.json"))


def test_the_list_holds_what_models_are_made_of_and_nothing_else(monkeypatch):
    monkeypatch.setattr("leukobench.models.network.classifier.LEAST_DRAWS", 32)
    rng = np.random.default_rng(0)
    made_of = set()
    for counts in ((12, 12), (10, 8, 6)):
        y = np.repeat(np.arange(len(counts)), counts)
        X = rng.normal(size=(len(y), 6)) + y[:, None]
        models = [get_model(name).build(get_model(name).defaults, 0) for name in NAMES]
        models += [option.wrap(BalancedLDA(solver="lsqr", shrinkage=0.1)) for option in OPTIONS.values()]
        for model in models:
            made_of |= kinds_in(schema_of(model.fit(X, y)))
    X = np.repeat([[30], [220]], 20, 0) + np.zeros((1, 3 * 32 * 32))
    together = Ensemble([BalancedLDA(solver="lsqr", shrinkage=0.1)] * 2)
    made_of |= kinds_in(schema_of(together.fit(Tables([np.array([[0.0], [1.0]] * 4)] * 2), [0, 1] * 4)))
    network = NetworkEnsemble(NetworkClassifier("lenet", epochs=1, device="cpu"), members=1)
    made_of |= kinds_in(schema_of(network.fit(X, np.repeat([0, 1], 20))))
    assert made_of == {(kind, *name) for kind, names in KINDS.items() for name in names}


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_model_is_read_whatever_the_threads(monkeypatch, threads):
    X, y = [[0.0], [1.0], [5.0], [6.0]], [0, 0, 1, 1]
    recipe = get_model("xgboost")
    fitted = recipe.build(recipe.defaults, 0).fit(X, y)
    monkeypatch.setenv("LEUKOBENCH_MODEL_THREADS", threads)
    again = load_estimator(dump_estimator(fitted), recipe.build(recipe.defaults, 0))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))

"""What fitted models are made of, and that the list of what may be read from a file is exactly that."""

import contextlib
import io
import json
import zipfile

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, VotingClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from leukobench.models import get_model
from leukobench.models.ensemble import Ensemble
from leukobench.models.estimators import BalancedLDA, Perceptron
from leukobench.models.network.classifier import NetworkClassifier
from leukobench.models.network.ensemble import NetworkEnsemble
from leukobench.models.options import OPTIONS
from leukobench.models.stored import dump_estimator, load_estimator
from leukobench.models.stored.schema import KINDS
from leukobench.models.tables import Tables

NAMES = ("prior", "shuffled_labels", "knn", "svm_rbf", "random_forest", "hist_gradient_boosting", "mlp")
NAMES += ("xgboost", "fused:mobilenet_v2", "mobilenet_v2+svm_linear", "mobilenet_v2+logistic_regression")


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
    monkeypatch.setattr("leukobench.models.network.draws.LEAST_DRAWS", 32)
    rng = np.random.default_rng(0)
    made_of = set()
    for counts in ((12, 12), (10, 8, 6)):
        y = np.repeat(np.arange(len(counts)), counts)
        X = rng.normal(size=(len(y), 6)) + y[:, None]
        models = [get_model(name).build(get_model(name).defaults, 0) for name in NAMES]
        # A tree that stands in no forest is kept as it is.
        models += [DecisionTreeClassifier(random_state=0), ExtraTreeClassifier(random_state=0)]
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


def test_rows_that_a_model_keeps_may_have_gaps_and_no_infinity():
    X = np.random.default_rng(0).normal(size=(20, 2))
    X[3, 0] = np.nan
    like = get_model("lda+self_training").build({"shrinkage": 0.1}, 0)
    fitted = clone(like).fit(X, np.arange(20) % 2)
    again = load_estimator(dump_estimator(fitted), like)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    fitted.X_[3, 0] = np.inf
    with pytest.raises(ValueError, match="X_ of no numbers"):
        load_estimator(dump_estimator(fitted), like)


def forests():
    """Forests that answer otherwise for a threshold that is rounded up or a gap that goes the other way."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 90)
    X = rng.normal(size=(90, 4)) + y[:, None] / 2
    X[rng.random(X.shape) < 0.1] = np.nan
    kinds = {"extra": ExtraTreesClassifier, "bagged": RandomForestClassifier}
    given = {"min_samples_leaf": 3, "class_weight": "balanced", "random_state": 0}
    made = {name: kind(5, **given) for name, kind in kinds.items()}
    made["another order"] = RandomForestClassifier(5, max_leaf_nodes=6, random_state=0)
    made["stumps"] = ExtraTreesClassifier(3, max_depth=1, random_state=0)
    made["leaves alone"] = ExtraTreesClassifier(3, min_samples_leaf=60, random_state=0)
    return X, {name: (model, clone(model).fit(X, y)) for name, model in made.items()}


def test_a_forest_from_a_file_answers_the_same_to_the_last_bit():
    X, made = forests()
    for name, (like, fitted) in made.items():
        kept = dump_estimator(fitted)
        again = load_estimator(kept, like)
        thresholds = np.concatenate([tree.tree_.threshold for tree in fitted.estimators_])
        at = np.repeat(thresholds[np.isfinite(thresholds)].astype(np.float32)[:, None], 4, 1)
        asked = np.concatenate([X, at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf))])
        np.testing.assert_array_equal(again.predict_proba(asked), fitted.predict_proba(asked), err_msg=name)
        depths = [tree.get_depth() for tree in fitted.estimators_]
        assert [tree.get_depth() for tree in again.estimators_] == depths
        # the bytes between two nodes of scikit-learn are whatever was in memory: none of them is kept
        assert dump_estimator(again) == kept
        assert all(isinstance(each, BaseEstimator) for each in fitted.estimators_)


def test_a_forest_takes_a_sixth_of_the_bytes_and_those_kept_by_nodes_are_read(monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1000, 20)), rng.integers(0, 5, 1000)
    like = ExtraTreesClassifier(20, min_samples_leaf=3, random_state=0)
    fitted = clone(like).fit(X, y)
    small = dump_estimator(fitted)
    monkeypatch.setattr("leukobench.models.stored.packed_forests", contextlib.nullcontext)
    former = dump_estimator(fitted)
    assert len(small) < len(former) / 6
    for kept in (small, former):
        np.testing.assert_array_equal(load_estimator(kept, like).predict_proba(X), fitted.predict_proba(X))


def test_what_a_vote_lists_twice_is_kept_once():
    X, made = forests()
    like, fitted = made["extra"]
    y = fitted.predict(X)
    alone = len(dump_estimator(clone(like).fit(X, y)))
    both = len(dump_estimator(VotingClassifier([("trees", like)], voting="soft").fit(X, y)))
    assert both < 1.4 * alone


def test_a_forest_that_unpacks_to_more_than_its_file_may_is_refused():
    like = ExtraTreesClassifier(2, max_depth=1, random_state=0)
    kept = dump_estimator(clone(like).fit([[0.0], [3.0]], [0, 1]))
    leaves, none = np.zeros(2_000_000, np.uint8), np.zeros(0, np.uint8)
    alone = {"columns": leaves.astype(np.int8) - 1, "thresholds": none.astype("f4"), "missing": none, "leaves": leaves}
    for trees, words in ((2_000_000, "nodes"), (200_000, "trees")):
        hostile = {name: values[:trees] for name, values in alone.items()} | {"seeds": np.zeros(trees, np.int8)}
        content = with_arrays(kept, hostile)
        assert len(content) < 10_000
        with pytest.raises(ValueError, match=words):
            load_estimator(content, like)


def with_arrays(kept, arrays):
    """The bytes of a forest with other arrays in place of its own."""
    with zipfile.ZipFile(io.BytesIO(kept)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    schema = json.loads(members["schema.json"])
    for name, values in arrays.items():
        stream = io.BytesIO()
        np.save(stream, values)
        members[f"{name}.npy"] = stream.getvalue()
        schema["content"]["content"]["estimators_"]["content"][name]["file"] = f"{name}.npy"
    members["schema.json"] = json.dumps(schema)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return packed.getvalue()


def test_a_perceptron_takes_little_more_than_its_weights():
    rng = np.random.default_rng(0)
    fitted = Perceptron((64, 64), max_iter=2, random_state=0).fit(rng.normal(size=(20, 200)), np.arange(20) % 2)
    assert len(dump_estimator(fitted)) < 1.1 * sum(array.nbytes for array in fitted.coefs_)

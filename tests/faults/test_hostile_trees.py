"""Fitted arrays from elsewhere: compiled code follows the numbers in them, so they are looked at before it does."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.tree import DecisionTreeClassifier

from leukobench.models.boosting import BoostedTrees
from leukobench.models.estimators import Balanced, BalancedLDA, CappedNeighbors, Perceptron
from leukobench.models.network.classifier import NetworkClassifier
from leukobench.models.pipeline import Quantised, imputed, scaled
from leukobench.models.stored import dump_estimator, load_estimator
from leukobench.models.svm import PairwiseSVC
from leukobench.models.transductive import Coral
from tests.faults.hostile import altered, rows

LIKE = {
    "forest": ExtraTreesClassifier(2, random_state=0),
    "tree": DecisionTreeClassifier(max_leaf_nodes=4, random_state=0),
    "boosting": HistGradientBoostingClassifier(max_iter=2, early_stopping=False, random_state=0),
    "xgboost": Balanced(BoostedTrees(n_estimators=2, max_depth=2, tree_method="hist", n_jobs=1)),
    "machine": PairwiseSVC(random_state=0),
    "neighbours": CappedNeighbors(3, algorithm="brute"),
    "perceptron": scaled(Perceptron((4,), max_iter=2, random_state=0)),
    "aligned": Coral(BalancedLDA(solver="lsqr", shrinkage=0.1)),
    "quantiles": imputed(Quantised(5), BalancedLDA(solver="lsqr", shrinkage=0.1)),
}


def at(place, value, field=None):
    """A change of an array: another value at a place, of a field where it has some."""

    def change(array):
        array = array.copy()
        (array if field is None else array[field])[place] = value
        return array

    return change


def in_tree(name, place, value):
    """A change of XGBoost's first tree."""

    def change(text):
        kept = json.loads(text)
        kept["trees"][0][name][place] = value
        return json.dumps(kept)

    return change


def in_kept(**fields):
    """A change of what stands beside XGBoost's trees."""
    return lambda text: json.dumps(json.loads(text) | fields)


def without_trees(text):
    kept = json.loads(text)
    return json.dumps(kept | {"trees": kept["trees"][:-1]})


ALTERED = [
    *(("forest", "columns", at(0, value)) for value in (-2, -1, 5, 100)),
    ("forest", "columns", at(-1, 0)),
    ("forest", "columns", lambda columns: columns[:-1]),
    ("forest", "columns", lambda columns: columns[:0]),
    ("forest", "columns", lambda columns: columns.astype(float)),
    ("forest", "columns", lambda columns: columns[:, None]),
    ("forest", "columns", lambda columns: columns.astype(np.uint64) + 2**63),
    ("forest", "columns", lambda columns: np.roll(columns, 1)),
    ("forest", "thresholds", at(0, np.nan)),
    ("forest", "thresholds", lambda values: values[:-1]),
    ("forest", "missing", lambda bits: bits[:0]),
    ("forest", "leaves", at(0, 200)),
    ("forest", "leaves", lambda leaves: leaves[1:]),
    ("forest", "rows", lambda rows: rows[:1]),
    ("forest", "rows", lambda rows: rows[:, :2]),
    ("forest", "rows", at((0, 0), np.inf)),
    ("forest", "seeds", lambda seeds: seeds[:1]),
    ("forest", "seeds", lambda seeds: np.concatenate([seeds, seeds])),
    *(("forest", "n_features_in_", lambda count, value=value: value) for value in (0, 1, 6, 10**12, "5")),
    *(("forest", "n_classes_", lambda count, value=value: value) for value in (2, 10**12)),
    ("forest", "n_outputs_", lambda count: 2),
    *(("tree", "nodes", at(0, value, "left_child")) for value in (0, -5, 10**9, 2**62)),
    *(("tree", "nodes", at(0, value, "right_child")) for value in (0, -1, 10**9)),
    ("tree", "nodes", at(1, 0, "left_child")),
    ("tree", "nodes", at(-1, 1, "right_child")),
    *(("tree", "nodes", at(0, value, "feature")) for value in (-3, 5, 10**12)),
    ("tree", "nodes", at(0, np.nan, "threshold")),
    ("tree", "nodes", lambda nodes: nodes[:1]),
    ("tree", "nodes", lambda nodes: nodes[:0]),
    ("tree", "nodes", lambda nodes: nodes["left_child"]),
    ("tree", "values", at((0, 0, 0), np.inf)),
    ("tree", "values", lambda values: values[:, :, :2]),
    *(("tree", "node_count", lambda count, value=value: value) for value in (-1, 1)),
    *(("tree", "n_features_in_", lambda count, value=value: value) for value in (0, 3, 6, 10**12, "5")),
    *(("tree", "n_classes_", lambda count, value=value: value) for value in (2, 10**12)),
    ("tree", "n_outputs_", lambda count: 2),
    *(("boosting", "nodes", at(0, value, "left")) for value in (0, 2**32 - 1)),
    *(("boosting", "nodes", at(0, value, "right")) for value in (0, 10**6)),
    *(("boosting", "nodes", at(0, value, "feature_idx")) for value in (-1, 5, 10**12)),
    ("boosting", "nodes", at(-1, 0, "is_leaf")),
    ("boosting", "nodes", at(0, 1, "is_categorical")),
    ("boosting", "nodes", at(0, np.nan, "value")),
    ("boosting", "nodes", lambda nodes: nodes[:0]),
    ("boosting", "nodes", lambda nodes: nodes["left"]),
    ("boosting", "n_features_in_", lambda count: 3),
    *(("xgboost", "_Booster", in_tree("left_children", 0, value)) for value in (0, -2, 10**6, 0.5, "x", 2**40)),
    ("xgboost", "_Booster", in_tree("right_children", 0, 1)),
    *(("xgboost", "_Booster", in_tree("split_indices", 0, value)) for value in (-1, 5, 10**6)),
    ("xgboost", "_Booster", in_tree("split_conditions", 0, float("nan"))),
    ("xgboost", "_Booster", in_tree("split_type", 0, 1)),
    ("xgboost", "_Booster", in_tree("parents", 1, 2)),
    ("xgboost", "_Booster", in_tree("default_left", 0, 7)),
    ("xgboost", "_Booster", in_kept(trees=[])),
    ("xgboost", "_Booster", in_kept(trees="many")),
    ("xgboost", "_Booster", in_kept(columns=10**12)),
    ("xgboost", "_Booster", in_kept(columns=3)),
    ("xgboost", "_Booster", in_kept(base_score="[1E400]")),
    ("xgboost", "_Booster", lambda text: "no JSON"),
    ("xgboost", "_Booster", without_trees),
    ("xgboost", "n_classes_", lambda count: 10**9),
    ("machine", "_n_support", at(0, 10**6)),
    ("machine", "_n_support", at(slice(0, 2), [-10, 50])),
    ("machine", "_n_support", lambda counts: counts[:1]),
    ("machine", "support_", lambda places: places[:1]),
    ("machine", "_dual_coef_", lambda weights: weights[:, :1]),
    ("machine", "_intercept_", lambda weights: weights[:1]),
    ("machine", "support_vectors_", lambda vectors: vectors[:, :2]),
    ("machine", "support_vectors_", lambda vectors: vectors[:0]),
    ("machine", "support_vectors_", at((0, 0), np.nan)),
    ("machine", "kernel", lambda kernel: "precomputed"),
    ("neighbours", "_y", at(0, 10**9)),
    ("neighbours", "_y", at(0, -1)),
    ("neighbours", "_y", lambda labels: labels[:3]),
    ("neighbours", "_fit_X", lambda table: table[:, :2]),
    ("neighbours", "_fit_X", lambda table: table[0]),
    ("neighbours", "n_samples_fit_", lambda count: 10**9),
    ("neighbours", "_fit_method", lambda method: "kd_tree"),
    ("neighbours", "effective_metric_", lambda metric: "precomputed"),
    # what images with gaps alone would show, or one of many answers
    *(("perceptron", "statistics_", at(0, value)) for value in (np.nan, np.inf)),
    *(("perceptron", "mean_", at(0, value)) for value in (np.nan, np.inf)),
    *(("perceptron", name, at(0, np.inf)) for name in ("coefs_", "intercepts_")),
    *(("perceptron", name, lambda weights: weights + 1j) for name in ("coefs_", "intercepts_", "scale_")),
    ("perceptron", "coefs_", lambda weights: weights[:-1]),
    ("perceptron", "intercepts_", lambda weights: weights[:0]),
    ("perceptron", "n_layers_", lambda count: 9),
    ("aligned", "missing_values", lambda value: 0),
    ("quantiles", "edges_", lambda edges: np.concatenate([edges, edges])),
    ("quantiles", "edges_", lambda edges: edges[::-1]),
    ("quantiles", "edges_", lambda edges: edges[:, :2]),
    ("quantiles", "edges_", lambda edges: edges.astype(str)),
    ("quantiles", "edges_", at(0, np.nan)),
    ("quantiles", "coef_", lambda weights: weights.astype(complex)),
]


def test_altered_arrays_neither_crash_nor_loop(tmp_path):
    X, y = rows()
    fitted = {name: model.fit(X, y) for name, model in LIKE.items()}
    for name, model in fitted.items():
        (tmp_path / f"{name} as it was").write_bytes(dump_estimator(model))
    for number, (name, attribute, change) in enumerate(ALTERED):
        (tmp_path / f"{name} {number} {attribute}").write_bytes(altered(fitted[name], attribute, change))
    child = [sys.executable, "-c", "from tests.faults.test_hostile_trees import read_all; read_all()", tmp_path]
    root = Path(__file__).parents[2]
    done = subprocess.run(child, capture_output=True, text=True, timeout=120, cwd=root, check=False)
    said = dict(line.split("\t") for line in done.stdout.splitlines())
    assert done.returncode == 0, f"{done.returncode} after {list(said)[-1:]}: {done.stderr[-2000:]}"
    assert len(said) == len(LIKE) + len(ALTERED)
    for file, words in said.items():
        assert (words == "read") == file.endswith("as it was"), (file, words)
        assert "another estimator" not in words, file  # which would say nothing of its arrays


def read_all():
    """Read every estimator of a folder, in a process that may crash, and say what came of it."""
    resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for path in sorted(Path(sys.argv[1]).iterdir()):
        try:
            load_estimator(path.read_bytes(), LIKE[path.name.split()[0]]).predict_proba(rows()[0])
            print(path.name, "read", sep="\t", flush=True)
        except Exception as error:  # of any kind: it is the sentence that counts
            print(path.name, str(error).replace("\n", " ") or repr(error), sep="\t", flush=True)


@pytest.fixture(scope="module")
def network():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leukobench.models.network.draws.LEAST_DRAWS", 32)
        X = np.repeat([[30], [220]], 20, 0) + np.zeros((1, 3 * 32 * 32))
        fitted = NetworkClassifier("lenet", epochs=1, device="cpu").fit(X, np.repeat([0, 1], 20))
        return load_estimator(dump_estimator(fitted), NetworkClassifier("lenet", epochs=1, device="cpu"))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("network", lambda name: "dinobloom:g"),
        ("network", lambda name: "onnx:/etc/passwd"),
        ("size_", lambda size: 10**6),
        ("size_", lambda size: 0),
        ("classes_", lambda classes: np.arange(10**6)),
        ("classes_", lambda classes: classes[::-1]),
        ("classes_", lambda classes: np.array([0, 1, 2])),
        ("temperature_", lambda value: float("nan")),
        ("temperature_", lambda value: "warm"),
        ("n_features_in_", lambda count: 10**12),
        ("n_features_in_", lambda count: 100),
        ("norm", lambda norm: "group"),
        ("graph", lambda graph: graph[: len(graph) // 2]),
        ("graph", lambda graph: graph[:0]),
        ("graph", lambda graph: graph.view(np.int8).astype(float)),
        ("slopes", lambda slopes: np.ones((2, 5), np.float32)),
    ],
)
def test_an_altered_network_is_refused(network, monkeypatch, name, change):
    monkeypatch.setattr("leukobench.models.backbones.dino.import_deep", lambda name: pytest.fail("downloads"))
    like = NetworkClassifier("lenet", epochs=1, device="cpu")
    load_estimator(dump_estimator(network), like)
    with pytest.raises(Exception, match=r"."):  # of the readers' own kinds, which have no base in common
        load_estimator(altered(network, name, change), like)

"""What may lie in a stored estimator: a skops schema of known kinds of nodes, each of classes that are listed here.

skops makes what a schema asks for, by calling what it names. So nothing reaches skops but a copy of the schema that is
made here, node by node: a kind or a class that is in no table is refused, and there is none for functions, methods,
operators, partials, and constructors that take arguments.
"""

import json

import numpy as np
from sklearn._loss.link import Interval, LogitLink, MultinomialLogit
from sklearn._loss.loss import HalfBinomialLoss, HalfMultinomialLoss
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, LabelBinarizer, LabelEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from leukobench.models.boosting import BoostedTrees
from leukobench.models.ensemble import Ensemble
from leukobench.models.estimators import Balanced, BalancedLDA, CappedNeighbors, Perceptron, ShuffledLabels
from leukobench.models.network.classifier import NetworkClassifier
from leukobench.models.network.ensemble import NetworkEnsemble
from leukobench.models.pipeline import Clip, Components, Quantised
from leukobench.models.soundness import MOST_CLASSES, MOST_COLUMNS, ensure, whole
from leukobench.models.sources import SourceExperts, StableFeatures
from leukobench.models.svm import PairwiseSVC
from leukobench.models.transductive import Coral, SelfTraining, StandardisedPerLaboratory

CLASSES = (
    *(Balanced, BalancedLDA, BoostedTrees, CappedNeighbors, Clip, Components, Coral, Ensemble),
    *(NetworkClassifier, NetworkEnsemble, Perceptron),
    *(PairwiseSVC, Quantised, SelfTraining, ShuffledLabels, SourceExperts, StableFeatures, StandardisedPerLaboratory),
    *(ColumnTransformer, DecisionTreeClassifier, DummyClassifier, ExtraTreeClassifier, ExtraTreesClassifier),
    *(FunctionTransformer, HalfBinomialLoss, HalfMultinomialLoss, HistGradientBoostingClassifier, Interval),
    *(LabelBinarizer, LabelEncoder, LogisticRegression, LogitLink, MultinomialLogit, PCA, Pipeline),
    *(RandomForestClassifier, SVC, SimpleImputer, StandardScaler, TreePredictor, VotingClassifier, _BinMapper),
)
"""The classes that fitted models are made of, all of them; tests compare them with what the models are made of."""

OBJECTS = {(each.__module__, each.__qualname__): each for each in CLASSES}
KINDS = {
    "DictNode": {("builtins", "dict"), ("sklearn.utils._bunch", "Bunch")},
    "DTypeNode": {("numpy", "dtype")},
    "JsonNode": {("builtins", "str")},
    "ListNode": {("builtins", "list")},
    "LossNode": {("sklearn._loss._loss", "CyHalfBinomialLoss"), ("sklearn._loss._loss", "CyHalfMultinomialLoss")},
    "NdArrayNode": {("numpy", "ndarray"), ("numpy", "float64"), ("numpy", "int64"), ("numpy", "uint64")},
    "ObjectNode": OBJECTS.keys(),
    "RandomGeneratorNode": {("numpy.random._generator", "Generator")},
    "SliceNode": {("builtins", "slice")},
    "TreeNode": {("sklearn.tree._tree", "Tree")},
    "TupleNode": {("builtins", "tuple")},
    "TypeNode": {("builtins", "str")},
}
"""Kind of node to the module and name of each class that it may make."""

TRUSTED = [".".join(name) for names in KINDS.values() for name in names]  # as skops wants to be told

LEFT_OUT = ("LossNode", "RandomGeneratorNode")  # used in training alone: None takes their place
NOTHING = {"__loader__": "JsonNode", "__module__": "builtins", "__class__": "str", "content": "null"}


def copy_schema(node, arrays, networks):
    """The part of a skops schema that is needed, of known nodes.

    Parameters
    ----------
    node : dict
        The schema, or a node of it.
    arrays : callable
        Name of a member to the array that it is.
    networks : collection of str
        Networks that may be built.

    Returns
    -------
    dict
        Without ids: what stands in a schema twice is made twice, and no node stands for another.

    Raises
    ------
    ValueError
        Where the schema asks for something that is not listed here.
    """
    kind, name = node["__loader__"], (node["__module__"], node["__class__"])
    ensure(name in KINDS.get(kind, ()), f"{'.'.join(map(str, name))} ({kind}), which no model of leukobench is made of")
    if kind in LEFT_OUT:
        return NOTHING

    def copy(inner, *kinds):
        ensure(not kinds or inner["__loader__"] in kinds, f"{inner['__loader__']} in {kind}")
        return copy_schema(inner, arrays, networks)

    fields = FIELDS[kind](node, copy, arrays)
    if kind == "ObjectNode":
        _check_attributes(OBJECTS[name], fields["content"].get("content"), networks)
    return {"__loader__": kind, "__module__": name[0], "__class__": name[1], **fields}


def _check_attributes(cls, attributes, networks):
    """An object's own attributes may not take the place of what its class has, such as a method."""
    hidden = [name for name in attributes if hasattr(cls, name)] if isinstance(attributes, dict) else []
    ensure(not hidden, f"another {', '.join(hidden)} for {cls.__name__}")
    if cls is NetworkClassifier:  # its backbone's weights may be downloaded when it is built
        network = json.loads(attributes["network"]["content"])
        ensure(network in networks, f"the network {network!r}")


def _json(node, copy, arrays):
    value = json.loads(node["content"])
    ensure(value is None or isinstance(value, (bool, int, float, str)), "JSON that is no single value")
    return {"content": node["content"]}


def _items(node, copy, arrays):
    return {"content": [copy(each) for each in node["content"]]}


def _dict(node, copy, arrays):
    types = copy(node["key_types"], "ListNode")
    ensure(len(types["content"]) == len(node["content"]), "keys without a type")
    ensure(all(each["__loader__"] == "TypeNode" for each in types["content"]), "keys of a strange type")
    return {"content": {key: copy(value) for key, value in node["content"].items()}, "key_types": types}


def _array(node, copy, arrays):
    if node["type"] == "json":
        ensure(node["__class__"] == "ndarray", f"a {node['__class__']} of objects")
        shape = copy(node["shape"], "TupleNode")
        ensure(len(shape["content"]) == 1, "a table of objects")
        return {"type": "json", "content": [copy(each, "JsonNode") for each in node["content"]], "shape": shape}
    array = arrays(node["file"])
    ensure(node["__class__"] == "ndarray" or array.shape == (), f"a {node['__class__']} of shape {array.shape}")
    return {"type": "numpy", "file": node["file"]}


def _dtype(node, copy, arrays):
    return {"content": copy(node["content"], "NdArrayNode")}


def _object(node, copy, arrays):
    return {"content": copy(node["content"], "DictNode", "JsonNode")}


def _slice(node, copy, arrays):
    ends = {name: node["content"][name] for name in ("start", "stop", "step")}
    ensure(all(each is None or type(each) is int for each in ends.values()), "a slice of no numbers")
    return {"content": ends}


def _tree(node, copy, arrays):
    """The constructor of a tree takes the numbers of columns, of classes and of outputs, and believes them."""
    columns, classes, outputs = node["__reduce__"]["args"]["content"]
    whole(json.loads(columns["content"]), 1, MOST_COLUMNS)
    whole(json.loads(outputs["content"]), 1, 1)
    counts = arrays(classes["file"])
    ensure(counts.shape == (1,) and counts.dtype == np.int64, "a tree of strange classes")
    whole(counts[0], 1, MOST_CLASSES)
    return {"__reduce__": {"args": copy(node["__reduce__"]["args"], "TupleNode")}, "content": copy(node["content"])}


FIELDS = {
    "DictNode": _dict,
    "DTypeNode": _dtype,
    "JsonNode": _json,
    "ListNode": _items,
    "NdArrayNode": _array,
    "ObjectNode": _object,
    "SliceNode": _slice,
    "TreeNode": _tree,
    "TupleNode": _items,
    "TypeNode": lambda node, copy, arrays: {},
}
"""Kind of node to a function that copies what is its own, and refuses what cannot be."""

"""Whether fitted arrays can be used: compiled code follows the numbers in them without looking.

scikit-learn, libsvm and XGBoost trust what they have fitted themselves. From a file a child's number may lie behind the
last node, which reads memory that is not theirs, or point back, which never ends.
"""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from sklearn.tree._tree import Tree

from leukobench.models.estimators import CappedNeighbors
from leukobench.models.pipeline import Quantised
from leukobench.models.transductive import SelfTraining

MOST_CLASSES, MOST_COLUMNS = 64, 1_000_000
KERNELS = ("linear", "poly", "rbf", "sigmoid")
METRICS = ("cosine", "euclidean", "manhattan")


def ensure(holds, what):
    """Raise ValueError where something does not hold; `what` says what is there instead."""
    if not holds:
        raise ValueError(f"it holds {what}")


def whole(number, least, most):
    """A number that must be whole and lie between bounds, as int; ValueError otherwise."""
    ensure(number == int(number) and least <= number <= most, f"the number {number!r}")
    return int(number)


def check_links(left, right, inner, features, columns):
    """Refuse a tree whose links do not lead from each node to two later ones, which would end nowhere or elsewhere.

    Parameters
    ----------
    left, right, features : int arrays, shape (n,)
        Children of each node, and the column that it asks for.
    inner : bool array, shape (n,)
        Nodes that have children.
    columns : int
        How many columns there are.

    Raises
    ------
    ValueError
        Where a child does not come after its parent, has two parents or is no node, or a column is not there.

    Examples
    --------
    >>> left, right, inner = np.array([1, -1, -1]), np.array([2, -1, -1]), np.array([True, False, False])
    >>> check_links(left, right, inner, np.array([0, -2, -2]), 1)
    """
    ensure(len(left) > 0, "a tree without nodes")
    nodes, children = np.flatnonzero(inner), np.concatenate([left[inner], right[inner]]).astype(np.int64)
    ensure((children > np.tile(nodes, 2)).all(), "a tree with loops")
    ensure(np.array_equal(np.sort(children), np.arange(1, len(left))), "a tree with links to no node")
    asked = features[inner].astype(np.int64)
    ensure(((asked >= 0) & (asked < columns)).all(), "a tree that asks for columns that are not there")


def check_tree(model):
    """A decision tree, against its own columns and classes."""
    tree = model.tree_
    ensure(type(tree) is Tree and tree.node_count == tree.capacity, "a tree of another size than its nodes")
    ensure(tree.n_features == model.n_features_in_ and tree.n_outputs == 1, "a tree of another number of columns")
    ensure(tree.max_n_classes == model.n_classes_, "a tree of another number of classes")
    inner = tree.children_left != -1
    ensure((tree.children_right[~inner] == -1).all(), "a tree with half a leaf")
    check_links(tree.children_left, tree.children_right, inner, tree.feature, tree.n_features)
    ensure(not np.isnan(tree.threshold).any() and np.isfinite(tree.value).all(), "a tree of no numbers")


def check_forest(model):
    """Trees of one kind, which are asked without a look at the columns that each was grown on."""
    ensure(len(model.estimators_) > 0, "a forest without trees")
    ensure(model.n_outputs_ == 1 and model.n_classes_ == len(model.classes_), "a forest of another number of classes")
    for tree in model.estimators_:
        ensure(isinstance(tree, DecisionTreeClassifier), "a forest of other things than trees")
        ensure(
            (tree.n_features_in_, tree.n_classes_) == (model.n_features_in_, model.n_classes_),
            "a forest whose trees differ in columns or classes",
        )


def check_boosting(model):
    """Histogram gradient boosting of scikit-learn."""
    for tree in (tree for trees in model._predictors for tree in trees):
        ensure(type(tree) is TreePredictor, "boosting of other things than trees")
        nodes = tree.nodes
        ensure(nodes.dtype == PREDICTOR_RECORD_DTYPE and nodes.ndim == 1, "a tree of another form")
        check_links(nodes["left"], nodes["right"], nodes["is_leaf"] == 0, nodes["feature_idx"], model.n_features_in_)
        ensure(not nodes["is_categorical"].any(), "a tree with categories")
        ensure(np.isfinite(nodes["value"]).all() and not np.isnan(nodes["num_threshold"]).any(), "a tree of no numbers")


def check_machine(model):
    """A support vector machine, whose arrays libsvm reads by the lengths of others."""
    vectors, classes = model.support_vectors_, len(model.classes_)
    pairs = classes * (classes - 1) // 2
    shapes = {
        "support_vectors_": (len(vectors), model.n_features_in_),
        "support_": (len(vectors),),
        "_n_support": (classes,),
        "_dual_coef_": (classes - 1, len(vectors)),
        "_intercept_": (pairs,),
        "_probA": (0,),
        "_probB": (0,),
    }
    for name, shape in shapes.items():
        array = getattr(model, name)
        ensure(array.shape == shape and np.isfinite(array).all(), f"a support vector machine with a strange {name}")
    ensure(len(vectors) > 0 and classes > 1, "a support vector machine without vectors")
    ensure((model._n_support >= 0).all() and model._n_support.sum() == len(vectors), "vectors of no class")
    ensure(model.kernel in KERNELS and model._sparse is False, f"a support vector machine by {model.kernel!r}")


def check_neighbours(model):
    """Nearest neighbours, found by going through all rows."""
    rows, labels = model._fit_X, model._y
    ensure(model._fit_method == "brute" and model.effective_metric_ in METRICS, "neighbours found in another way")
    ensure(rows.ndim == 2 and rows.shape == (model.n_samples_fit_, model.n_features_in_), "neighbours of another form")
    ensure(np.isfinite(rows).all(), "neighbours of no numbers")
    ensure(labels.shape == (len(rows),) and labels.dtype.kind == "i", "neighbours without classes")
    ensure(((labels >= 0) & (labels < len(model.classes_))).all(), "neighbours of no class")


def check_numbers(model):
    """All arrays of an estimator: what is no number would be found out late, in one image's answer or in none."""
    for name, values in vars(model).items():
        for array in values if isinstance(values, list) else [values]:
            if not isinstance(array, np.ndarray) or array.dtype.kind in "biuV" or name in WORDS:
                continue
            ensure(array.dtype.kind == "f", f"{name} of {array.dtype}")
            strange = np.isinf(array) if (type(model), name) in GAPS else ~np.isfinite(array)
            ensure(not strange.any(), f"{name} of no numbers")


def check_quantiles(model):
    """Edges between the quantiles of each column."""
    ensure(model.edges_.shape == (model.bins - 1, model.n_features_in_), "quantiles of another form")
    ensure((np.diff(model.edges_, axis=0) >= 0).all(), "quantiles in disorder")


WORDS = ("feature_names_in_",)
"""Arrays that may be of text."""

GAPS = ((SelfTraining, "X_"),)
"""Arrays that keep the NaN of the images that were trained on."""

CHECKS = {
    DecisionTreeClassifier: ("tree_", check_tree),
    ExtraTreeClassifier: ("tree_", check_tree),
    RandomForestClassifier: ("estimators_", check_forest),
    ExtraTreesClassifier: ("estimators_", check_forest),
    HistGradientBoostingClassifier: ("_predictors", check_boosting),
    SVC: ("support_vectors_", check_machine),
    CappedNeighbors: ("_fit_X", check_neighbours),
    Quantised: ("edges_", check_quantiles),
}
"""What is asked of each class whose fitted arrays are read without a look, where it has the attribute that holds
them."""


def check_sound(estimator):
    """Refuse a fitted estimator whose arrays would lead compiled code astray; it is not asked for anything before.

    Parameters
    ----------
    estimator : estimator
        With whatever others inside.

    Raises
    ------
    ValueError, AttributeError, TypeError
        Where something inside is not sound, or is not there.

    Examples
    --------
    >>> check_sound(ExtraTreesClassifier(2).fit([[0.0], [1.0]], [0, 1]))
    """
    for part in parts_of(estimator):
        check_numbers(part)
        attribute, check = CHECKS.get(type(part), ("", None))
        if attribute in vars(part):
            check(part)


def parts_of(thing):
    """The estimators in a thing: itself, or those in its attributes and in containers, at any depth."""
    if isinstance(thing, BaseEstimator):
        yield thing
        thing = vars(thing)
    if isinstance(thing, (dict, list, tuple)):
        for each in thing.values() if isinstance(thing, dict) else thing:
            yield from parts_of(each)

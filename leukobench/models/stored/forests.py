"""Forests as they lie in a file: what answers take of their trees, and nothing that only growing took.

scikit-learn keeps 64 bytes of each node and as many numbers as there are classes, also of nodes that no row ends in.
A forest of 130,000 nodes is 13 MB that way, zipped 6 MB; this way .6 MB, and one object in place of a hundred.
"""

import contextlib
from unittest import mock

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from sklearn.tree._tree import NODE_DTYPE, Tree

from leukobench.models.soundness import MOST_CLASSES, MOST_COLUMNS, ensure, parts_of, whole

TREES = {ExtraTreesClassifier: ExtraTreeClassifier, RandomForestClassifier: DecisionTreeClassifier}
LEAF = -1  # in the place of a column
MOST_TREES = 100_000  # of all forests of a model; each is an object, and takes one byte of a file
FIELDS = {"columns": "i", "thresholds": "f", "missing": "u", "leaves": "u", "rows": "f", "seeds": "i"}


@contextlib.contextmanager
def packed_forests(estimator):
    """While it lasts, the forests inside an estimator hold their trees as `pack` gives them."""
    forests = _forests(estimator, list)
    ensure(sum(len(each.estimators_) for each in forests) <= MOST_TREES, f"more than {MOST_TREES:,} trees")
    with contextlib.ExitStack() as stack:
        for forest in forests:
            if kept := pack(forest):
                stack.enter_context(mock.patch.object(forest, "estimators_", kept))
        yield


def unpack_forests(estimator, most):
    """Give the forests inside an estimator from a file their trees back; ValueError where these are none.

    ValueError, too, where their nodes would take more than so many bytes: zipped, those of a bomb take next to none.
    """
    forests = _forests(estimator, dict)
    nodes, trees = (sum(np.size(each.estimators_[name]) for each in forests) for name in ("columns", "seeds"))
    ensure(nodes * NODE_DTYPE.itemsize <= most, f"forests of {nodes:,} nodes")
    ensure(trees <= MOST_TREES, f"more than {MOST_TREES:,} trees")
    for forest in forests:
        forest.estimators_ = unpack(forest.estimators_, forest)


def _forests(estimator, kind):
    forests = {id(each): each for each in parts_of(estimator) if type(each) in TREES}
    return [each for each in forests.values() if isinstance(vars(each).get("estimators_"), kind)]


def pack(forest):
    """What answers take of the trees of a fitted forest.

    Parameters
    ----------
    forest : RandomForestClassifier or ExtraTreesClassifier

    Returns
    -------
    dict of str to ndarray
        Of the nodes of all trees, one tree after the other and a node's left branch before its right one: `columns`,
        the column that is asked for, -1 of a leaf. Of those that are no leaves: `thresholds`, each the largest number
        of 32 bits that is no larger, as forests compare columns of 32 bits; and `missing`, bits, whether what is
        missing goes left. Of leaves: `leaves`, the row of `rows` that holds the shares of the classes. `seeds` has the
        seed of each tree. Empty where an answer is of more than one output.

    Examples
    --------
    >>> forest = ExtraTreesClassifier(2, random_state=0).fit([[0.0], [3.0]], [0, 1])
    >>> pack(forest)["columns"].tolist()
    [0, -1, -1, 0, -1, -1]
    """
    if forest.n_outputs_ != 1:
        return {}
    trees = [each.tree_.__getstate__() for each in forest.estimators_]
    orders = [_left_first(each["nodes"]) for each in trees]
    nodes = np.concatenate([each["nodes"][order] for each, order in zip(trees, orders, strict=True)])
    inner = nodes["left_child"] != -1
    exact = nodes["threshold"][inner]
    thresholds = exact.astype(np.float32)
    above = thresholds > exact
    thresholds[above] = np.nextafter(thresholds[above], np.float32(-np.inf))
    values = np.concatenate([each["values"][order, 0] for each, order in zip(trees, orders, strict=True)])
    rows, leaves = np.unique(values[~inner], axis=0, return_inverse=True)
    columns = np.where(inner, nodes["feature"], LEAF)
    return {
        "columns": columns.astype(np.min_scalar_type(-int(columns.max()) - 2)),
        "thresholds": thresholds,
        "missing": np.packbits(nodes["missing_go_to_left"][inner]),
        "leaves": leaves.astype(np.min_scalar_type(len(rows))),
        "rows": rows,
        "seeds": np.array([each.random_state for each in forest.estimators_]),
    }


def _left_first(nodes):
    """The order in which a node's left branch comes before its right one: trees of `max_leaf_nodes` grow otherwise."""
    left, right = nodes["left_child"], nodes["right_child"]
    inner = np.flatnonzero(left != LEAF)
    if (left[inner] == inner + 1).all():
        return np.arange(len(nodes))
    left, right, order, waiting = left.tolist(), right.tolist(), [], [0]
    while waiting:
        node = waiting.pop()
        order.append(node)
        if left[node] != LEAF:
            waiting += right[node], left[node]
    return np.array(order)


def unpack(kept, forest):
    """The trees of a forest, which answer as those that were packed.

    Parameters
    ----------
    kept : dict of str to ndarray
        Of `pack`, or from a file that anybody may have written.
    forest : RandomForestClassifier or ExtraTreesClassifier
        Knows its parameters, columns and classes.

    Returns
    -------
    list of estimator

    Raises
    ------
    ValueError
        Where they are no trees.
    """
    ensure(kept.keys() == FIELDS.keys(), "a forest of other fields")
    for name, kind in FIELDS.items():
        one = isinstance(kept[name], np.ndarray) and kept[name].ndim == 1 + (name == "rows")
        ensure(one and kept[name].dtype.kind == kind, f"a forest with strange {name}")
    inner = kept["columns"] != LEAF
    features, classes = whole(forest.n_features_in_, 1, MOST_COLUMNS), whole(forest.n_classes_, 1, MOST_CLASSES)
    ensure(kept["rows"].shape[1] == classes, "a forest of another number of classes")
    lengths = {"thresholds": inner.sum(), "missing": -(-inner.sum() // 8), "leaves": (~inner).sum()}
    ensure(all(len(kept[name]) == length for name, length in lengths.items()), "a forest of arrays of other lengths")
    ensure((kept["leaves"] < len(kept["rows"])).all(), "a forest with leaves that are not there")
    # Each node that is no leaf opens one place more than it takes: a tree ends where all of its places are taken.
    open_places = np.cumsum(np.where(inner, 1, -1))
    ends = np.flatnonzero(np.diff(np.minimum.accumulate(np.minimum(open_places, 0)), prepend=0) < 0) + 1
    ensure(len(ends) == len(kept["seeds"]) > 0 and ends[-1] == len(inner), "a forest of another number of trees")
    sizes = np.diff(ends, prepend=0)
    first = np.repeat(ends - sizes, sizes)
    # The right branch starts where as many places are open again as before the node.
    order = np.argsort(open_places - np.where(inner, 1, -1), kind="stable")
    following = np.empty_like(order)
    following[order[:-1]], following[order[-1]] = order[1:], 0
    nodes = np.zeros(len(inner), NODE_DTYPE)
    nodes["left_child"] = np.where(inner, np.arange(1, len(inner) + 1) - first, -1)
    nodes["right_child"] = np.where(inner, following - first, -1)
    nodes["feature"] = np.where(inner, kept["columns"], -2)
    nodes["threshold"] = -2.0
    nodes["threshold"][inner] = kept["thresholds"]
    nodes["missing_go_to_left"][inner] = np.unpackbits(kept["missing"], count=inner.sum())
    values = np.zeros((len(inner), 1, classes))
    values[~inner, 0] = kept["rows"][kept["leaves"]]
    depths = np.maximum.reduceat(_depths(nodes, first, ends - sizes), ends - sizes)
    given = {name: getattr(forest, name) for name in type(forest)().estimator_params}
    facts = {"n_features_in_": features, "n_outputs_": 1, "n_classes_": classes, "classes_": np.arange(float(classes))}
    trees = []
    for seed, depth, end, size in zip(kept["seeds"].tolist(), depths.tolist(), ends, sizes, strict=True):
        tree = TREES[type(forest)](**given | {"random_state": seed})
        tree.tree_ = Tree(features, np.array([classes]), 1)
        own = {"nodes": nodes[end - size : end], "values": values[end - size : end]}
        tree.tree_.__setstate__({"max_depth": depth, "node_count": int(size)} | own)
        vars(tree).update(facts)
        trees.append(tree)
    return trees


def _depths(nodes, first, roots):
    """How deep in its tree each node lies."""
    depths, level = np.zeros(len(nodes), np.int64), roots
    while len(level):
        level = level[nodes["left_child"][level] != -1]
        below = np.concatenate([first[level] + nodes[side][level] for side in ("left_child", "right_child")])
        depths[below] = np.tile(depths[level] + 1, 2)
        level = below
    return depths

"""XGBoost's classifier, kept as text: its own state is the memory of a C++ object, which it reads back unchecked."""

import json

import numpy as np
from xgboost import Booster, XGBClassifier

from leukobench.models.soundness import MOST_CLASSES, MOST_COLUMNS, check_links, ensure, whole

NODES = ("base_weights", "default_left", "left_children", "loss_changes", "parents", "right_children")
NODES += ("split_conditions", "split_indices", "split_type", "sum_hessian")  # what a tree says of each of its nodes
NO_PARENT = 2**31 - 1


class BoostedTrees(XGBClassifier):
    """`XGBClassifier` whose state holds its trees as JSON; parameters and attributes are those of the parent.

    What is not a tree is made anew where the state is read, so that nothing but trees can come from a file, and each of
    them is checked: XGBoost follows the numbers of nodes and columns without looking.

    Examples
    --------
    >>> import pickle
    >>> model = BoostedTrees(n_estimators=2, min_child_weight=0).fit([[0.0], [1.0], [5.0], [6.0]], [0, 0, 1, 1])
    >>> pickle.loads(pickle.dumps(model)).predict([[5.5]])
    array([1])
    """

    def __getstate__(self):
        state = super().__getstate__().copy()
        if "_Booster" in state:
            learner = _as_json(self)["learner"]
            kept = {"columns": self.n_features_in_, "base_score": learner["learner_model_param"]["base_score"]}
            state["_Booster"] = json.dumps(kept | {"trees": learner["gradient_booster"]["model"]["trees"]})
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "_Booster" not in state:
            return
        kept, classes = json.loads(state["_Booster"]), self.n_classes_
        columns, trees = whole(kept["columns"], 1, MOST_COLUMNS), kept["trees"]
        groups = 1 if whole(classes, 2, MOST_CLASSES) == 2 else classes
        made = XGBClassifier(n_estimators=1, max_depth=1, tree_method="hist", n_jobs=1)
        made.fit(np.zeros((classes, columns), np.float32), np.arange(classes))
        ensure(self.objective == made.objective, f"boosted trees for {self.objective}")
        model = _as_json(made)
        booster = model["learner"]["gradient_booster"]["model"]
        ensure(trees and len(trees) % groups == 0, "no whole rounds of trees")
        trees = [check_tree(tree, booster["trees"][0], number, columns) for number, tree in enumerate(trees)]
        base_score = np.array(json.loads(kept["base_score"]), dtype=np.float64)
        ensure(base_score.shape == (groups,) and np.isfinite(base_score).all(), "a strange base score")
        model["learner"]["learner_model_param"]["base_score"] = kept["base_score"]
        booster["gbtree_model_param"]["num_trees"] = str(len(trees))
        booster |= {"trees": trees, "tree_info": [i % groups for i in range(len(trees))]}
        booster["iteration_indptr"] = list(range(0, len(trees) + 1, groups))
        self._Booster = Booster({"nthread": self.n_jobs or 0}, model_file=bytearray(json.dumps(model).encode()))


def check_tree(tree, like, number, columns):
    """Refuse a tree of XGBoost's JSON that is not one, or that has other fields than one that was made here.

    Parameters
    ----------
    tree, like : dict
    number, columns : int
        Its place among the trees, and how many columns there are.

    Returns
    -------
    dict
        The tree, whose nodes hold numbers and nothing else.

    Raises
    ------
    ValueError
        Where it is not sound.
    """
    size = len(tree["left_children"])
    rest = {name: value for name, value in tree.items() if name not in NODES}
    ours = {name: value for name, value in like.items() if name not in NODES}
    ours |= {"id": number, "tree_param": ours["tree_param"] | {"num_nodes": str(size)}}
    ensure(rest == ours, "a tree with other fields than XGBoost writes")
    values = {name: np.array(tree[name], dtype=np.float64) for name in NODES}
    ensure(all(each.shape == (size,) and np.isfinite(each).all() for each in values.values()), "a tree of no numbers")
    whole_numbers = {name: values[name].astype(np.int64) for name in NODES if isinstance(like[name][0], int)}
    ensure(all((each == values[name]).all() for name, each in whole_numbers.items()), "a tree with halves of links")
    left, right = whole_numbers["left_children"], whole_numbers["right_children"]
    inner = left != -1
    check_links(left, right, inner, whole_numbers["split_indices"], columns)
    parents = np.full(size, NO_PARENT)
    parents[left[inner]] = parents[right[inner]] = np.flatnonzero(inner)
    ensure((parents == whole_numbers["parents"]).all(), "a tree whose nodes have other parents")
    ensure(np.isin(whole_numbers["default_left"], (0, 1)).all(), "a tree with strange directions")
    ensure(not whole_numbers["split_type"].any(), "a tree with categories")
    return ours | {name: each.tolist() for name, each in (values | whole_numbers).items()}


def _as_json(classifier):
    return json.loads(classifier.get_booster().save_raw("json"))

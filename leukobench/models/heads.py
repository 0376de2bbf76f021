"""Heads: the classifiers that stand on a frozen backbone's vectors, and the recipe of a backbone with a head."""

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.decomposition import PCA

from leukobench.models.classical import boosted_trees, build_logistic_regression
from leukobench.models.estimators import CappedNeighbors
from leukobench.models.pipeline import imputed, scaled, threads
from leukobench.models.recipe import Recipe
from leukobench.models.svm import PairwiseSVC
from leukobench.models.variants import split_variants


def reduced(variance, classifier):
    """A share of the variance instead of a number of components: it holds for a source of any size."""
    return scaled(PCA(variance, svd_solver="covariance_eigh"), classifier)


def build_linear_svm(params, seed):
    return reduced(params["variance"], PairwiseSVC(params["C"], kernel="linear", random_state=seed))


def build_rbf_svm(params, seed):
    return reduced(params["variance"], PairwiseSVC(params["C"], gamma=params["gamma"], random_state=seed))


def build_boosting(params, seed):
    trees = {name: value for name, value in params.items() if name != "variance"}
    return reduced(params["variance"], boosted_trees(trees, seed))


def build_neighbours(params, seed):
    """On the vectors as they are: their components share one unit, and that is how DinoBloom is evaluated."""
    return imputed(CappedNeighbors(**params, algorithm="brute", n_jobs=threads()))


HEADS = {
    "logistic_regression": {
        "build": build_logistic_regression,
        "space": {"C": FloatDistribution(1e-4, 1, log=True)},
        "defaults": {"C": 0.01},
        "description": "Multinomial logistic regression on {}.",
    },
    "svm_linear": {
        "build": build_linear_svm,
        "space": {"variance": FloatDistribution(0.6, 0.98), "C": FloatDistribution(1e-4, 1, log=True)},
        "defaults": {"variance": 0.9, "C": 1e-2},
        "cost": "medium",
        "description": "Principal components and a linear support vector machine on {}.",
    },
    "svm_rbf": {
        "build": build_rbf_svm,
        "space": {
            "variance": FloatDistribution(0.6, 0.98),
            "C": FloatDistribution(0.1, 300, log=True),
            "gamma": FloatDistribution(1e-5, 3e-3, log=True),
        },
        "defaults": {"variance": 0.9, "C": 10.0, "gamma": 3e-4},
        "cost": "medium",
        "description": "Principal components and a Gaussian support vector machine on {}.",
    },
    "knn": {
        "build": build_neighbours,
        "space": {
            "n_neighbors": IntDistribution(1, 31, log=True),
            "metric": CategoricalDistribution(("euclidean", "cosine")),
        },
        "defaults": {"n_neighbors": 20, "metric": "euclidean"},
        "description": "Nearest neighbours, weighted by distance, on {}.",
    },
    "xgboost": {
        "build": build_boosting,
        "space": {
            "variance": FloatDistribution(0.4, 0.85),
            "learning_rate": FloatDistribution(0.03, 0.5, log=True),
            "max_depth": IntDistribution(2, 5),
            "min_child_weight": FloatDistribution(0.1, 10, log=True),
            "reg_lambda": FloatDistribution(0.1, 10, log=True),
            "subsample": FloatDistribution(0.5, 1.0),
            "colsample_bytree": FloatDistribution(0.1, 0.5),
        },
        "defaults": {
            "variance": 0.7,
            "learning_rate": 0.15,
            "max_depth": 3,
            "min_child_weight": 0.5,
            "reg_lambda": 1.0,
            "subsample": 0.8,
            "colsample_bytree": 0.2,
        },
        "cost": "medium",
        "description": "Principal components and 100 rounds of XGBoost on {}.",
    },
}
"""Head to the fields of its recipe; "{}" in the description stands for the backbone."""


def on_backbone(name):
    """The recipe of "<backbone>[~variant...]+<head>".

    Parameters
    ----------
    name : str
        Such as "mobilenet_v2+knn" or "timm:resnet50~dihedral+svm_linear".

    Returns
    -------
    Recipe or None
        None where the name does not end in a head.

    Raises
    ------
    UsageError
        Where the backbone is unknown, or its card cannot be made here.

    Examples
    --------
    >>> on_backbone("mobilenet_v2~dihedral+knn").representation
    'embedding:mobilenet_v2~dihedral'
    """
    backbone, _, head = name.rpartition("+")
    if not backbone or head not in HEADS:
        return None
    card, variants = split_variants(backbone)
    row = HEADS[head]
    seen = f"a frozen {card.name}" + "".join(f", {variant.description}" for variant in variants)
    return Recipe(
        **row | {"description": row["description"].format(seen)},
        name=name,
        family="embedding",
        representation=f"embedding:{backbone}",
        contamination=card.contamination,
        source=card.source,
    )

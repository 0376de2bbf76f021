"""Heads: the classifiers that stand on a frozen network's vectors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from leukobench.models.classical import XGBOOST, boosted_trees, build_logistic_regression
from leukobench.models.estimators import CappedNeighbors
from leukobench.models.pipeline import Components, imputed, scaled, threads
from leukobench.models.svm import PairwiseSVC
from leukobench.models.words import Step


def reduced(variance, classifier):
    """A share of the variance instead of a number of components: it holds for a source of any size."""
    return scaled(Components(variance), classifier)


def build_linear_svm(params, seed):
    """Linear support vector machine on principal components."""
    return reduced(params["variance"], PairwiseSVC(params["C"], kernel="linear", random_state=seed))


def build_rbf_svm(params, seed):
    """Support vector machine with an RBF kernel on principal components."""
    return reduced(params["variance"], PairwiseSVC(params["C"], gamma=params["gamma"], random_state=seed))


def build_boosting(params, seed):
    """Gradient boosting of XGBoost on principal components."""
    trees = {name: value for name, value in params.items() if name != "variance"}
    return reduced(params["variance"], boosted_trees(trees, seed))


def build_neighbours(params, seed):
    """On the vectors as they are: their components share one unit, and that is how DinoBloom is evaluated."""
    return imputed(CappedNeighbors(**params, algorithm="brute", n_jobs=threads()))


@dataclass(frozen=True, kw_only=True)
class Head(Step):
    """A classifier on a frozen network's vectors; "{}" in its description stands for the network.

    Parameters
    ----------
    build, defaults, cost, version
        As of `leukobench.models.recipe.Recipe`.
    """

    takes: tuple = ("vectors",)
    build: Callable
    defaults: Mapping = field(default_factory=dict, hash=False)
    cost: str = "light"
    version: str = "1"

    def parameters(self):
        """Name to default of what may be fixed."""
        return self.defaults

    def apply(self, recipe, params):
        """The recipe of the vectors with this head."""
        own = {"build": self.build, "space": self.space, "defaults": self.defaults}
        own |= {"cost": self.cost, "version": self.version}
        description = self.description.format(recipe.description[:-1])
        return replace(recipe, **own, description=description, kind="table").with_fixed(params)


_HEADS = (
    Head(
        name="logistic_regression",
        build=build_logistic_regression,
        space={"C": FloatDistribution(1e-4, 1, log=True)},
        defaults={"C": 0.01},
        description="Multinomial logistic regression on {}.",
    ),
    Head(
        name="svm_linear",
        build=build_linear_svm,
        version="4",
        space={"variance": FloatDistribution(0.6, 0.98), "C": FloatDistribution(1e-4, 1, log=True)},
        defaults={"variance": 0.9, "C": 1e-2},
        cost="medium",
        description="Principal components and a linear support vector machine on {}.",
    ),
    Head(
        name="svm_rbf",
        build=build_rbf_svm,
        version="4",
        space={
            "variance": FloatDistribution(0.6, 0.98),
            "C": FloatDistribution(0.1, 300, log=True),
            "gamma": FloatDistribution(1e-5, 3e-3, log=True),
        },
        defaults={"variance": 0.9, "C": 10.0, "gamma": 3e-4},
        cost="medium",
        description="Principal components and a Gaussian support vector machine on {}.",
    ),
    Head(
        name="knn",
        build=build_neighbours,
        space={
            "n_neighbors": IntDistribution(1, 31, log=True),
            "metric": CategoricalDistribution(("euclidean", "cosine")),
        },
        defaults={"n_neighbors": 20, "metric": "euclidean"},
        description="Nearest neighbours, weighted by distance, on {}.",
    ),
    Head(
        name="xgboost",
        build=build_boosting,
        version="3",
        space={"variance": FloatDistribution(0.4, 0.85), **XGBOOST["space"]},
        defaults={"variance": 0.7, **XGBOOST["defaults"]},
        cost="medium",
        description="Principal components and 100 rounds of XGBoost on {}.",
    ),
)
HEADS = {head.name: head for head in _HEADS}

"""Classical models on hand-crafted features: one builder, one search space and one good first trial each.

Every model weighs the classes equally (balanced accuracy is what the suites tune for), fills gaps with training
medians and runs on one thread. Ranges were set by what fits within seconds, never by scores on a target.
"""

from functools import partial

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression

from leukobench.models.boosting import BoostedTrees
from leukobench.models.estimators import Balanced, BalancedLDA, CappedNeighbors, Perceptron
from leukobench.models.pipeline import Quantised, imputed, scaled, threads
from leukobench.models.recipe import Recipe
from leukobench.models.svm import PairwiseSVC
from leukobench.preparation.in_view import IN_VIEW

BINS = 31
"""Of boosting: more double the time of small sources and gain nothing within Barcelona (.986 either way)."""


def build_logistic_regression(params, seed):
    """Logistic regression of scaled columns."""
    return scaled(LogisticRegression(**params, class_weight="balanced", max_iter=300, tol=1e-3, random_state=seed))


def build_lda(params, seed):
    """Linear discriminant of scaled columns with a shrunk covariance, which weighs the classes equally."""
    return scaled(BalancedLDA(solver="lsqr", **params))


def build_knn(params, seed):
    """Nearest neighbours among scaled columns."""
    # of many columns scikit-learn compares all rows anyway; said here, so that a stored model holds no search tree
    return scaled(CappedNeighbors(**params, algorithm="brute", n_jobs=threads()))


def build_svm(params, seed):
    """Support vector machine with an RBF kernel on scaled columns."""
    return scaled(PairwiseSVC(**params, random_state=seed))


def build_polynomial_svm(params, seed):
    """Support vector machine with a polynomial kernel on scaled columns."""
    return scaled(PairwiseSVC(kernel="poly", **params, random_state=seed))


def build_random_forest(params, seed):
    """Random forest of 200 trees."""
    return imputed(RandomForestClassifier(200, **params, class_weight="balanced", n_jobs=threads(), random_state=seed))


def build_extra_trees(params, seed):
    """Extremely randomised forest of 300 trees."""
    return imputed(ExtraTreesClassifier(300, **params, class_weight="balanced", n_jobs=threads(), random_state=seed))


def build_voting_trees(seed):
    """The forest of `build_vote`; it has nothing to tune."""
    # leaves of several rows, since the copies of one image lie together; fixed, not tuned: every setting scores alike
    # within its source, so a source cannot tell which of them carries over
    return imputed(
        ExtraTreesClassifier(
            100, max_features=0.1, min_samples_leaf=8, class_weight="balanced", n_jobs=threads(), random_state=seed
        )
    )


def build_vote(params, seed):
    """Mean of the probabilities of a forest and a linear discriminant, whose errors differ."""
    lda = build_lda({"shrinkage": 0.1}, seed)
    return VotingClassifier([("extra_trees", build_voting_trees(seed)), ("lda", lda)], voting="soft")


def build_mlp(params, seed):
    """Mean of the probabilities of three perceptrons of two layers of 64, each trained until its loss stands still."""
    settings = {"max_iter": 200, "tol": 1e-3, "n_iter_no_change": 3}
    seeds = np.random.SeedSequence(seed).generate_state(3).tolist()
    members = [Perceptron((64, 64), **params, **settings, random_state=own) for own in seeds]
    return scaled(Balanced(VotingClassifier([(str(k), each) for k, each in enumerate(members)], voting="soft")))


def build_hist_gradient_boosting(params, seed):
    """Histogram gradient boosting of scikit-learn, 50 rounds."""
    # no early stopping: its validation split fails for classes with a single image
    return imputed(
        Quantised(BINS),
        HistGradientBoostingClassifier(
            max_iter=50, **params, class_weight="balanced", early_stopping=False, max_bins=BINS, random_state=seed
        ),
    )


def boosted_trees(params, seed):
    """Gradient boosting of XGBoost, 100 rounds with balanced classes, for tables without gaps."""
    return Balanced(
        BoostedTrees(n_estimators=100, **params, tree_method="hist", max_bin=64, n_jobs=threads(), random_state=seed)
    )


def build_xgboost(params, seed):
    """`boosted_trees` for tables with gaps."""
    return imputed(boosted_trees(params, seed))


LDA = {"space": {"shrinkage": FloatDistribution(1e-3, 0.9, log=True)}, "defaults": {"shrinkage": 0.05}}
EXTRA_TREES = {
    "space": {
        "max_features": FloatDistribution(0.03, 0.5, log=True),
        "min_samples_leaf": IntDistribution(1, 5),
    },
    "defaults": {"max_features": 0.1, "min_samples_leaf": 1},
}
SVM = {
    "space": {"C": FloatDistribution(0.1, 300, log=True), "gamma": FloatDistribution(1e-5, 3e-2, log=True)},
    "defaults": {"C": 10.0, "gamma": 1e-3},
}
XGBOOST = {
    "space": {
        "learning_rate": FloatDistribution(0.03, 0.5, log=True),
        "max_depth": IntDistribution(2, 5),
        "min_child_weight": FloatDistribution(0.1, 10, log=True),
        "reg_lambda": FloatDistribution(0.1, 10, log=True),
        "subsample": FloatDistribution(0.5, 1.0),
        "colsample_bytree": FloatDistribution(0.1, 0.5),
    },
    "defaults": {
        "learning_rate": 0.15,
        "max_depth": 3,
        "min_child_weight": 0.5,
        "reg_lambda": 1.0,
        "subsample": 0.8,
        "colsample_bytree": 0.2,
    },
}
LOGISTIC_REGRESSION = {"space": {"C": FloatDistribution(1e-4, 10, log=True)}, "defaults": {"C": 0.05}}


_classical = partial(Recipe, family="classical", representation="features:core")
RECIPES = (
    _classical(
        name="logistic_regression",
        build=build_logistic_regression,
        **LOGISTIC_REGRESSION,
        description="Multinomial logistic regression with an L2 penalty.",
    ),
    _classical(
        name="lda",
        build=build_lda,
        **LDA,
        description="Linear discriminant analysis with a shrunk covariance and equal priors.",
    ),
    _classical(
        name="knn",
        build=build_knn,
        space={
            "n_neighbors": IntDistribution(1, 31, log=True),
            "metric": CategoricalDistribution(("euclidean", "manhattan", "cosine")),
        },
        defaults={"n_neighbors": 7, "metric": "manhattan"},
        description="Nearest neighbours, weighted by distance.",
    ),
    _classical(
        name="svm_rbf",
        build=build_svm,
        version="2",
        **SVM,
        description="Support vector machine with a Gaussian kernel; probabilities by pairwise coupling.",
    ),
    _classical(
        name="random_forest",
        cost="heavy",
        build=build_random_forest,
        space={
            "max_features": FloatDistribution(0.03, 0.15, log=True),
            "min_samples_leaf": IntDistribution(1, 5),
        },
        defaults={"max_features": 0.07, "min_samples_leaf": 1},
        description="200 bagged trees.",
        source="Breiman 2001, doi 10.1023/A:1010933404324",
    ),
    _classical(
        name="extra_trees",
        cost="medium",
        build=build_extra_trees,
        **EXTRA_TREES,
        description="300 trees with random cuts.",
        source="Geurts 2006, doi 10.1007/s10994-006-6226-1",
    ),
    _classical(
        name="hist_gradient_boosting",
        build=build_hist_gradient_boosting,
        version="3",
        space={
            "learning_rate": FloatDistribution(0.03, 0.4, log=True),
            "max_leaf_nodes": IntDistribution(4, 12),
            "min_samples_leaf": IntDistribution(2, 30, log=True),
            "l2_regularization": FloatDistribution(1e-3, 10, log=True),
            "max_features": FloatDistribution(0.05, 0.3, log=True),
        },
        defaults={
            "learning_rate": 0.15,
            "max_leaf_nodes": 8,
            "min_samples_leaf": 5,
            "l2_regularization": 0.1,
            "max_features": 0.1,
        },
        description="50 rounds of scikit-learn's histogram gradient boosting.",
    ),
    _classical(
        name="xgboost",
        cost="medium",
        build=build_xgboost,
        **XGBOOST,
        description="100 rounds of XGBoost.",
        source="Chen 2016, doi 10.1145/2939672.2939785",
    ),
    _classical(
        name="vote",
        cost="medium",
        representation="features:untextured",
        build=build_vote,
        developed_on=IN_VIEW,
        ensemble=True,
        description="Mean of extra trees and linear discriminant analysis, on all features but texture.",
    ),
    _classical(
        name="tavakoli2021",
        representation="features:tavakoli2021",
        build=build_polynomial_svm,
        version="2",
        space={
            "C": FloatDistribution(1e-2, 100, log=True),
            "degree": IntDistribution(2, 4),
            "gamma": FloatDistribution(1e-3, 0.3, log=True),
            "coef0": FloatDistribution(0.0, 2.0),
        },
        defaults={"C": 1.0, "degree": 3, "gamma": 0.02, "coef0": 1.0},
        description="Shape of the nucleus and colour ratios to its hull, with a polynomial support vector machine.",
        source="Tavakoli 2021, doi 10.1038/s41598-021-98599-0",
    ),
)

ASKED = (
    _classical(
        name="mlp",
        cost="medium",
        representation="features:untextured",
        build=build_mlp,
        space={"alpha": FloatDistribution(0.1, 10, log=True)},
        defaults={"alpha": 1.0},
        developed_on=IN_VIEW,
        ensemble=True,
        description="Mean of three multilayer perceptrons, on all features but texture.",
        source="Lakshminarayanan 2017, arXiv 1612.01474",
    ),
)
"""Models that run where a name asks for them, and in no suite of all."""

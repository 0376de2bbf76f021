"""Hand-crafted features and a frozen network's vectors together: `fused:<backbone>`."""

from dataclasses import replace

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.pipeline import make_pipeline

from leukobench.features import feature_names
from leukobench.models.classical import build_lda, build_voting_trees
from leukobench.models.spec import JOINT
from leukobench.models.variants import frozen
from leukobench.preparation.in_view import IN_VIEW

FEATURE_SET = "untextured"


def build_fused(params, seed):
    """Trees on the features alone, since 1,280 vector components would crowd them out; the linear side on both."""
    columns = slice(len(feature_names(FEATURE_SET)))
    trees = make_pipeline(ColumnTransformer([("features", "passthrough", columns)]), build_voting_trees(seed))
    return VotingClassifier([("extra_trees", trees), ("lda", build_lda({"shrinkage": 0.1}, seed))], voting="soft")


def fused(backbone):
    """The recipe of "fused:<backbone>", before its pictures are seen through a view.

    Examples
    --------
    >>> fused("mobilenet_v2").representation
    'features:untextured&embedding:mobilenet_v2'
    """
    vectors = frozen(backbone)
    return replace(
        vectors,
        name=f"fused:{vectors.name}",
        family="fused",
        representation=f"features:{FEATURE_SET}{JOINT}{vectors.representation}",
        build=build_fused,
        developed_on=IN_VIEW,
        cost="medium",
        description=f"Mean of extra trees on features and linear discriminant analysis on features and {vectors.name}.",
        side="both",
        kind="joint",
    )

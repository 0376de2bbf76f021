"""Hand-crafted features and a frozen network's vectors together: `fused:<backbone>`."""

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.pipeline import make_pipeline

from leukobench.features import feature_names
from leukobench.models.classical import build_lda, build_voting_trees
from leukobench.models.recipe import Recipe
from leukobench.models.variants import split_variants

PREFIX = "fused:"
FEATURE_SET, VIEW = "untextured", "augmented"


def build_fused(params, seed):
    """Trees on the features alone, since 1,280 vector components would crowd them out; the linear side on both."""
    columns = slice(len(feature_names(FEATURE_SET)))
    trees = make_pipeline(ColumnTransformer([("features", "passthrough", columns)]), build_voting_trees(seed))
    return VotingClassifier([("extra_trees", trees), ("lda", build_lda({"shrinkage": 0.1}, seed))], voting="soft")


def fused(name):
    """The recipe of "fused:<backbone>[~variant...]".

    Parameters
    ----------
    name : str
        Such as "fused:mobilenet_v2".

    Returns
    -------
    Recipe or None
        None for a name of another kind.

    Raises
    ------
    UsageError
        Where the backbone or a variant is unknown.

    Examples
    --------
    >>> fused("fused:mobilenet_v2").representation
    'features:untextured@augmented&embedding:mobilenet_v2@augmented'
    """
    if not name.startswith(PREFIX):
        return None
    backbone = name.removeprefix(PREFIX)
    card, _ = split_variants(backbone)
    return Recipe(
        name=name,
        family="fused",
        representation=f"features:{FEATURE_SET}@{VIEW}&embedding:{backbone}@{VIEW}",
        build=build_fused,
        contamination=card.contamination,
        cost="heavy",
        description=f"Mean of extra trees on features and linear discriminant analysis on features and {card.name}, "
        "with 8 augmented copies in training.",
        source=card.source,
    )

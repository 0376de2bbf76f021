"""Controls: what a score means is read against them."""

from functools import partial

from sklearn.dummy import DummyClassifier

from leukobench.models.classical import EXTRA_TREES, LDA, build_extra_trees, build_lda
from leukobench.models.estimators import ShuffledLabels
from leukobench.models.recipe import Recipe


def build_prior(params, seed):
    """The classes' frequencies, whatever the row."""
    return DummyClassifier(strategy="prior")


def build_shuffled_labels(params, seed):
    """A linear discriminant that is trained on shuffled labels."""
    return ShuffledLabels(build_lda(params, seed), random_state=seed)


_control = partial(Recipe, family="control", side="control", representation="features:core")
RECIPES = (
    _control(
        name="prior",
        build=build_prior,
        description="Class frequencies of the source, whatever the image.",
    ),
    _control(
        name="background_only",
        representation="features:background",
        cost="medium",
        build=build_extra_trees,
        **EXTRA_TREES,
        description="Extra trees on colours from outside the cell: above chance, the smear gives the class away.",
    ),
    _control(
        name="shuffled_labels",
        build=build_shuffled_labels,
        **LDA,
        description="Linear discriminant analysis on permuted labels: above chance, the protocol leaks.",
    ),
)

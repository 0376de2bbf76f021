"""What was in view when a default was chosen follows from the parts of a name."""

import dataclasses

import pytest

from leukobench.models import get_model
from leukobench.models.identity import recipe_hash
from leukobench.preparation.in_view import IN_VIEW
from leukobench.preparation.views import VIEWS, view_key


@pytest.mark.parametrize(
    ("name", "in_view"),
    [
        ("mobilenet_v2+knn", ()),
        ("lda", ("cvb", "jiangxi")),
        ("lda+coral", ("cvb", "jiangxi")),
        ("lda+experts", IN_VIEW),
        ("lda@grey_world", ("cvb", "jiangxi")),
        ("lda@canonical", IN_VIEW),
        ("vote", IN_VIEW),
        ("mobilenet_v2@augmented+knn", IN_VIEW),
        ("finetune:mobilenet_v2", IN_VIEW),
        ("fused:mobilenet_v2", IN_VIEW),
    ],
)
def test_parts_of_a_name_say_what_they_were_chosen_by(name, in_view):
    assert get_model(name).developed_on == in_view


@pytest.mark.parametrize(
    ("name", "augmented", "ensemble", "counts_as"),
    [
        ("lda", False, False, "lda"),
        ("vote@augmented+experts", True, True, "vote@augmented"),
        ("mobilenet_v2+flips+svm_rbf", False, False, "mobilenet_v2"),
        ("mobilenet_v2+knn", False, False, "mobilenet_v2"),
        ("finetune:mobilenet_v2", True, False, "finetune:mobilenet_v2"),
        ("finetune:mobilenet_v2+ensemble", True, True, "finetune:mobilenet_v2"),
        ("knn[n_neighbors=5]@scale", False, False, "knn@scale"),
    ],
)
def test_the_design_follows_from_a_name(name, augmented, ensemble, counts_as):
    recipe = get_model(name)
    assert (recipe.augmented, recipe.ensemble, recipe.counts_as) == (augmented, ensemble, counts_as)


def test_it_changes_neither_identity_nor_pixels():
    recipe = get_model("vote@augmented")
    assert recipe_hash(dataclasses.replace(recipe, developed_on=())) == recipe_hash(recipe)
    view = VIEWS["augmented"]
    assert view_key(dataclasses.replace(view, developed_on=())) == view_key(view)

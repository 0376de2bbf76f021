"""Names that ask for a view or an option."""

import pickle

import pytest

from leukobench.models import classical, get_model
from leukobench.models.options import OPTIONS
from leukobench.preparation.views import VIEWS

CLASSICAL = [recipe.name for recipe in classical.RECIPES]


@pytest.mark.parametrize("model", CLASSICAL)
@pytest.mark.parametrize("view", VIEWS)
def test_every_classical_model_takes_every_view(model, view):
    recipe = get_model(f"{model}@{view}")
    assert recipe.name == f"{model}@{view}"
    assert recipe.representation == f"{get_model(model).representation}@{view}"
    assert recipe.space == get_model(model).space


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("model", ["lda", "lda@augmented"])
def test_options_wrap_and_say_what_they_see(model, option):
    recipe = get_model(f"{model}+{option}")
    estimator = recipe.build(recipe.defaults, 0)
    assert isinstance(estimator, OPTIONS[option].wrap)
    assert recipe.transductive == OPTIONS[option].transductive
    assert pickle.loads(pickle.dumps(recipe)) == recipe

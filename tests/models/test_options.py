"""Names that ask for a view or an option."""

import pickle

import pytest

from leukobench.errors import UsageError
from leukobench.features.views import VIEWS
from leukobench.models import MODELS, get_model
from leukobench.models.adaptation import Coral
from leukobench.models.options import OPTIONS

CLASSICAL = [name for name, recipe in MODELS.items() if recipe.family == "classical" and "@" not in name]


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


def test_variants_are_listed_only_where_they_are_offered():
    before = list(MODELS)
    assert get_model("knn@macenko+coral").build({"n_neighbors": 3, "metric": "cosine"}, 0).__class__ is Coral
    assert list(MODELS) == before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lda@moon", "unknown view 'moon'"),
        ("lda+luck", "unknown option 'luck'"),
        ("lda@canonical+luck", "unknown option"),
        ("nobody@canonical", "unknown model"),
    ],
)
def test_mistakes_are_named(name, message):
    with pytest.raises(UsageError, match=message):
        get_model(name)

"""The table of all models; a new one is a row in its family's module and is tested by being there."""

from difflib import get_close_matches

from leukobench.errors import UsageError
from leukobench.models import classical, controls, embedding
from leukobench.models.options import with_option, with_view

OFFERED = (
    "vote@augmented",
    "vote@augmented+experts",
    "vote@canonical+standardised",
    "vote@canonical+coral",
    "vote@augmented+self_training",
)
"""Variants that are listed and run beside the models themselves; any other can be asked for by name."""


class Models(dict):
    """Name to recipe; `<model>@<view>` and `<model>@<view>+<option>` are made of classical models when asked for."""

    def __missing__(self, name):
        base, at, rest = name.partition("@")
        view, plus, option = rest.partition("+")
        if not at:
            base, plus, option = name.rpartition("+")
        recipe = self.get(base)
        if recipe is None or not recipe.representation.startswith("features:"):
            raise KeyError(name)
        recipe = with_view(recipe, view) if at else recipe
        return with_option(recipe, option) if plus else recipe


MODELS = Models({recipe.name: recipe for recipe in (*controls.RECIPES, *classical.RECIPES, *embedding.RECIPES)})
MODELS.update({name: MODELS[name] for name in OFFERED})


def get_model(name):
    """Look up a model.

    Parameters
    ----------
    name : str
        Name of a registered model, such as "extra_trees"; of a classical one seen through a view, such as
        "extra_trees@augmented" (`leukobench.features.views.VIEWS`); or of either with an option, such as
        "lda@augmented+stable" (`leukobench.models.options.OPTIONS`).

    Returns
    -------
    Recipe
        The model's recipe.

    Raises
    ------
    UsageError
        Where there is no such model, view or option; the hint names the nearest model.

    Examples
    --------
    >>> get_model("extra_trees").family
    'classical'
    >>> get_model("extra_trees@augmented").representation
    'features:core@augmented'
    """
    try:
        return MODELS[name]
    except KeyError:
        near = get_close_matches(name, MODELS, n=1)
        known = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(MODELS)}"
        raise UsageError(f"unknown model '{name}'", known) from None

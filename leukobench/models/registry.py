"""The table of all models; a new one is a row in its family's module and is tested by being there."""

from difflib import get_close_matches

from leukobench.errors import UsageError
from leukobench.models import classical, controls, embedding

MODELS = {recipe.name: recipe for recipe in (*controls.RECIPES, *classical.RECIPES, *embedding.RECIPES)}


def get_model(name):
    """Look up a registered model.

    Parameters
    ----------
    name : str
        Name of the model, such as "extra_trees".

    Returns
    -------
    Recipe
        The model's recipe.

    Raises
    ------
    UsageError
        Where there is no such model; the hint names the nearest one.

    Examples
    --------
    >>> get_model("extra_trees").family
    'classical'
    """
    if name in MODELS:
        return MODELS[name]
    near = get_close_matches(name, MODELS, n=1)
    raise UsageError(f"unknown model '{name}'", f"did you mean '{near[0]}'?" if near else f"known: {', '.join(MODELS)}")

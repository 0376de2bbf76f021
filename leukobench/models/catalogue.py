"""What `leukobench models ls` tells of a model: its weights, what they have seen, and whether it can run here.

Nothing is imported or loaded for it, so it holds on a machine without any deep-learning library.
"""

from leukobench.models.backbones import get_backbone, not_installed
from leukobench.models.bases import BASES, STEPS
from leukobench.models.classical import ASKED
from leukobench.models.registry import DEFAULT, DEFAULT_WITHOUT_DEEP, get_model
from leukobench.preparation.views import VIEWS


def default_model():
    """The model that is trained here where none is named.

    Returns
    -------
    model : str
        `leukobench.models.DEFAULT`; `DEFAULT_WITHOUT_DEEP` where something is missing that it is trained with.
    note : str
        What is, and how to get it; else empty.

    Examples
    --------
    >>> default_model()[0].startswith("ensemble:")
    True
    """
    recipe = get_model(DEFAULT)
    if not (missing := describe(recipe)["missing"]):
        return recipe.name, ""
    name = get_model(DEFAULT_WITHOUT_DEEP).name
    first = missing.partition("; ")[0]  # a backbone that lacks the same says it once more
    return name, f"{name} is trained, which is one half of the better {recipe.name}: for that {first}"


def describe(recipe):
    """Facts of one model.

    Parameters
    ----------
    recipe : leukobench.models.recipe.Recipe

    Returns
    -------
    dict of str
        Its fields in the order in which they are shown; "missing" is empty where it can run here.

    Examples
    --------
    >>> from leukobench.models import get_model
    >>> describe(get_model("lda"))["missing"]
    ''
    """
    cards = [get_backbone(name) for name in recipe.backbones]
    # What networks lack is asked where the model's own libraries are there: they are mostly the same.
    lacking = dict.fromkeys(filter(None, (card.missing() for card in cards)))
    return {
        "model": recipe.name,
        "family": recipe.family,
        "reads": recipe.representation,
        "weights": "; ".join(card.origin for card in cards),
        "licence": "; ".join(card.licence for card in cards),
        "has seen": ", ".join(recipe.contamination),
        "developed on": ", ".join(recipe.developed_on),
        "cost": recipe.cost,
        "missing": not_installed(recipe.needs) or "; ".join(lacking),
        "what it is": recipe.description,
    }


def networks(recipes):
    """Facts of the pretrained networks that some models stand on.

    Parameters
    ----------
    recipes : iterable of leukobench.models.recipe.Recipe

    Returns
    -------
    list of dict of str
        One of each network; "missing" is empty where it can run here.
    """
    cards = [get_backbone(name) for name in dict.fromkeys(name for recipe in recipes for name in recipe.backbones)]
    return [
        {
            "network": card.name,
            "weights": card.origin,
            "licence": card.licence,
            "trained on": "; ".join(card.pretrained_on),
            "has seen": ", ".join(card.contamination),
            "missing": card.missing(),
        }
        for card in cards
    ]


def on_demand():
    """Names that are not listed but made when they are asked for.

    Returns
    -------
    list of dict
        What stands in a name, what it is, and what is missing here.
    """
    bases = [
        {"name": f"{base.name}:{base.form}", "what it is": base.description, "missing": base.missing()}
        for base in BASES.values()
        if base.form
    ]
    asked = [{"name": recipe.name, "what it is": recipe.description, "missing": ""} for recipe in ASKED]
    views = [(f"<model>@{name}", f"images {view.description}") for name, view in VIEWS.items()]
    steps = [(f"<{step.takes[0]}>+{step.name}", step.description.format("them")) for step in STEPS.values()]
    return asked + bases + [{"name": name, "what it is": what, "missing": ""} for name, what in (*views, *steps)]

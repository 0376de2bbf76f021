"""What `leukobench models ls` tells of a model: its weights, what they have seen, and whether it can run here.

Nothing is imported or loaded for it, so it holds on a machine without any deep-learning library.
"""

from leukobench.features.views import VIEWS
from leukobench.models.backbones import SOURCES, get_backbone, not_installed
from leukobench.models.fused import PREFIX
from leukobench.models.heads import HEADS
from leukobench.models.network import recipes as network
from leukobench.models.options import OPTIONS
from leukobench.models.variants import VARIANTS, split_variants

NEEDS = {"fine-tuned": ("torch", "skorch")}
"""Family to the libraries that fitting takes, besides those of a backbone."""


def backbones_of(recipe):
    """The cards of the networks that a model stands on.

    Parameters
    ----------
    recipe : leukobench.models.recipe.Recipe

    Returns
    -------
    list of leukobench.models.backbones.Backbone
        Empty for models without pretrained weights.
    """
    if recipe.family == "fine-tuned":
        _, colon, backbone = recipe.name.partition("@")[0].partition("+")[0].partition(":")
        return [get_backbone(backbone)] if colon else []
    parts = [part.partition(":") for part in recipe.representation.split("&")]
    return [split_variants(what.partition("@")[0])[0] for kind, _, what in parts if kind == "embedding"]


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
    cards = backbones_of(recipe)
    missing = [not_installed(NEEDS.get(recipe.family, ())), *(card.missing() for card in cards)]
    return {
        "model": recipe.name,
        "family": recipe.family,
        "reads": recipe.representation,
        "weights": "; ".join(card.origin for card in cards),
        "licence": "; ".join(card.licence for card in cards),
        "has seen": ", ".join(recipe.contamination),
        "cost": recipe.cost,
        "missing": "; ".join(dict.fromkeys(filter(None, missing))),
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
    cards = {card.name: card for recipe in recipes for card in backbones_of(recipe)}
    return [
        {
            "network": card.name,
            "weights": card.origin,
            "licence": card.licence,
            "trained on": "; ".join(card.pretrained_on),
            "has seen": ", ".join(card.contamination),
            "missing": card.missing(),
        }
        for card in cards.values()
    ]


def on_demand():
    """Names that are not listed but made when they are asked for.

    Returns
    -------
    list of dict
        What stands in a name, what it is, and what is missing here.
    """
    heads = ", ".join(HEADS)
    rows = [
        {"name": f"{prefix}:{source.form}+<head>", "what it is": source.description, "missing": source.missing()}
        for prefix, source in SOURCES.items()
    ]
    rows += [
        {"name": "<backbone>+<head>", "what it is": f"any backbone with {heads}", "missing": ""},
        {"name": "<backbone>~<variant>+<head>", "what it is": _told(VARIANTS), "missing": ""},
        {
            "name": f"{network.PREFIX}<backbone>[+<variant>]",
            "what it is": f"any of these networks, fine-tuned; variants, of lenet too: {', '.join(network.VARIANTS)}",
            "missing": not_installed(NEEDS["fine-tuned"]),
        },
        {
            "name": f"{PREFIX}<backbone>[~<variant>]",
            "what it is": "hand-crafted features and the vectors of a frozen network together",
            "missing": "",
        },
        {"name": "<model>@<view>", "what it is": _told(VIEWS), "missing": ""},
        {"name": "<model>[@<view>]+<option>", "what it is": _told(OPTIONS), "missing": ""},
    ]
    return rows


def _told(table):
    return f"one of {', '.join(table)}"

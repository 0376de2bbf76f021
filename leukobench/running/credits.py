"""Whom a run owes what: the publications of its datasets, pretrained networks and models, as its plan keeps them."""

from leukobench.datasets.registry import get_dataset
from leukobench.models import get_model
from leukobench.models.backbones import get_backbone


def credits(suite, root):
    """Publications and licences of what a suite uses.

    Parameters
    ----------
    suite : Suite
    root : path-like
        The data root, for a laboratory's own folders.

    Returns
    -------
    dict of str to dict
        "datasets", "backbones" and "models": name to `title`, `note` (what to cite), `licence` and `url`, empty where
        nothing is known.
    """
    recipes = {name: get_model(name) for name in suite.models}
    backbones = sorted({name for recipe in recipes.values() for name in recipe.backbones})
    return {
        "datasets": {name: _of_dataset(get_dataset(name, root).card) for name in suite.datasets},
        "backbones": {name: _of_backbone(get_backbone(name)) for name in backbones},
        "models": {
            name: {"title": recipe.description, "note": recipe.source, "licence": "", "url": ""}
            for name, recipe in recipes.items()
        },
    }


def _of_dataset(card):
    return {"title": card.title, "note": card.citation, "licence": card.licence, "url": card.url}


def _of_backbone(card):
    trained = f"trained on {', '.join(card.pretrained_on)}"
    return {"title": f"{card.name}, {trained}", "note": card.source, "licence": card.licence, "url": ""}

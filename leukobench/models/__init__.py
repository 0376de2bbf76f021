"""Registered models: estimator factories with their search spaces, and the image embeddings they may stand on."""

from leukobench.models.bases import OWN
from leukobench.models.heads import Head
from leukobench.models.options import Option
from leukobench.models.outside import register, unregister
from leukobench.models.own_file import register_file
from leukobench.models.recipe import Recipe
from leukobench.models.registry import DEFAULT, MODELS, get_model

__all__ = [
    "DEFAULT",
    "MODELS",
    "OWN",
    "Head",
    "Option",
    "Recipe",
    "get_model",
    "register",
    "register_file",
    "unregister",
]

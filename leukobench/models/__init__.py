"""Registered models: estimator factories with their search spaces, and the image embeddings they may stand on."""

from leukobench.models.recipe import Recipe
from leukobench.models.registry import MODELS, get_model, register

__all__ = ["MODELS", "Recipe", "get_model", "register"]

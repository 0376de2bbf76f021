"""Frozen networks by name: two from the package index, and families whose cards are made on demand."""

from difflib import get_close_matches

from leukobench.errors import UsageError
from leukobench.models.backbones import dino, hub, onnx_file
from leukobench.models.backbones.card import INSTALL, Backbone, import_deep, is_installed
from leukobench.models.backbones.package_index import BACKBONES

__all__ = ["BACKBONES", "INSTALL", "PREFIXES", "Backbone", "get_backbone", "import_deep", "is_installed"]

PREFIXES = {
    "timm": hub.timm_card,
    "torchvision": hub.torchvision_card,
    "dinov2": dino.dinov2_card,
    "dinobloom": dino.dinobloom_card,
    "onnx": onnx_file.onnx_card,
}
"""What stands before the colon to the function that makes the card of what stands behind it."""


def get_backbone(name):
    """The card of a backbone.

    Parameters
    ----------
    name : str
        "mobilenet_v2", "efficientnet_lite0", "timm:<name>", "torchvision:<name>", "dinov2:<s|b|l|g>",
        "dinobloom:<s|b|l|g>" or "onnx:<file>".

    Returns
    -------
    leukobench.models.backbones.card.Backbone
        The card.

    Raises
    ------
    UsageError
        Where there is no such backbone (the hint names the nearest one), or its library or file is missing.

    Examples
    --------
    >>> get_backbone("mobilenet_v2").dim
    1280
    """
    if name in BACKBONES:
        return BACKBONES[name]
    prefix, colon, rest = name.partition(":")
    if colon and prefix in PREFIXES:
        return PREFIXES[prefix](rest)
    near = get_close_matches(name, BACKBONES, n=1)
    known = ", ".join([*BACKBONES, *(f"{prefix}:..." for prefix in PREFIXES)])
    raise UsageError(f"unknown backbone '{name}'", f"did you mean '{near[0]}'?" if near else f"known: {known}")

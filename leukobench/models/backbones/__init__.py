"""Frozen networks by name: two from the package index, and families whose cards are made on demand."""

from collections.abc import Callable
from dataclasses import dataclass

from leukobench.errors import unknown
from leukobench.models.backbones import dino, hub, onnx_file
from leukobench.models.backbones.card import Backbone
from leukobench.models.backbones.libraries import INSTALL, import_deep, not_installed
from leukobench.models.backbones.package_index import BACKBONES
from leukobench.models.spec import ModelSpec

__all__ = ["BACKBONES", "INSTALL", "SOURCES", "Backbone", "Source", "get_backbone", "import_deep", "not_installed"]


@dataclass(frozen=True)
class Source:
    """Where backbones come from that are not in the table, but made when their name is asked for.

    Parameters
    ----------
    card : callable
        What stands behind the colon to a `Backbone`.
    form, description : str
        What may stand behind the colon, and what it is.
    libraries : tuple of str
        What has to import.
    help : str
        The command that gets them.
    """

    card: Callable[[str], Backbone]
    form: str
    description: str
    libraries: tuple[str, ...]
    help: str

    def missing(self):
        """Which library is not installed and the command that gets it; empty where all are."""
        return not_installed(self.libraries, self.help)


SOURCES = {
    "timm": Source(hub.timm_card, "<name>", "any network of timm with its weights", ("torch", "timm"), hub.GET_TIMM),
    "torchvision": Source(
        hub.torchvision_card,
        "<name>",
        "any classifier of torchvision with its weights",
        ("torch", "torchvision"),
        hub.GET_TORCHVISION,
    ),
    "dinov2": Source(
        dino.dinov2_card, "<s|b|l|g>", "DINOv2, no blood cells in training", ("torch", "timm"), hub.GET_TIMM
    ),
    "dinobloom": Source(
        dino.dinobloom_card,
        "<s|b|l|g>",
        f"DinoBloom; has seen {', '.join(dino.DINOBLOOM_SEEN)}",
        ("torch", "timm"),
        hub.GET_TIMM,
    ),
    "onnx": Source(
        onnx_file.onnx_card,
        "<file>.onnx",
        "a network in a file, its facts in <file>.onnx.toml",
        (),
        "",
    ),
}
"""What stands before the colon to where such backbones come from."""


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
    spec = ModelSpec.parse(name)
    if spec.base in SOURCES and spec == ModelSpec(spec.base, spec.argument):
        return SOURCES[spec.base].card(":".join(spec.argument))
    forms = (f"{prefix}:{source.form}" for prefix, source in SOURCES.items())
    raise unknown("backbone", name, [*BACKBONES, *forms])

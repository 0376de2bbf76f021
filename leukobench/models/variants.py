"""Embeddings by name: a backbone, and the variants of its embedding that the name asks for."""

from collections.abc import Mapping
from dataclasses import dataclass

from leukobench.errors import UsageError
from leukobench.models.backbones import BACKBONES, get_backbone
from leukobench.models.embedding import EMBEDDING_VERSION, CNNEmbedding


@dataclass(frozen=True)
class Variant:
    """A setting of `CNNEmbedding` that "~<variant>" after a backbone's name asks for.

    Parameters
    ----------
    name : str
        What stands behind the "~".
    settings : mapping of str to str
        Parameters of `CNNEmbedding`.
    description : str
        What it is, for the descriptions of models.
    """

    name: str
    settings: Mapping[str, str]
    description: str


_VARIANTS = (
    Variant("multi_stage", {"pooling": "multi_stage"}, "means of several stages"),
    Variant("flips", {"tta": "flips"}, "averaged over four flips"),
    Variant("dihedral", {"tta": "dihedral"}, "averaged over eight flips and rotations"),
)
VARIANTS = {variant.name: variant for variant in _VARIANTS}
"""In the order in which a name must give them, so that one model has one name."""


def split_variants(name):
    """Take "<backbone>[~<variant>...]" apart.

    Parameters
    ----------
    name : str
        Such as "mobilenet_v2" or "mobilenet_v2~multi_stage~dihedral".

    Returns
    -------
    card : leukobench.models.backbones.Backbone
        Of the backbone.
    variants : tuple of Variant
        What the name asks for; empty for the plain network.

    Raises
    ------
    UsageError
        Where the backbone or a variant is unknown, or two variants set the same thing.

    Examples
    --------
    >>> card, variants = split_variants("mobilenet_v2~dihedral")
    >>> card.name, variants[0].settings
    ('mobilenet_v2', {'tta': 'dihedral'})
    """
    file, end, rest = name.rpartition(".onnx")  # a path may hold a "~" of its own
    backbone, *asked = (file + end + rest if not end else rest).split("~")
    card = get_backbone(file + end + backbone if end else backbone)
    unknown = [each for each in asked if each not in VARIANTS]
    if unknown:
        raise UsageError(f"unknown variant '{unknown[0]}' of {card.name}", f"known: {', '.join(VARIANTS)}")
    variants = tuple(VARIANTS[each] for each in asked)
    settings = [key for variant in variants for key in variant.settings]
    if len(settings) > len(set(settings)) or asked != sorted(asked, key=list(VARIANTS).index):
        raise UsageError(
            f"'{name}' asks for variants that do not go together",
            f"each of pooling and augmentation once, in the order {', '.join(VARIANTS)}",
        )
    return card, variants


def open_embedding(name, **parameters):
    """The transformer of "<backbone>[~<variant>...]".

    Parameters
    ----------
    name : str
        As in the representation "embedding:<name>".
    **parameters
        Further parameters of `CNNEmbedding`.

    Returns
    -------
    CNNEmbedding

    Raises
    ------
    UsageError
        Where the backbone or a variant is unknown.

    Examples
    --------
    >>> open_embedding("mobilenet_v2~flips")
    CNNEmbedding(tta='flips')
    """
    card, variants = split_variants(name)
    settings = {key: value for variant in variants for key, value in variant.settings.items()}
    return CNNEmbedding(card.name, **settings, **parameters)


def embedding_key(name):
    """What the vectors of "<backbone>[~<variant>...]" depend on besides its name, as plain values.

    Parameters
    ----------
    name : str
        As in the representation "embedding:<name>".

    Returns
    -------
    dict
        The version of this module, and what names the weights where the package does not settle them.

    Raises
    ------
    UsageError
        Where the backbone or a variant is unknown, or its weights are missing.

    Examples
    --------
    >>> embedding_key("mobilenet_v2")
    {'version': '1'}
    """
    card, variants = split_variants(name)
    key = {"version": EMBEDDING_VERSION}
    if card.name in BACKBONES:
        return key
    if card.load is None:  # a file is what it holds, wherever it lies
        key["name"] = "~".join(["embedding:onnx", *(each.name for each in variants)])
    return key | {"weights": card.checksum(), "input": [card.input_size, card.mean, card.std]}

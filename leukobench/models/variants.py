"""Embeddings by name: a frozen backbone, and the ways to embed that the name asks for."""

from dataclasses import dataclass, replace

from leukobench.errors import UsageError
from leukobench.models.backbones import BACKBONES, get_backbone
from leukobench.models.embedding import EMBEDDING_VERSION, CNNEmbedding
from leukobench.models.recipe import Recipe
from leukobench.models.spec import JOINT, ModelSpec, StepSpec, parts_of
from leukobench.models.words import Step


@dataclass(frozen=True, kw_only=True)
class Variant(Step):
    """A way to embed: its settings are parameters of `CNNEmbedding`."""

    takes: tuple = ("vectors", "joint")

    def apply(self, recipe, params):
        """The recipe with the vectors embedded in this way; UsageError where a backbone has no stages to average."""
        for name in recipe.backbones:
            get_backbone(name).length(self.settings.get("pooling", "last"))
        parts = [
            replace(part, steps=(*part.steps, StepSpec(self.name))) if part.base == "embedding" else part
            for part in parts_of(recipe.representation)
        ]
        return replace(recipe, representation=JOINT.join(map(str, parts))).told(f", {self.description}")


_VARIANTS = (
    Variant(name="multi_stage", settings={"pooling": "multi_stage"}, description="means of several stages"),
    Variant(name="flips", settings={"tta": "flips"}, description="averaged over four flips"),
    Variant(name="dihedral", settings={"tta": "dihedral"}, description="averaged over eight flips and rotations"),
)
VARIANTS = {variant.name: variant for variant in _VARIANTS}


def frozen(backbone):
    """The recipe of a frozen network's vectors, which lacks a head.

    Parameters
    ----------
    backbone : str
        A name that `leukobench.models.backbones.get_backbone` knows.

    Returns
    -------
    Recipe

    Raises
    ------
    UsageError
        Where the backbone is unknown, or its card cannot be made here.

    Examples
    --------
    >>> frozen("mobilenet_v2").representation
    'embedding:mobilenet_v2'
    """
    card = get_backbone(backbone)
    return Recipe(
        name=card.name,
        family="embedding",
        representation=f"embedding:{card.name}",
        build=None,
        contamination=card.contamination,
        description=f"a frozen {card.name}.",
        source=card.source,
        side="deep",
        kind="vectors",
        backbones=(card.name,),
    )


def _card_and_steps(name):
    spec = ModelSpec.parse(name)
    unknown = [step.name for step in spec.steps if step.name not in VARIANTS]
    if unknown or spec.view or spec.params:
        raise UsageError(f"'{name}' is no way to embed", f"a backbone with + and {', '.join(VARIANTS)}")
    return get_backbone(str(replace(spec, steps=()))), [VARIANTS[step.name] for step in spec.steps]


def open_embedding(name, **parameters):
    """The transformer of "<backbone>[+<way to embed>...]".

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
        Where the backbone or a way to embed is unknown.

    Examples
    --------
    >>> open_embedding("mobilenet_v2+flips")
    CNNEmbedding(tta='flips')
    """
    card, variants = _card_and_steps(name)
    settings = {key: value for variant in variants for key, value in variant.settings.items()}
    return CNNEmbedding(card.name, **settings, **parameters)


def embedding_key(name):
    """What the vectors of "<backbone>[+<way to embed>...]" depend on besides its name, as plain values.

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
        Where the backbone or a way to embed is unknown, or its weights are missing.

    Examples
    --------
    >>> embedding_key("mobilenet_v2")
    {'version': '1'}
    """
    card, variants = _card_and_steps(name)
    key = {"version": EMBEDDING_VERSION}
    if card.name in BACKBONES:
        return key
    if card.load is None:  # a file is what it holds, wherever it lies
        key["name"] = "+".join(["embedding:onnx", *(each.name for each in variants)])
    return key | {"weights": card.checksum(), "input": [card.input_size, card.mean, card.std]}

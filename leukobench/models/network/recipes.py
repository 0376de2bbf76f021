"""Fine-tuned networks by name: `finetune:<backbone>` and `lenet`, each with the variants of one table."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from optuna.distributions import FloatDistribution

from leukobench.errors import UsageError
from leukobench.models.backbones import get_backbone
from leukobench.models.network import LENET
from leukobench.models.network.classifier import NetworkClassifier
from leukobench.models.network.ensemble import NetworkEnsemble
from leukobench.models.recipe import Recipe

PREFIX = "finetune:"
PIXELS = "pixels:scale"
SPACE = {
    "learning_rate": FloatDistribution(1e-4, 3e-3, log=True),
    "strength": FloatDistribution(0.5, 1.5),
}
DEFAULTS = {"learning_rate": 1e-3, "strength": 1.2, "epochs": 8}


@dataclass(frozen=True)
class Variant:
    """A way to train that a name asks for behind a "+".

    Parameters
    ----------
    settings : mapping
        Parameters of `NetworkClassifier`; with `members`, of an ensemble of so many.
    description, source : str
        What it adds, and the publication it follows.
    transductive : bool, default False
        Whether it uses unlabelled target images.
    defaults : mapping
        Default parameters that differ from `DEFAULTS`.
    revision : str, default ""
        Goes behind the recipe's version; changes where only this variant gives other numbers.
    """

    settings: Mapping = field(hash=False)
    description: str
    source: str
    transductive: bool = False
    defaults: Mapping = field(hash=False, default_factory=dict)
    revision: str = ""


# Without the statistics of the batch a network does not train at the learning rate of DEFAULTS (docs/models.md).
GENTLE = {"learning_rate": 3e-4}
VARIANTS = {
    "plain": Variant({"colour": "none", "grey": 0.0}, "without changes of colour in training", "the usual fine-tuning"),
    "strong_colour": Variant(
        {"colour": "strong", "grey": 0.4},
        "with stronger changes of colour in training",
        "Tellez 2019, doi 10.1016/j.media.2019.101544",
    ),
    "mixup": Variant({"mixup": 0.2}, "with blended pairs of images", "Zhang 2018, arXiv 1710.09412"),
    "mixstyle": Variant({"mixstyle": 0.5}, "with mixed styles of feature maps", "Zhou 2021, arXiv 2104.02008"),
    "coral": Variant(
        {"coral": 1.0}, "with the sources' feature moments aligned", "Sun 2016, doi 10.1007/978-3-319-49409-8_35"
    ),
    "group_norm": Variant(
        {"norm": "group"},
        "with groups in place of batches",
        "Wu 2018, arXiv 1803.08494",
        defaults=GENTLE,
        revision=".1",
    ),
    "fixed_norm": Variant(
        {"norm": "fixed"},
        "with the batch statistics of its pretraining",
        "Gulrajani 2021, arXiv 2007.01434",
        defaults=GENTLE,
        revision=".1",
    ),
    "adabn": Variant({"adapt": True}, "with the target's batch statistics", "Li 2016, arXiv 1603.04779", True),
    "ensemble": Variant(
        {"members": 3}, "in three trainings that answer together", "Lakshminarayanan 2017, arXiv 1612.01474"
    ),
}


@dataclass(frozen=True)
class Build:
    """Builds the classifier; a value, so that recipes compare and pickle."""

    network: str
    settings: Mapping = field(hash=False, default_factory=dict)

    def __call__(self, params, seed):
        settings = dict(self.settings)
        members = settings.pop("members", 1)
        network = NetworkClassifier(self.network, **settings, **params, random_state=seed)
        return network if members == 1 else NetworkEnsemble(network, members)


def fine_tuned(name):
    """The recipe of a fine-tuned network.

    Parameters
    ----------
    name : str
        "finetune:<backbone>" or "lenet", and "+<variant>" behind it where one of `VARIANTS` is wanted.

    Returns
    -------
    Recipe or None
        None for a name of another kind.

    Raises
    ------
    UsageError
        Where there is no such backbone or variant.

    Examples
    --------
    >>> fine_tuned("finetune:mobilenet_v2+mixup").family
    'fine-tuned'
    """
    network, plus, variant = name.rpartition("+") if "+" in name else (name, "", "")
    if network != LENET and not network.startswith(PREFIX):
        return None
    if plus and variant not in VARIANTS:
        raise UsageError(f"unknown variant '{variant}' of {network}", f"known: {', '.join(VARIANTS)}")
    if network == LENET:
        description, source, contamination = "LeNet, trained from chance", "LeCun 1998, doi 10.1109/5.726791", ()
    else:
        card = get_backbone(network.removeprefix(PREFIX))
        description, source, contamination = f"{card.name}, fine-tuned", card.source, card.contamination
    recipe = Recipe(
        name=name,
        family="fine-tuned",
        representation=PIXELS,
        build=Build(network.removeprefix(PREFIX)),
        space=SPACE,
        defaults=DEFAULTS,
        contamination=contamination,
        version="2",
        cost="network",
        description=f"{description} on crops with the stains of other laboratories in training.",
        source=source,
    )
    return _with_variant(recipe, VARIANTS[variant]) if plus else recipe


def _with_variant(recipe, variant):
    return replace(
        recipe,
        build=Build(recipe.build.network, variant.settings),
        defaults=recipe.defaults | variant.defaults,
        version=recipe.version + variant.revision,
        transductive=variant.transductive,
        description=f"{recipe.description[:-1]}, {variant.description}.",
        source=variant.source,
    )

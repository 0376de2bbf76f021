"""Fine-tuned networks, `finetune:<backbone>` and `lenet`, and the ways to train them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from optuna.distributions import FloatDistribution

from leukobench.errors import UsageError
from leukobench.models.backbones import get_backbone
from leukobench.models.network import LENET
from leukobench.models.network.classifier import NetworkClassifier
from leukobench.models.network.ensemble import NetworkEnsemble
from leukobench.models.recipe import Recipe
from leukobench.models.words import Step
from leukobench.preparation.in_view import IN_VIEW

VIEW = "scale"
SPACE = {
    "learning_rate": FloatDistribution(1e-4, 3e-3, log=True),
    "strength": FloatDistribution(0.5, 1.5),
}
DEFAULTS = {"learning_rate": 1e-3, "strength": 1.2, "epochs": 8, "precision": "auto"}


@dataclass(frozen=True, kw_only=True)
class Training(Step):
    """A way to train: its settings are parameters of `NetworkClassifier`; `members` makes an ensemble of so many.

    Parameters
    ----------
    transductive : bool, default False
        Whether it uses unlabelled target images.
    defaults : mapping
        Default parameters that differ from `DEFAULTS`.
    revision : str, default ""
        Goes behind the recipe's version; changes where only this way gives other numbers.
    staged : bool, default False
        Whether it needs a backbone whose card names stages.
    unused : tuple of str, default ()
        Parameters of the search space that change nothing here, and are left out of it.
    """

    takes: tuple = ("network",)
    transductive: bool = False
    defaults: Mapping = field(hash=False, default_factory=dict)
    revision: str = ""
    staged: bool = False
    unused: tuple = ()

    def apply(self, recipe, params):
        """The recipe trained in this way."""
        if self.staged and (lacking := [name for name in recipe.backbones if not get_backbone(name).stages]):
            raise UsageError(f"the card of {lacking[0]} names no stages, which {self.name} needs", "leave it out")
        return replace(
            recipe.told(f", {self.description}", self.source),
            build=replace(recipe.build, settings={**recipe.build.settings, **self.settings, **params}),
            defaults={**recipe.defaults, **self.defaults},
            space={name: values for name, values in recipe.space.items() if name not in self.unused},
            version=recipe.version + self.revision,
            transductive=recipe.transductive or self.transductive,
            ensemble=recipe.ensemble or "members" in self.settings,
        )


# Without the statistics of the batch a network does not train at the learning rate of DEFAULTS (docs/models.md).
GENTLE = {"learning_rate": 3e-4}
_TRAININGS = (
    Training(
        name="plain",
        settings={"colour": "none", "grey": 0.0},
        description="without changes of colour in training",
        source="the usual fine-tuning",
    ),
    Training(
        name="strong_colour",
        settings={"colour": "strong", "grey": 0.4},
        description="with stronger changes of colour in training",
        source="Tellez 2019, doi 10.1016/j.media.2019.101544",
    ),
    Training(
        name="worlds",
        settings={"colour": "worlds"},
        description="in simulated laboratories",
        unused=("strength",),
    ),
    Training(
        name="mixup",
        settings={"mixup": 0.2},
        description="with blended pairs of images",
        source="Zhang 2018, arXiv 1710.09412",
    ),
    Training(
        name="mixstyle",
        settings={"mixstyle": 0.5},
        description="with mixed styles of feature maps",
        source="Zhou 2021, arXiv 2104.02008",
        staged=True,
    ),
    Training(
        name="deep_coral",
        settings={"coral": 1.0},
        former="coral",
        description="with the sources' feature moments aligned",
        source="Sun 2016, doi 10.1007/978-3-319-49409-8_35",
    ),
    Training(
        name="group_norm",
        settings={"norm": "group"},
        description="with groups in place of batches",
        source="Wu 2018, arXiv 1803.08494",
        defaults=GENTLE,
        revision=".1",
    ),
    Training(
        name="fixed_norm",
        settings={"norm": "fixed"},
        description="with the batch statistics of its pretraining",
        source="Gulrajani 2021, arXiv 2007.01434",
        defaults=GENTLE,
        revision=".1",
    ),
    Training(
        name="adabn",
        settings={"adapt": True, "norm": "batch"},
        description="with the target's batch statistics",
        source="Li 2016, arXiv 1603.04779",
        transductive=True,
    ),
    Training(
        name="ensemble",
        settings={"members": 3},
        description="in three trainings that answer together",
        source="Lakshminarayanan 2017, arXiv 1612.01474",
    ),
)
TRAININGS = {training.name: training for training in _TRAININGS}


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


def lenet():
    """The recipe of LeNet, trained from chance.

    Examples
    --------
    >>> lenet().side
    'deep'
    """
    return _network(LENET, LENET, "LeNet, trained from chance", "LeCun 1998, doi 10.1109/5.726791")


def fine_tuned(backbone):
    """The recipe of "finetune:<backbone>"; UsageError where there is none, or it cannot be trained further.

    Examples
    --------
    >>> fine_tuned("mobilenet_v2").family
    'fine-tuned'
    """
    card = get_backbone(backbone)
    if card.load is None:
        raise UsageError(f"{card.name} can be run but not trained", f"take its vectors: {card.name}+<head>")
    facts = {"contamination": card.contamination, "backbones": (card.name,)}
    return _network(f"finetune:{card.name}", card.name, f"{card.name}, fine-tuned", card.source, **facts)


def _network(name, network, description, source, **facts):
    return Recipe(
        name=name,
        family="fine-tuned",
        representation=f"pixels:{VIEW}",
        build=Build(network),
        space=SPACE,
        defaults=DEFAULTS,
        version="5",
        cost="network",
        description=f"{description} on crops with the stains of other laboratories in training.",
        source=source,
        side="deep",
        augmented=True,
        developed_on=IN_VIEW,
        kind="network",
        needs=("torch", "skorch"),
        uses_gpu=True,
        explainable=True,
        **facts,
    )

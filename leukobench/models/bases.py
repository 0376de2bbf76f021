"""Every word that a model's name may hold, from the modules that declare them."""

from leukobench.models import classical, controls
from leukobench.models.backbones import BACKBONES, SOURCES
from leukobench.models.ensemble import ensemble
from leukobench.models.fused import fused
from leukobench.models.heads import HEADS
from leukobench.models.network import LENET
from leukobench.models.network.recipes import TRAININGS, VIEW, fine_tuned, lenet
from leukobench.models.options import OPTIONS
from leukobench.models.recipe import Recipe
from leukobench.models.spec import ModelSpec
from leukobench.models.variants import VARIANTS, frozen
from leukobench.models.words import Base, Step
from leukobench.text import split_outside

STEPS: dict[str, Step] = VARIANTS | HEADS | OPTIONS | TRAININGS
"""Every step by its name, in the order in which those stand that could stand in any."""

TABLES = {recipe.name: recipe for recipe in (*controls.RECIPES, *classical.RECIPES)}

OFFERED = (
    "vote@augmented",
    "vote@augmented+experts",
    "vote@canonical+standardised",
    "vote@canonical+coral",
    "vote@augmented+self_training",
    "fused:mobilenet_v2",
    "lenet",
    "finetune:mobilenet_v2",
)
"""Models that are listed and run beside the plain ones; any other can be asked for by name."""


def _source(name, source):
    facts = {"form": source.form, "description": source.description, "missing": source.missing}
    return Base(name, lambda argument: frozen(str(ModelSpec(name, argument))), **facts)


def _ensemble(argument):
    from leukobench.models.registry import get_model  # which looks up these bases

    return ensemble([get_model(name) for name in split_outside(argument[0], ",")])


def _on_backbone(name, make, **facts):
    return Base(name, lambda argument: make(str(ModelSpec(argument[0], argument[1:]))), form="<backbone>", **facts)


BASES = {
    base.name: base
    for base in (
        *map(Base.of, (*TABLES.values(), *classical.ASKED)),
        *(Base(name, lambda argument, name=name: frozen(name)) for name in BACKBONES),
        *map(_source, SOURCES, SOURCES.values()),
        _on_backbone("finetune", fine_tuned, view=VIEW, description="any of these networks, fine-tuned"),
        _on_backbone(
            "fused",
            fused,
            view="augmented",
            description="hand-crafted features and the vectors of a frozen network together",
        ),
        Base(
            "ensemble",
            _ensemble,
            form='"<model>,<model>"',
            description="the mean of the probabilities of any of these models",
        ),
        Base(LENET, lambda argument: lenet(), view=VIEW),
    )
}
"""What a name can begin with."""

OWN: dict[str, Recipe | Step] = {}
"""Name to recipe of the models from outside the package, and "+" with its name to a step, in order of registration."""

"""The table of all models; a new one is a row in its family's module and is tested by being there."""

from leukobench.errors import unknown
from leukobench.models import classical, controls
from leukobench.models.backbones import BACKBONES
from leukobench.models.fused import fused
from leukobench.models.heads import HEADS, on_backbone
from leukobench.models.network.recipes import fine_tuned
from leukobench.models.options import with_option, with_view

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
"""Variants that are listed and run beside the models themselves; any other can be asked for by name."""


MAKERS = (fine_tuned, fused, on_backbone)
"""Functions that make a recipe of a name that is not registered; each gives None for names that are not its own."""

EXTENDED = {"@": ("features:", "embedding:"), "+": ("features:", "embedding:")}
"""What a model must read to take a view ("@") or an option ("+")."""


class Models(dict):
    """Name to recipe; what is not registered is made when it is asked for.

    A name is `<model>`, `<model>@<view>`, `<model>+<option>` or `<model>@<view>+<option>`, where the model is
    registered or one of `MAKERS` knows it.
    """

    def __missing__(self, name):
        model, at, rest = name.partition("@")
        view, plus, option = rest.partition("+")
        recipe = self._plain(model)
        if recipe is None and not at:
            model, plus, option = name.rpartition("+")
            recipe = self._plain(model)
        if recipe is None or not all(recipe.representation.startswith(EXTENDED[sign]) for sign in at + plus):
            raise KeyError(name)
        recipe = with_view(recipe, view) if at else recipe
        return with_option(recipe, option) if plus else recipe

    def _plain(self, name):
        return self.get(name) or next(filter(None, (make(name) for make in MAKERS)), None)


MODELS = Models({recipe.name: recipe for recipe in (*controls.RECIPES, *classical.RECIPES)})
for name in (f"{backbone}+{head}" for backbone in BACKBONES for head in HEADS):
    MODELS[name] = on_backbone(name)
MODELS.update({name: MODELS[name] for name in OFFERED})


def get_model(name):
    """Look up a model.

    Parameters
    ----------
    name : str
        Name of a registered model, such as "extra_trees"; of a backbone and a head, such as
        "timm:resnet50~dihedral+svm_linear" (`leukobench.models.backbones.get_backbone`,
        `leukobench.models.variants.VARIANTS`, `leukobench.models.heads.HEADS`); of a classical model seen through a
        view, such as "extra_trees@augmented" (`leukobench.features.views.VIEWS`); or of any with an option, such as
        "lda@augmented+stable" (`leukobench.models.options.OPTIONS`).

    Returns
    -------
    Recipe
        The model's recipe.

    Raises
    ------
    UsageError
        Where there is no such model, view or option; the hint names the nearest model.

    Examples
    --------
    >>> get_model("extra_trees").family
    'classical'
    >>> get_model("extra_trees@augmented").representation
    'features:core@augmented'
    """
    try:
        return MODELS[name]
    except KeyError:
        raise unknown("model", name, MODELS) from None

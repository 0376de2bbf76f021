"""From a name to a recipe: the bases that a name can begin with, and the steps that it puts behind them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from itertools import groupby

from leukobench.errors import UsageError, unknown
from leukobench.models.backbones import BACKBONES
from leukobench.models.bases import BASES, OFFERED, OWN, STEPS, TABLES
from leukobench.models.heads import HEADS
from leukobench.models.outside import load_installed
from leukobench.models.recipe import KINDS, Recipe
from leukobench.models.spec import JOINT, ModelSpec, StepSpec, parts_of, tell_renamed
from leukobench.models.words import Step, checked
from leukobench.preparation.crops import crop_view
from leukobench.preparation.views import get_view
from leukobench.segmentation import DEVELOPED_ON

DEFAULT = 'ensemble:"mlp@many_worlds,finetune:mobilenet_v2[epochs=32]+worlds"'
"""What `predict` asks where no model is named: chosen by unusual cells in simulated laboratories (results/abroad)."""

DEFAULT_WITHOUT_DEEP = "mlp@many_worlds"
"""Its member that trains on any machine."""

PIXELS = "pixels"  # the representation whose argument is its view


class Models(Mapping):
    """Name to recipe: it lists what a suite of all models runs, and makes every other recipe that is asked for."""

    def __getitem__(self, name):
        try:
            return get_model(name)
        except UsageError as error:
            raise KeyError(name) from error

    def __iter__(self):
        yield from TABLES
        yield from (f"{backbone}+{head}" for backbone in BACKBONES for head in HEADS)
        yield from OFFERED
        load_installed()
        yield from (name for name in OWN if not name.startswith("+"))

    def __len__(self):
        return sum(1 for _ in self)


MODELS = Models()


def get_model(name: str) -> Recipe:
    """Look up a model.

    Parameters
    ----------
    name : str
        See `leukobench.models.spec` for the grammar, `leukobench.preparation.views.VIEWS` for views, and `BASES` and
        `STEPS` for what a name can begin with and go on with.

    Returns
    -------
    Recipe
        Its name is the one name of the model; a name of an earlier version is read with a FutureWarning.

    Raises
    ------
    UsageError
        Where something in the name is unknown or does not fit; the hint says what would.

    Examples
    --------
    >>> get_model("extra_trees").family
    'classical'
    >>> get_model("extra_trees@augmented").representation
    'features:core@augmented'
    >>> get_model("mobilenet_v2+flips+knn[n_neighbors=5]").space.keys()
    dict_keys(['metric'])
    """
    spec = ModelSpec.parse(name)
    base = _base(spec)
    start = recipe = base.make(spec.argument)
    fixed = checked(spec.params, start.defaults, start.space, base.name)
    steps: list[tuple[Step, dict]] = []
    for asked in spec.steps:
        step = _step(asked.name, recipe, steps)
        steps.append((step, checked(asked.params, step.parameters(), step.space, step.name)))
        recipe = step.apply(recipe, steps[-1][1])
    if not recipe.build:
        hint = f"put a head behind it: {', '.join(HEADS)}"
        raise UsageError(f"'{name}' is {KINDS[recipe.kind]}, no classifier yet", hint)
    ordered = [pair for _, run in groupby(steps, lambda pair: type(pair[0])) for pair in sorted(run, key=_place)]
    recipe = reduce(lambda before, pair: pair[0].apply(before, pair[1]), ordered, start)
    if view := spec.view or base.view:
        recipe = _seen_through(recipe, view)
    one_name = replace(
        ModelSpec.parse(start.name),
        params=fixed,
        view="" if spec.view == base.view else spec.view,
        steps=tuple(StepSpec(step.name, params) for step, params in ordered),
    )
    if former := [asked.name for asked, (step, _) in zip(spec.steps, steps, strict=True) if asked.name == step.former]:
        tell_renamed(f"{spec.base}+{former[0]}", one_name)
    alone = replace(one_name, params={}, steps=())
    recipe = replace(recipe.with_fixed(fixed), name=str(one_name), counts_as=recipe.counts_as or str(alone))
    segmented = any(part.base == "features" for part in parts_of(recipe.representation))
    return recipe.developed(*DEVELOPED_ON) if segmented and not (view and not get_view(view).segmented) else recipe


def _base(spec):
    if spec.base not in BASES:
        load_installed()
    base = BASES.get(spec.base)
    if base is None:
        raise unknown("model", spec.base, BASES)
    if bool(spec.argument) != bool(base.form):
        form = f"{base.name}:{base.form}" if base.form else base.name
        raise UsageError(f"'{ModelSpec(spec.base, spec.argument)}' is no model", f"it is written {form}")
    return base


def _step(name, recipe, before):
    """The step of a name that may follow a recipe and the steps before."""
    if name not in STEPS:
        load_installed()
    step = STEPS.get(name)
    if step is None or recipe.kind not in step.takes:
        renamed = [each for each in STEPS.values() if each.former == name and recipe.kind in each.takes]
        if not renamed:
            taken = " or ".join(KINDS[kind] for kind in step.takes) if step else ""
            what = f"'{name}' takes {taken}" if step else f"unknown step '{name}'"
            raise UsageError(f"{what}; {recipe.name} is {KINDS[recipe.kind]}", f"what fits: {_fitting(recipe)}")
        step = renamed[0]
    for other, _ in before:
        if both := step.decides & other.decides:
            what = ", ".join(sorted(both))
            raise UsageError(f"+{other.name} and +{step.name} both decide {what}", "take one of them")
    return step


def _fitting(recipe):
    return ", ".join(step.name for step in STEPS.values() if recipe.kind in step.takes)


def _place(pair):
    """Where a step stands among its kind: as asked for where the order matters, else as in the table."""
    return list(STEPS).index(pair[0].name) if pair[0].settings else 0


def _seen_through(recipe, name):
    """The recipe, trained and tested through a view of the images."""
    if recipe.kind == "several":
        raise UsageError(f"{recipe.name} has no view of its own", "ask for a view of its members")
    view, parts = get_view(name), parts_of(recipe.representation)
    if any(part.base == PIXELS for part in parts):
        crop_view(name)
    seen = [replace(part, argument=(name,)) if part.base == PIXELS else replace(part, view=name) for part in parts]
    return replace(
        recipe,
        representation=JOINT.join(map(str, seen)),
        cost="heavy" if view.copies else recipe.cost,
        augmented=recipe.augmented or bool(view.copies),
        developed_on=recipe.developed(*view.developed_on).developed_on,
        description=f"{recipe.description[:-1]}; images {view.description}.",
    )

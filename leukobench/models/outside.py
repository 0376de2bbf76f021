"""Models and steps from outside the package: of a program, of an installed package, or of a file of one's own."""

import functools
import inspect
import re
from dataclasses import dataclass, field, replace
from typing import Any

from sklearn.base import BaseEstimator, clone, is_classifier

from leukobench import plugins
from leukobench.errors import UsageError
from leukobench.models.backbones import get_backbone
from leukobench.models.bases import BASES, OWN, STEPS
from leukobench.models.pipeline import imputed, takes_gaps
from leukobench.models.recipe import KINDS, Recipe
from leukobench.models.spec import KEY, WORD, parts_of
from leukobench.models.variants import Variant
from leukobench.models.words import Base, Step

GROUP = "leukobench.models"  # of the entry points of installed packages
SHORT = {"features": "features:core", "images": "pixels:scale"}
"""What a model may read, in a word."""
FACTS = {
    ("features",): {"family": "classical", "side": "classical", "kind": "table"},
    ("embedding",): {"family": "embedding", "side": "deep", "kind": "table"},
    ("embedding", "features"): {"family": "fused", "side": "both", "kind": "joined"},
    ("pixels",): {"family": "pictures", "side": "both", "kind": "pictures"},
}
"""What a model is by what it reads, unless it is registered as something else."""


@dataclass(frozen=True)
class Cloned:
    """Builds a clone of an estimator with parameters and a seed; a value, so that recipes compare and pickle.

    Parameters
    ----------
    estimator : classifier
    fills : bool
        Put medians of the training images in place of missing values before it.
    """

    estimator: BaseEstimator = field(hash=False)
    fills: bool

    def __call__(self, params, seed):
        estimator = clone(self.estimator)
        seeds = {name: seed for name in estimator.get_params() if name.split("__")[-1] == "random_state"}
        estimator.set_params(**{**seeds, **params})
        return imputed(estimator) if self.fills else estimator


def register(name: str, model: Any, reads: str | None = None, **facts: Any) -> None:
    """Give a model of one's own a name and a place in every suite, or a step a name that can stand behind a "+".

    Parameters
    ----------
    name : str
        A word.
    model : classifier, class, callable, Recipe or Step
        A scikit-learn classifier or pipeline with `predict_proba`, or its class. Its `random_state` is set anew in
        every fit; where it takes no missing values, medians of the training images stand in for them. Or a function
        (params, seed) to one, or a whole recipe. A step is a `leukobench.models.Head` or `leukobench.models.Option`.
    reads : str, default "features"
        The rows that it is fitted on: "features" (the core set), "features:<set>", "embedding:<backbone>" with steps
        such as "+flips", features and an embedding joined by "&", any of them with "@<view>"; or "images", square
        crops of 32 um as rows of bytes (`leukobench.preparation.crops.as_images` makes images of them).
    **facts
        Further fields of `leukobench.models.recipe.Recipe`, such as `space` (Optuna distributions by the name of a
        parameter), `cost`, `side`, `uses_gpu`, `description`, `contamination`, `developed_on`; `version` where
        another thing than its source and its parameters decides what it does.

    Raises
    ------
    UsageError
        Where the name is taken or no word, or the model or step is none that can be run.

    Examples
    --------
    >>> from leukobench.models import get_model, unregister
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> register("small_forest", RandomForestClassifier(20, max_depth=4))
    >>> get_model("small_forest@augmented+experts").representation
    'features:core@augmented'
    >>> unregister("small_forest")
    """
    what, words, form, key = (
        ("step", STEPS, KEY, f"+{name}") if isinstance(model, Step) else ("model", BASES, WORD, name)
    )
    if not re.fullmatch(form, name):
        signs = "'_'" if what == "step" else "'_', '.' and '-'"
        raise UsageError(f"'{name}' cannot name a {what}", f"take letters, digits, {signs}, a letter first")
    if name in words and key not in OWN:
        raise UsageError(f"the name '{name}' is taken", "choose another")
    if isinstance(model, Step):
        _check_step(name, model)
        STEPS[name] = OWN[key] = replace(model, name=name, **facts)
        return
    recipe = _recipe_of(name, model, reads, **facts)
    views = {part.view for part in parts_of(recipe.representation)}
    BASES[name] = replace(Base.of(recipe), view=views.pop() if len(views) == 1 else "")
    OWN[name] = recipe


def unregister(name):
    """Forget a model, or by "+" and its name a step, that was registered; what runs already has it."""
    del OWN[name], (STEPS if name.startswith("+") else BASES)[name.removeprefix("+")]


@functools.cache
def load_installed():
    """Register what installed packages and files that were named offer, at the first time that it may be meant.

    An entry point of the group `leukobench.models` names a model or step, or a module that registers them itself.
    """
    for name, model in plugins.load(GROUP).items():
        register(name, model)


def _recipe_of(name, model, reads=None, **facts):
    """The recipe of a model from outside; parameters as of `register`."""
    if isinstance(model, Recipe):
        return replace(model, name=name, **facts)
    representation = SHORT.get(reads or "features", reads)
    parts = parts_of(representation)
    kind = tuple(sorted({part.base for part in parts}))
    if kind not in FACTS or not all(part.argument for part in parts):
        raise UsageError(
            f"{name} cannot read '{reads}'", "it reads features, images, features:<set> or embedding:<name>"
        )
    cards = [get_backbone(str(replace(part.stands_on, steps=()))) for part in parts if part.base == "embedding"]
    seen = {
        "contamination": tuple(dict.fromkeys(each for card in cards for each in card.contamination)),
        "backbones": tuple(card.name for card in cards),
    }
    if inspect.isclass(model):
        try:
            model = model()
        except TypeError as error:
            raise UsageError(f"{name} cannot be made: {error}", "give an instance, with its parameters") from error
    if isinstance(model, BaseEstimator):
        _check_estimator(name, model)
        build = Cloned(model, fills=kind != ("pixels",) and not takes_gaps(model))
        first = {each: model.get_params()[each] for each in facts.get("space", ())}
        facts = {"defaults": {**first, **facts.pop("defaults", {})}, **facts}
    elif callable(model):
        build = model
    else:
        raise UsageError(f"{name} is no classifier but a {type(model).__name__}", "give a scikit-learn estimator")
    told = {"cost": "medium", "description": f"{type(model).__name__} from outside."}
    return Recipe(name, build=build, representation=representation, **{**told, **FACTS[kind], **seen, **facts})


def _check_step(name, step):
    if isinstance(step, Variant):
        hint = "add a head or an option; vectors are cached by the names of the ways to embed"
        raise UsageError(f"{name} is a way to embed, which cannot be added", hint)
    if strange := set(step.takes) - KINDS.keys():
        raise UsageError(f"{name} takes {', '.join(sorted(strange))}", f"it can take {', '.join(KINDS)}")


def _check_estimator(name, estimator):
    if not is_classifier(estimator):
        raise UsageError(f"{name} is no classifier but a {type(estimator).__name__}", "give one that predicts classes")
    if not hasattr(estimator, "predict_proba"):
        hint = "wrap it in sklearn.calibration.CalibratedClassifierCV"
        raise UsageError(f"{name} ({type(estimator).__name__}) has no predict_proba", hint)

"""What a registered model is made of, and the bases and steps that its name puts together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cloudpickle

FAMILIES = ("control", "classical", "embedding", "fine-tuned", "fused")
SIDES = ("control", "classical", "deep", "both")


@dataclass(frozen=True)
class Cost:
    """What one fit takes.

    Parameters
    ----------
    seconds : float
        Of one fit per 1,000 training images on one core, very roughly.
    pruned : bool, default False
        Whether a trial of a tuning ends early that is behind after its first folds.
    """

    seconds: float
    pruned: bool = False


COSTS = {"light": Cost(0.3), "medium": Cost(1.5), "heavy": Cost(6.0), "network": Cost(100.0, pruned=True)}
"""A budget says how many trials each may take."""

KINDS = {
    "vectors": "the vectors of a frozen network",
    "joint": "a classifier that tells features and vectors apart by their place",
    "joined": "one that tells features and vectors apart by their place, with a step behind it",
    "table": "a classifier of a table",
    "network": "a network in training",
    "several": "models that answer together",
    "pictures": "a classifier of pictures",
}
"""What a recipe is, for the steps that may follow."""


@dataclass(frozen=True)
class Recipe:
    """A named model: what it reads, how it is built, and what may be tuned.

    Parameters
    ----------
    name : str
        Name in the registry, the suites and the tables; see `leukobench.models.spec`.
    family : str
        What it is listed under, such as one of `FAMILIES`.
    representation : str
        The table it is trained on, such as "features:core" or "embedding:mobilenet_v2".
    build : callable or None
        `build(params, seed)` gives an unfitted scikit-learn classifier with `predict_proba`. It reads a float table
        of shape (n, p), which may hold NaN, and labels 0..k-1; `params` holds a value for every name in `space`. Where
        its `fit` takes `laboratories` or `original` it is told the dataset of each row, and which rows are no copies.
        None is a recipe that lacks a step.
    space : mapping of str to optuna.distributions.BaseDistribution
        The search space; empty where there is nothing to tune.
    defaults : mapping of str to value
        A good first trial: one value for every name in `space`.
    version : str, default "1"
        Raised whenever the same data and parameters would give other predictions, so that cached records go stale.
    transductive : bool, default False
        Whether it uses unlabelled target images; such models are ranked apart.
    contamination : tuple of str, default ()
        Datasets that its pretrained weights have seen: scores on them are marked and left out of every mean.
    developed_on : tuple of str, default ()
        Datasets that were in view when its defaults were chosen: scores on them are marked, since a choice that was
        made by them says less of others.
    cost : str, default "light"
        A key of `COSTS`, by one fit on 2,000 x 216 (1,280 for embeddings) on one thread: under .5 s, under 2 s, or
        more; a network takes minutes, and as many epochs as the budget says.
    description, source : str
        What it is, and the publication it follows.
    side : {"control", "classical", "deep", "both"}, default "classical"
        Of the comparison of hand-crafted features with networks; a model of both stands on neither side.
    augmented, ensemble : bool, default False
        Whether it learns from altered copies of its images, and whether it is several models that answer together (a
        forest is one): with the family, the factors by which models are compared.
    counts_as : str, default ""
        What recipes share that are one model in a comparison of families: heads on one frozen network, or options that
        change nothing where there is one source. Empty is the recipe's own name.
    kind : str, default "table"
        A key of `KINDS`.
    backbones : tuple of str, default ()
        Names of the pretrained networks that it stands on.
    needs : tuple of str, default ()
        Libraries that fitting takes, besides those of its backbones.
    uses_gpu, explainable : bool, default False
        Whether it is fitted on a GPU where there is one, and whether Grad-CAM can tell where it looks.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> Recipe("most_frequent", "control", "features:core", lambda params, seed: DummyClassifier()).cost
    'light'
    """

    name: str
    family: str
    representation: str
    build: Callable[[Mapping[str, Any], int], Any] | None
    space: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    version: str = "1"
    transductive: bool = False
    contamination: tuple[str, ...] = ()
    developed_on: tuple[str, ...] = ()
    cost: str = "light"
    description: str = ""
    source: str = ""
    side: str = "classical"
    augmented: bool = False
    ensemble: bool = False
    counts_as: str = ""
    kind: str = "table"
    backbones: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    uses_gpu: bool = False
    explainable: bool = False

    def __reduce__(self):
        """Pickle what it is made of by value where it cannot be imported, so that it travels to other processes."""
        return _unpacked, (cloudpickle.dumps(vars(self)),)

    def with_training(self, **decided: Any) -> "Recipe":
        """The recipe with what a run decides of a training: `epochs` of a budget, `precision` of a machine.

        What is None, or no parameter of its own, is left out; the recipe itself where nothing is left.
        """
        own = {name: value for name, value in decided.items() if value is not None and name in self.defaults}
        return replace(self, defaults={**self.defaults, **own}) if own else self

    def developed(self, *datasets: str) -> "Recipe":
        """The recipe with more datasets that were in view when something of it was chosen."""
        return replace(self, developed_on=tuple(sorted({*self.developed_on, *datasets})))

    def told(self, description: str, source: str = "") -> "Recipe":
        """The recipe with more said of it and another source."""
        sources = [each for each in (self.source, source) if each]
        return replace(self, description=f"{self.description[:-1]}{description}.", source="; ".join(sources))

    def with_fixed(self, params: Mapping[str, Any]) -> "Recipe":
        """The recipe with parameters that are fixed and left out of its search space.

        Parameters
        ----------
        params : mapping of str to value
            Among the names of `defaults`.

        Returns
        -------
        Recipe
        """
        if not params:
            return self
        space, defaults = ({k: v for k, v in each.items() if k not in params} for each in (self.space, self.defaults))
        build = self.build and Fixed(self.build, dict(params))
        return replace(self, build=build, space=space, defaults=defaults)


def _unpacked(content):
    return Recipe(**cloudpickle.loads(content))


@dataclass(frozen=True)
class Fixed:
    """Builds with some parameters fixed; a value, so that recipes compare and pickle."""

    build: Callable
    params: Mapping = field(hash=False)

    def __call__(self, params, seed):
        return self.build({**params, **self.params}, seed)

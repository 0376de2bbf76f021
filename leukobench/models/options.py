"""What can be put around any classifier of a table: steps that wrap its estimator."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from leukobench.models.sources import SourceExperts, StableFeatures
from leukobench.models.transductive import Coral, SelfTraining, StandardisedPerLaboratory
from leukobench.models.words import Step
from leukobench.preparation.in_view import IN_VIEW


@dataclass(frozen=True, kw_only=True)
class Option(Step):
    """A wrapper around a model's estimator.

    Parameters
    ----------
    wrap : class
        Takes the estimator first; its `fit` may take `laboratories` and `original`, see `Recipe`. Where it has a
        `random_state`, that is set anew in every fit.
    transductive : bool, default False
        Whether it uses unlabelled target images.
    developed_on : tuple of str, default ()
        Datasets that were in view when its settings were chosen.
    """

    takes: tuple = ("table", "joint", "joined")
    wrap: type
    transductive: bool = False
    developed_on: tuple = ()

    def parameters(self):
        """Name to default of what may be fixed: what the wrapper takes besides the estimator."""
        _, *taken = inspect.signature(self.wrap).parameters.values()
        return {each.name: each.default for each in taken if each.default is not each.empty}

    def apply(self, recipe, params):
        """The recipe inside this wrapper."""
        return replace(
            recipe.told(f", {self.description}", self.source).developed(*self.developed_on),
            build=Wrapped(recipe.build, self.wrap, params),
            transductive=recipe.transductive or self.transductive,
            kind="joined" if recipe.kind == "joint" else recipe.kind,
        )


@dataclass(frozen=True)
class Wrapped:
    """Builds an estimator inside a wrapper; a value, so that recipes compare and pickle."""

    build: Callable
    wrap: type
    params: Mapping = field(hash=False, default_factory=dict)

    def __call__(self, params, seed):
        wrapper = self.wrap(self.build(params, seed), **self.params)
        return wrapper.set_params(random_state=seed) if "random_state" in wrapper.get_params(deep=False) else wrapper


_OPTIONS = (
    Option(
        name="stable",
        wrap=StableFeatures,
        developed_on=IN_VIEW,
        takes=("table",),  # it leaves columns out, and the fused models know theirs by their place
        description="on the half of the features that is most stable between laboratories or copies",
        source="Meinshausen 2010, doi 10.1111/j.1467-9868.2010.00740.x",
    ),
    Option(
        name="experts",
        wrap=SourceExperts,
        developed_on=IN_VIEW,
        description="one for each source and one for all, weighted by how they carry over between sources",
        source="Mansour 2008, NIPS 21",
    ),
    Option(
        name="standardised",
        wrap=StandardisedPerLaboratory,
        transductive=True,
        description="with each laboratory standardised by itself",
        source="standard practice",
    ),
    Option(
        name="coral",
        wrap=Coral,
        transductive=True,
        description="with the target's covariance aligned",
        source="Sun 2016, doi 10.1609/aaai.v30i1.10306",
    ),
    Option(
        name="self_training",
        wrap=SelfTraining,
        developed_on=IN_VIEW,
        transductive=True,
        description="fitted again with its surest answers on the target",
        source="Zou 2018, arXiv 1810.07911",
    ),
)
OPTIONS = {option.name: option for option in _OPTIONS}

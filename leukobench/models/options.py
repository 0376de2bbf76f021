"""What can be asked of any classical model by adding to its name: a view of the images, and an option."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from leukobench.errors import UsageError
from leukobench.features.views import get_view
from leukobench.models.adaptation import Coral, SelfTraining, StableFeatures, StandardisedPerLaboratory
from leukobench.models.experts import SourceExperts


@dataclass(frozen=True)
class Option:
    """A wrapper around a model's estimator.

    Parameters
    ----------
    wrap : class
        Takes the estimator; its `fit` may take `laboratories` and `genuine`, see `Recipe`.
    transductive : bool
        Whether it uses unlabelled target images.
    description, source : str
        What it adds, and the publication it follows.
    """

    wrap: type
    transductive: bool
    description: str
    source: str


OPTIONS = {
    "stable": Option(
        StableFeatures,
        False,
        "on the half of the features that is most stable between laboratories or copies",
        "Meinshausen 2010, doi 10.1111/j.1467-9868.2010.00740.x",
    ),
    "experts": Option(
        SourceExperts,
        False,
        "one for each source and one for all, weighted by how they carry over between sources",
        "Mansour 2008, NIPS 21",
    ),
    "standardised": Option(
        StandardisedPerLaboratory, True, "with each laboratory standardised by itself", "standard practice"
    ),
    "coral": Option(Coral, True, "with the target's covariance aligned", "Sun 2016, doi 10.1609/aaai.v30i1.10306"),
    "self_training": Option(
        SelfTraining, True, "fitted again with its surest answers on the target", "Zou 2018, arXiv 1810.07911"
    ),
}


@dataclass(frozen=True)
class Wrapped:
    """Builds an estimator inside a wrapper; a value, so that recipes compare and pickle."""

    build: Callable
    wrap: type

    def __call__(self, params, seed):
        return self.wrap(self.build(params, seed))


def with_view(recipe, name):
    """The recipe, trained and tested through a view of the images.

    Parameters
    ----------
    recipe : Recipe
        Of a model on features.
    name : str
        A key of `leukobench.features.views.VIEWS`.

    Returns
    -------
    Recipe

    Raises
    ------
    UsageError
        Where there is no such view.
    """
    view = get_view(name)
    return replace(
        recipe,
        name=f"{recipe.name}@{name}",
        representation=f"{recipe.representation}@{name}",
        cost="heavy" if view.copies else recipe.cost,
        description=f"{recipe.description[:-1]}; images {view.description}.",
    )


def with_option(recipe, name):
    """The recipe with an option.

    Parameters
    ----------
    recipe : Recipe
    name : str
        A key of `OPTIONS`.

    Returns
    -------
    Recipe

    Raises
    ------
    UsageError
        Where there is no such option.
    """
    if name not in OPTIONS:
        raise UsageError(f"unknown option '{name}'", f"known: {', '.join(OPTIONS)}")
    option = OPTIONS[name]
    return replace(
        recipe,
        name=f"{recipe.name}+{name}",
        build=Wrapped(recipe.build, option.wrap),
        transductive=option.transductive,
        description=f"{recipe.description[:-1]}, {option.description}.",
        source=option.source,
    )

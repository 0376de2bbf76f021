"""Models of any kinds that answer together: `ensemble:<models>`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.utils.validation import check_is_fitted

from leukobench.errors import UsageError
from leukobench.models.recipe import COSTS, Recipe
from leukobench.models.spec import APART
from leukobench.models.tables import Tables, fit_rows, themselves
from leukobench.models.wrapper import Probable


class Ensemble(MetaEstimatorMixin, Probable):
    """The mean of the probabilities of models, each of which reads a table of its own.

    Parameters
    ----------
    estimators : list of classifier

    Attributes
    ----------
    estimators_ : list of classifier
        Fitted.
    classes_ : ndarray of shape (k,)

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> rows = Tables([np.zeros((4, 3)), np.zeros((4, 9, 2))])
    >>> model = Ensemble([DummyClassifier(), DummyClassifier()]).fit(rows, [0, 0, 0, 1])
    >>> model.predict_proba(rows)[0].tolist()
    [0.75, 0.25]
    """

    def __init__(self, estimators):
        self.estimators = estimators

    def fit(self, X, y, laboratories=None, groups=None, checkpoint=None):
        """Fit the members one after the other.

        Parameters
        ----------
        X : leukobench.models.tables.Tables
            One for each member.
        y : array-like of shape (n,)
        laboratories, groups : array-like of shape (n,) or None, default None
            Dataset of each row, and what must stay together in a split, for members that ask for them.
        checkpoint : path-like or None, default None
            What a member that was killed goes on from, ".<number>" behind it.

        Returns
        -------
        Ensemble
        """
        self._check(X)
        self.classes_ = np.unique(y)
        self.estimators_ = [
            fit_rows(
                clone(estimator),
                part,
                np.asarray(y),
                laboratories=laboratories,
                groups=groups,
                checkpoint=checkpoint and Path(f"{checkpoint}.{number}"),
            )
            for number, (estimator, part) in enumerate(zip(self.estimators, X.parts, strict=True))
        ]
        return self

    def predict_proba(self, X):
        """Mean probabilities of the members, shape (n, k)."""
        check_is_fitted(self)
        self._check(X)
        members = zip(self.estimators_, X.parts, strict=True)
        return np.mean([member.predict_proba(themselves(part)) for member, part in members], axis=0)

    def _check(self, X):
        given = len(X.parts) if isinstance(X, Tables) else 1
        if given != len(self.estimators):
            raise ValueError(f"{len(self.estimators)} members need as many tables, not {given}")


TRAINING = ("epochs", "precision")  # what a run decides of members that are trained


@dataclass(frozen=True)
class Build:
    """Builds the ensemble of some recipes; a value, so that recipes compare and pickle."""

    members: tuple[Recipe, ...]

    def __call__(self, params: Mapping, seed: int):
        seeds = np.random.SeedSequence(seed).generate_state(len(self.members)).tolist()
        members = [member.with_training(**params) for member in self.members]
        return Ensemble([member.build(member.defaults, own) for member, own in zip(members, seeds, strict=True)])


def members_of(recipe, rows):
    """The models that answer together, each with its own table; of any other recipe itself.

    Parameters
    ----------
    recipe : Recipe
    rows : Tables or array
        Of its representation.

    Returns
    -------
    list of (Recipe, array)

    Examples
    --------
    >>> from leukobench.models import get_model
    >>> together = get_model('ensemble:"lda,knn"')
    >>> [member.name for member, _ in members_of(together, Tables([np.zeros((4, 3)), np.zeros((4, 2))]))]
    ['lda', 'knn']
    """
    return list(zip(recipe.build.members, rows.parts, strict=True)) if recipe.kind == "several" else [(recipe, rows)]


def ensemble(members):
    """The recipe of models that answer together, each with its own defaults.

    Parameters
    ----------
    members : list of Recipe

    Returns
    -------
    Recipe

    Raises
    ------
    UsageError
        Where there are fewer than two.
    """
    if len(members) < 2:
        raise UsageError("an ensemble has two members at least", 'such as ensemble:"vote@scale,extra_trees"')

    def union(name):
        return tuple(sorted({each for member in members for each in getattr(member, name)}))

    sides = {member.side for member in members}
    families = {member.family for member in members}
    told = {name: [each.defaults[name] for each in members if name in each.defaults] for name in TRAINING}
    return Recipe(
        name=f'ensemble:"{",".join(member.name for member in members).replace(chr(34), chr(34) * 2)}"',
        family=families.pop() if len(families) == 1 else "fused",
        representation=APART.join(member.representation for member in members),
        build=Build(tuple(members)),
        defaults={name: max(values) for name, values in told.items() if values},
        version=".".join(("1", *(member.version for member in members))),
        transductive=any(member.transductive for member in members),
        contamination=union("contamination"),
        developed_on=union("developed_on"),
        cost=max((member.cost for member in members), key=lambda cost: COSTS[cost].seconds),
        description=f"Mean of {' and '.join(member.name for member in members)}.",
        side=sides.pop() if len(sides) == 1 else "both",
        augmented=any(member.augmented for member in members),
        ensemble=True,
        kind="several",
        backbones=union("backbones"),
        needs=union("needs"),
        uses_gpu=any(member.uses_gpu for member in members),
    )

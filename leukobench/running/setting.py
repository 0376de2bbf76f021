"""What a protocol changes between choosing datasets and scoring: whose labels train, how many, and what is shown."""

import dataclasses
from dataclasses import dataclass

from leukobench.preparation.conditions import WORLD, check_condition, versions

__all__ = ["PLAIN", "SHOWN", "WORLD", "Setting", "condition_of", "dataset_of"]

SHOWN = "/"  # between a dataset and the condition that its images are shown under; no dataset has one in its name


@dataclass(frozen=True)
class Setting:
    """How the fits of a protocol differ from those of another.

    Parameters
    ----------
    like : str, default ""
        Protocol whose folds and seeds these fits have too, so that they differ by nothing but what is said here; its
        sources and targets are the protocol's own matter. Nothing: they have their own.
    labels : int, default 0
        Labelled cells of each class that the target adds to the sources, as far as it has them. The target is halved,
        whole groups on one side; each half is predicted with labels of the other, so that all of it is scored whatever
        the number. Fewer labels are always among the more.
    per_class : int, default 0
        Most cells of a class that train in each source; 0 takes all. Fewer are always among the more.
    ungrouped : bool, default False
        Whether folds ignore slides, patients and pictures of one cell, so that what is held out leaks into training: to
        tell what the usual care is worth.
    conditions : tuple of str, default ()
        Ways that images of the targets are shown (`leukobench.preparation.conditions`), each scored on its own;
        nothing shows them as they are. What trains never is.
    shown : int, default 15
        Images of each class and target that are shown so.
    """

    like: str = ""
    labels: int = 0
    per_class: int = 0
    ungrouped: bool = False
    conditions: tuple = ()
    shown: int = 15

    def __post_init__(self):
        for condition in self.conditions:
            check_condition(condition)

    @property
    def inputs(self):
        """What a record depends on, as plain values: nothing of what is not used."""
        inputs = {name: value for name, value in dataclasses.asdict(self).items() if value and name != "shown"}
        if self.conditions:
            inputs |= {"conditions": list(self.conditions), "shown": self.shown, **versions(self.conditions)}
        return inputs

    def names(self, targets):
        """What targets are called in tables: each, or each under every condition."""
        return tuple(f"{target}{SHOWN}{each}" for target in targets for each in self.conditions) or tuple(targets)


PLAIN = Setting()


def dataset_of(target):
    """Dataset of a target, whatever its images are shown under.

    Examples
    --------
    >>> dataset_of("barcelona/jpeg-3"), dataset_of("barcelona")
    ('barcelona', 'barcelona')
    """
    return target.partition(SHOWN)[0]


def condition_of(target):
    """What a target's images are shown under; nothing where they are as they are.

    Examples
    --------
    >>> condition_of("barcelona/jpeg-3"), condition_of("barcelona")
    ('jpeg-3', '')
    """
    return target.partition(SHOWN)[2]

"""The words of a model's name: the bases that it begins with, and the steps that it puts behind them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from leukobench.errors import UsageError
from leukobench.models.recipe import Recipe


@dataclass(frozen=True)
class Base:
    """What a model's name begins with.

    Parameters
    ----------
    name : str
    make : callable
        What stands behind the colon, a tuple of str, to a recipe.
    form : str, default ""
        What may stand behind the colon; empty where nothing may.
    view : str, default ""
        What its pictures are seen through where the name asks for no view.
    description : str, default ""
        What it is, where it is not listed by itself.
    missing : callable
        Gives what is missing here and the command that gets it; empty where it can run.
    """

    name: str
    make: Callable[[tuple], Recipe]
    form: str = ""
    view: str = ""
    description: str = ""
    missing: Callable[[], str] = str

    @classmethod
    def of(cls, recipe):
        """The base that is a recipe of its own."""
        return cls(recipe.name, lambda argument: recipe)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a "+" in a model's name asks for.

    Parameters
    ----------
    name, description, source : str
        How it is asked for, what it adds, and the publication it follows. One from outside gets its name by `register`.
    takes : tuple of str
        Kinds of recipe that it can be put behind, keys of `KINDS`.
    settings : mapping
        What it decides; two steps of a model that decide different things may stand in any order, and two that decide
        the same refuse each other. Empty where the order matters.
    space : mapping of str to optuna.distributions.BaseDistribution
        The choices of its parameters, where it has a search space.
    former : str, default ""
        Its name in version 0.1.
    """

    name: str = ""
    description: str
    source: str = ""
    takes: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    space: Mapping[str, Any] = field(default_factory=dict, hash=False)
    former: str = ""

    @property
    def decides(self):
        """Names of what it decides."""
        return set(self.settings) or {self.name}

    def parameters(self):
        """Name to default of what may be fixed in brackets: the numbers among its settings."""
        return {name: value for name, value in self.settings.items() if type(value) in (int, float)}

    def apply(self, recipe, params):
        """The recipe after this step, with parameters that are fixed."""
        raise NotImplementedError


def checked(params, defaults, space, owner):
    """Parameters that stand in brackets, as values of the type that their defaults have.

    Parameters
    ----------
    params : tuple of (str, value)
    defaults : mapping of str to value
        What there is.
    space : mapping of str to optuna.distributions.BaseDistribution
        The choices among which a value must be.
    owner : str
        What they are parameters of, for the message.

    Returns
    -------
    dict

    Raises
    ------
    UsageError
        For a name that is not in `defaults`, or a value of another type, or a count below one.

    Examples
    --------
    >>> checked((("C", 1),), {"C": 0.05}, {}, "logistic_regression")
    {'C': 1.0}
    """
    values = {}
    for name, value in params:
        if name not in defaults:
            raise UsageError(f"{owner} has no parameter '{name}'", f"it has {', '.join(defaults) or 'none'}")
        kind, choices = type(defaults[name]), getattr(space.get(name), "choices", None)
        if kind in (int, float) and type(value) in (int, float) and kind(value) == value:
            value = kind(value)
        if defaults[name] is not None and not isinstance(value, kind):
            raise UsageError(f"{owner}[{name}={value}]: {name} is of type {kind.__name__}", f"such as {defaults[name]}")
        # Whole numbers are counts here; an own search space may begin below one.
        if kind is int and value < (least := min(1, defaults[name], getattr(space.get(name), "low", 1))):
            raise UsageError(f"{owner}[{name}={value}]: {name} is {least} at least", f"such as {defaults[name]}")
        if choices and value not in choices:
            raise UsageError(f"{owner}[{name}={value}]: unknown {name}", f"known: {', '.join(map(str, choices))}")
        values[name] = value
    return values

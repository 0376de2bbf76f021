"""Which parts there are: the project's own, those of entry points and those of modules that were named."""

import pkgutil
from functools import cache
from importlib import import_module

from leukobench import plugins
from leukobench.errors import UsageError, unknown
from leukobench.features import parts as own
from leukobench.features.part import GROUPS, INVARIANCES, UNITS, FeaturePart

GROUP = "leukobench.features"
_PARTS: dict[str, FeaturePart] = {}


def register(part: FeaturePart) -> FeaturePart:
    """Add a part of features: its columns, and sets that are new, are there from then on.

    Processes that are started later see it where it is registered by an entry point of the group
    ``leukobench.features`` or by a module that was named (``leukobench --use my_features.py``).

    Parameters
    ----------
    part : FeaturePart

    Returns
    -------
    FeaturePart
        The same.

    Raises
    ------
    UsageError
        Where it is no part, or a name, group, unit or function of it will not do.
    """
    _load_own()
    return _add(part)


def _add(part):
    _check(part)
    _PARTS[part.name] = part
    return part


def _check(part):
    if not isinstance(part, FeaturePart):
        raise UsageError(f"{part!r} is no FeaturePart", "see docs/extending.md")
    where = f"part '{part.name}' of features"
    words = all(name.isidentifier() for name in (part.name, *part.sets))
    if not words or not callable(part.reference) or not part.features or not part.sets:
        hint = "names are words of letters, digits and '_'; see leukobench.features.FeaturePart"
        raise UsageError(f"{where} lacks a name, a function, features or sets", hint)
    if not part.key:
        raise UsageError(f"{where} has no version, and no file to take one from", "give it a version")
    before = _PARTS.get(part.name)
    if before is not None and before.reference.__module__ != part.reference.__module__:
        raise UsageError(f"{where} is there already, from {before.reference.__module__}", "give it another name")
    for feature in part.features:
        if feature.group not in GROUPS or feature.unit not in UNITS or not set(feature.invariances) <= {*INVARIANCES}:
            hint = f"groups: {', '.join(GROUPS)}; units: {', '.join(UNITS)}; invariances: {', '.join(INVARIANCES)}"
            raise UsageError(f"feature '{feature.name}' of {where} has an unknown group, unit or invariance", hint)
    taken = [name for other in _PARTS.values() if other.name != part.name for name in other.columns]
    twice = sorted({name for name in part.columns if (*part.columns, *taken).count(name) > 1})
    if twice:
        raise UsageError(f"{where} has columns that are there already: {', '.join(twice)}", "give them other names")


@cache
def _load_own():
    found = {module.name for module in pkgutil.iter_modules(own.__path__)}
    for name in (*own.ORDER, *sorted(found - {*own.ORDER})):
        _add(import_module(f"{own.__name__}.{name}").PART)


@cache
def _load_others():
    for part in plugins.load(GROUP).values():
        register(part)


def all_parts():
    """Every part, in the order of their columns.

    Returns
    -------
    tuple of FeaturePart
    """
    _load_own()
    _load_others()
    return tuple(_PARTS.values())


def feature_sets():
    """Names of the feature sets, in the order in which the parts name them.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> feature_sets()[:3]
    ('core', 'full', 'extended')
    """
    return tuple(dict.fromkeys(name for part in all_parts() for name in part.sets))


def parts_of(feature_set):
    """The parts that a feature set has columns of.

    Parameters
    ----------
    feature_set : str

    Returns
    -------
    tuple of FeaturePart

    Raises
    ------
    UsageError
        For an unknown feature set.
    """
    if feature_set not in feature_sets():
        raise unknown("feature set", feature_set, feature_sets())
    return tuple(part for part in all_parts() if feature_set in part.sets)

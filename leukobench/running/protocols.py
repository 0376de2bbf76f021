"""Protocols: what is trained on which datasets and scored on which, and what its figures are called.

A protocol is one object. Where a target is one of the sources, its images are predicted out of fold, by models that
were tuned and fitted without them; no protocol can ask for anything else. Where labels of the target train
(`Setting.labels`), they are those of other cells than the model predicts.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from leukobench import plugins
from leukobench.errors import UsageError
from leukobench.preparation.conditions import WORLDS
from leukobench.preparation.corruptions import conditions
from leukobench.running.setting import PLAIN, Setting

GROUP = "leukobench.protocols"


@dataclass(frozen=True)
class Protocol:
    """A way to choose sources and targets.

    Parameters
    ----------
    name : str
        In suites, records and `--protocols`.
    column : str
        Of its mean in the leaderboard's files.
    title : str
        Of its mean in the leaderboard for people.
    where : str
        How a sentence about its figures begins.
    fits : callable
        Names of all datasets to a list of (train, sources, targets), one for each fit of a model: the name of the
        source in tables, and the datasets. The targets are either among the sources, all of them, or none is.
    row : str, default "{protocol}: {train}"
        What a fit is called in the matrices of the models.
    needs : int, default 2
        Fewest datasets that it is possible with.
    order : float, default 100
        Models are ranked by the protocol of a run whose number is lowest.
    setting : Setting, default as it is
        Labels of the target that train, sizes of the sources, corrupted copies that are predicted.

    Examples
    --------
    >>> PROTOCOLS["lodo"].fits(["cvb", "raabin", "munich"])[0]
    ('all-cvb', ('raabin', 'munich'), ('cvb',))
    """

    name: str
    column: str
    title: str
    where: str
    fits: Callable[[Sequence[str]], list[tuple[str, tuple[str, ...], tuple[str, ...]]]]
    row: str = "{protocol}: {train}"
    needs: int = 2
    order: float = 100
    setting: Setting = PLAIN


def _within(names):
    return [(name, (name,), (name,)) for name in names]


def _pairwise(names):
    return [(name, (name,), _others(names, name)) for name in names]


def _lodo(names):
    return [(f"all-{name}", _others(names, name), (name,)) for name in names]


def _others(names, name):
    return tuple(other for other in names if other != name)


# In the order of tables.
PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "within",
            "within",
            "within",
            "Within a dataset",
            _within,
            row="{train}",
            needs=1,
            order=4,
        ),
        Protocol(
            "pairwise",
            "out_of_domain",
            "out of domain",
            "Out of domain (pairwise)",
            _pairwise,
            row="{train}",
            order=1,
        ),
        Protocol(
            "lodo",
            "lodo",
            "leave one out",
            "Out of domain (leave one dataset out)",
            _lodo,
            row="all others",
            order=2,
        ),
        Protocol(
            "merged",
            "merged",
            "merged",
            "On the merged set, by origin",
            lambda names: [("merged", tuple(names), tuple(names))],
            row="merged",
            order=3,
        ),
        Protocol(
            "corrupted",
            "corrupted",
            "corrupted",
            "Within a dataset, on corrupted copies",
            _within,
            needs=1,
            order=5,
            setting=Setting(like="within", conditions=conditions()),
        ),
        Protocol(
            "worlds",
            "worlds",
            "in worlds",
            "Within a dataset, on copies from simulated laboratories",
            _within,
            needs=1,
            order=7,
            setting=Setting(like="within", conditions=WORLDS),
        ),
        Protocol(
            "leaky",
            "leaky",
            "leaky",
            "Within a dataset, one slide on both sides",
            _within,
            needs=1,
            order=6,
            setting=Setting(like="within", ungrouped=True),
        ),
        *(
            Protocol(
                f"labels_{n}",
                f"labels_{n}",
                f"{n} labels a class",
                f"With {n} labelled cells of each class of the target",
                _lodo,
                order=10 + place,
                setting=Setting(like="lodo", labels=n),
            )
            for place, n in enumerate((1, 5, 10, 50))
        ),
        *(
            Protocol(
                f"size_{n}",
                f"size_{n}",
                f"{n} of a class",
                f"Out of domain, trained on {n} cells of each class",
                _pairwise,
                order=20 + place,
                setting=Setting(like="pairwise", per_class=n),
            )
            for place, n in enumerate((15, 30, 60, 150))
        ),
    )
}


def fits_of(protocol, names, untrained=()):
    """The fits of a protocol, without datasets that nothing is trained on.

    Parameters
    ----------
    protocol : Protocol
    names : sequence of str
        All datasets.
    untrained : collection of str, optional
        Datasets that are no source; nor are they scored where targets are among the sources.

    Returns
    -------
    list of (str, tuple of str, tuple of str)
        Train, sources, targets.

    Raises
    ------
    UsageError
        Of the targets of a fit some are among its sources, and some are not.

    Examples
    --------
    >>> fits_of(PROTOCOLS["lodo"], ["cvb", "raabin", "ward7"], untrained=["ward7"])[1:]
    [('all-raabin', ('cvb',), ('raabin',)), ('all-ward7', ('cvb', 'raabin'), ('ward7',))]
    """
    found = []
    for train, sources, targets in protocol.fits(names):
        held_out = {*targets} & {*sources}
        if held_out and {*targets} - {*sources}:
            raise UsageError(
                f"protocol {protocol.name}: of the targets of '{train}' some are among its sources, and some are not",
                "make two fits of it: images of a source are predicted out of fold, others are not",
            )
        sources = tuple(name for name in sources if name not in untrained)
        targets = tuple(name for name in targets if not held_out or name not in untrained)
        found += [(train, sources, targets)] if sources and targets else []
    return found


BUILT_IN = frozenset(name for name, protocol in PROTOCOLS.items() if protocol.setting == PLAIN)


def register(protocol: Protocol) -> Protocol:
    """Give a protocol a place in suites and tables.

    A package does the same for all who install it with an entry point of the group ``leukobench.protocols`` that names
    a `Protocol`; `--use` reads it from a file.

    Parameters
    ----------
    protocol : Protocol

    Returns
    -------
    Protocol
        The same.

    Raises
    ------
    UsageError
        Its name or its column is taken, or is none that a column can have.
    """
    for name in (protocol.name, protocol.column):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise UsageError(f"'{name}' is no name of a protocol or column", "take small letters, digits, underscores")
    if any({each.name, each.column} & {protocol.name, protocol.column} for each in PROTOCOLS.values()):
        if PROTOCOLS.get(protocol.name) == protocol:
            return protocol
        raise UsageError(f"there is a protocol '{protocol.name}' or a column of it already", "take another name")
    PROTOCOLS[protocol.name] = protocol
    return protocol


def known_protocols():
    """All protocols: those of the table, those that were registered and those of installed packages.

    Returns
    -------
    dict of str to Protocol
        In the order of tables.

    Raises
    ------
    UsageError
        One from outside cannot be imported, or has a name that is taken.
    """
    for protocol in plugins.load(GROUP).values():
        register(protocol)
    return dict(PROTOCOLS)


def protocols_of(names):
    """Protocols of a run, in the order of tables; one that is not known here is called by its name.

    Parameters
    ----------
    names : collection of str

    Returns
    -------
    list of Protocol

    Examples
    --------
    >>> [protocol.column for protocol in protocols_of({"lodo", "pairwise"})]
    ['out_of_domain', 'lodo']
    """
    known = known_protocols()
    unknown = [Protocol(name, name, name, f"By {name}", lambda datasets: []) for name in sorted({*names} - {*known})]
    return [protocol for name, protocol in known.items() if name in names] + unknown

"""Protocols: what is trained on which datasets and scored on which, and what its figures are called.

A protocol is one object. Where a target is one of the sources, its images are predicted out of fold, by models that
were tuned and fitted without them; no protocol can ask for anything else.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from leukobench import plugins
from leukobench.errors import UsageError

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
            lambda names: [(name, (name,), (name,)) for name in names],
            row="{train}",
            needs=1,
            order=4,
        ),
        Protocol(
            "pairwise",
            "out_of_domain",
            "out of domain",
            "Out of domain (pairwise)",
            lambda names: [(name, (name,), _others(names, name)) for name in names],
            row="{train}",
            order=1,
        ),
        Protocol(
            "lodo",
            "lodo",
            "leave one out",
            "Out of domain (leave one dataset out)",
            lambda names: [(f"all-{name}", _others(names, name), (name,)) for name in names],
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
    )
}
BUILT_IN = frozenset(PROTOCOLS)


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

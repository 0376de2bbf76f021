"""What changed between two starts of a run in one folder, cell by cell and in words."""

import json
from collections import defaultdict
from dataclasses import replace

from leukobench.devices import PRECISIONS
from leukobench.running.environment import software_changes

IDENTITY = ("protocol", "train", "model", "seed")
# How many cells a change is told with by name.
SHOWN = 3


def identity_of(cell):
    """What a planned cell is called: `RunCell.identity`, of plain values."""
    return tuple(cell[key] for key in (*IDENTITY, "resample") if cell.get(key) or key != "resample")


def in_precision_of(before, cells):
    """Run cells as a plan of their folder has them trained, whatever this machine would train in.

    Machines of several kinds so work in one folder, and what one has finished no other makes again.

    Parameters
    ----------
    before : dict or None
        The earlier `plan.json`.
    cells : list of RunCell
        The new plan.

    Returns
    -------
    list of RunCell
        A cell that the earlier plan lacks is trained in the precision of its first network.
    """
    told = {identity_of(cell): cell.get("inputs", {}).get("precision") for cell in before["cells"]} if before else {}
    told = {identity: precision for identity, precision in told.items() if precision in PRECISIONS}
    kept = []
    for cell in cells:
        if told and "precision" in cell.inputs:
            precision = told.get(cell.identity, next(iter(told.values())))
            cell = replace(cell, inputs=cell.inputs | {"precision": precision})
        kept.append(cell)
    return kept


def changes(before, cells, recorded):
    """What a plan changes in a run folder that held another, of the cells that were run under the other.

    Parameters
    ----------
    before : dict or None
        The earlier `plan.json`.
    cells : list of RunCell
        The new plan.
    recorded : callable
        Takes a fingerprint; what the folder holds of it, or None.

    Returns
    -------
    list of str
        One line per change, with the cells that it was made to; their old records are left out of the tables. One line
        for all those that are no longer planned.
    """
    if not before:
        return []
    old = {identity_of(cell): cell for cell in before["cells"]}
    changed = defaultdict(list)
    for cell in cells:
        was = old.pop(cell.identity, None)
        if was and was["fingerprint"] != cell.fingerprint and recorded(was["fingerprint"]):
            what = "; ".join(differences(was.get("inputs", {}), json.loads(json.dumps(cell.inputs))))
            changed[what].append(" ".join(map(str, cell.identity)))
    lines = []
    for what, names in changed.items():
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        lines.append(f"{', '.join(names[:SHOWN])}{more} run{'s' * (len(names) == 1)} again: changed {what}")
    if aside := sum(bool(recorded(cell["fingerprint"])) for cell in old.values()):
        lines.append(f"{aside} run cells of the earlier plan are not in this one: their records are left aside")
    return lines


def differences(old, new):
    """What differs between the inputs of two cells, in words.

    Parameters
    ----------
    old, new : dict
        As in `RunCell.inputs`, read back from JSON.

    Returns
    -------
    list of str
        Dictionaries by the names in them, everything else with both values.

    Examples
    --------
    >>> differences({"trials": 4, "data": {"cvb": "ab"}}, {"trials": 30, "data": {"cvb": "cd"}})
    ['data of cvb', 'trials 4 -> 30']
    """
    words = []
    for key in sorted({*old, *new}):
        was, now = old.get(key), new.get(key)
        if isinstance(was, dict) and isinstance(now, dict):
            words += [f"{key} of {name}" for name in sorted({*was, *now}) if was.get(name) != now.get(name)]
        elif was != now:
            words.append(f"{key} {was} -> {now}")
    return words


def mixed_software(records):
    """Records that were made by other versions than those of this process, cell by cell.

    Their fingerprints say that nothing they are declared to depend on has changed, so they are kept.

    Parameters
    ----------
    records : dict of RunCell to dict or None
        What the run folder holds.

    Returns
    -------
    list of str
        One line per cell.
    """
    lines = []
    for cell, record in records.items():
        if record and (what := software_changes(record.get("provenance", {}))):
            lines.append(f"{' '.join(map(str, cell.identity))} is kept, made by other software: {', '.join(what)}")
    return lines

"""What changed between two starts of a run in one folder, cell by cell and in words."""

import json

from leukobench.running.environment import software_changes

IDENTITY = ("protocol", "train", "model", "seed")


def identity_of(cell):
    """What a planned cell is called: `RunCell.identity`, of plain values."""
    return tuple(cell[key] for key in (*IDENTITY, "resample") if cell.get(key) or key != "resample")


def changes(before, cells):
    """What a plan changes in a run folder that held another, cell by cell.

    Parameters
    ----------
    before : dict or None
        The earlier `plan.json`.
    cells : list of RunCell
        The new plan.

    Returns
    -------
    list of str
        One line per cell whose inputs changed; its old record is left out of the tables. One line for all those that
        are no longer planned.
    """
    if not before:
        return []
    old = {identity_of(cell): cell for cell in before["cells"]}
    lines = []
    for cell in cells:
        was = old.pop(cell.identity, None)
        if was and was["fingerprint"] != cell.fingerprint:
            what = "; ".join(differences(was.get("inputs", {}), json.loads(json.dumps(cell.inputs))))
            lines.append(f"{' '.join(map(str, cell.identity))} runs again: changed {what}")
    if old:
        lines.append(f"{len(old)} run cells of the earlier plan are not in this one: their records are left aside")
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

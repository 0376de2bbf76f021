"""Joins run folders of different machines into one, and refuses those that contradict each other."""

from pathlib import Path

from leukobench.errors import UsageError
from leukobench.files import check_writable
from leukobench.running.changes import differences, identity_of
from leukobench.running.records import SEAL, checksum, seal_holds
from leukobench.running.store import RunFolder

PARTS = ("models", "protocols", "seeds")  # of a suite: what the folders may differ in
SAID = ("augmented", "ensemble", "counts_as", "developed_on")  # of a model by its version, and changing no number
ASIDE = ("times", "provenance", "seal", *SAID)  # of a record: what two runs of one cell may differ in
NAMED = 10  # conflicts that are named one by one
BEFORE = {"contamination": []}  # of records that were written before it was recorded


def merge(folders, out):
    """Join run folders whose suites differ in models, protocols or seeds at most.

    Where several folders hold a run cell, a record that is ok is taken before one of a failure.

    Parameters
    ----------
    folders : sequence of path-like
        Run folders, finished or not.
    out : path-like
        A new run folder; `leukobench run` into it goes on with what is missing.

    Returns
    -------
    dict of str to int
        Number of planned run cells by status, "missing" where no folder has a record.

    Raises
    ------
    UsageError
        Where folders are of different data or settings, or hold different records of one run cell.
    """
    if (Path(out) / "plan.json").exists():
        raise UsageError(f"{out} holds a run already", "name a new folder with --out")
    check_writable(out, folder=True)
    plans = {store: store.read_plan() for store in map(RunFolder, folders)}
    plan = _joined(plans)
    records, conflicts = {}, _conflicting_plans(plans)
    for cell in plan["cells"]:
        if rounded := [store.path for store in plans if store.rounded(cell["fingerprint"])]:
            raise UsageError(f"{rounded[0]} is a rounded copy", "join the run folder that it was made of")
        found = [(store, record) for store in plans if (record := store.read_record(cell["fingerprint"]))]
        fine = [(store, record) for store, record in found if record["status"] == "ok"]
        conflicts += _changed_by_hand(found) + _conflicting_records(cell, fine)
        if found:
            records[cell["fingerprint"]] = (fine or found)[0]
    if conflicts:
        more = f"; and {len(conflicts) - NAMED} more" if len(conflicts) > NAMED else ""
        raise UsageError(
            f"the folders contradict each other: {'; '.join(conflicts[:NAMED])}{more}",
            "leave a folder out; `leukobench verify` tells whether one was changed by hand",
        )
    target = RunFolder(out)
    for fingerprint, (store, record) in records.items():
        fine = record["status"] == "ok"
        target.write_record(record, store.prediction_table(fingerprint) if fine else None)
    environments = {
        f"{number} {store.path.resolve().name}": store.read_json("environment.json")
        for number, store in enumerate(plans, start=1)
    }
    target.write_json("environment.json", {"merged": environments})
    target.write_samples(next(iter(plans)).read_samples())
    target.write_json("plan.json", plan)  # last: before it the folder is no run
    statuses = [record["status"] for _, record in records.values()]
    statuses += ["missing"] * (len(plan["cells"]) - len(records))
    return {status: statuses.count(status) for status in sorted(set(statuses))}


def _joined(plans):
    """One plan with the cells of all, where the folders agree on everything that is not a part."""
    first, plan = next(iter(plans.items()))
    suites = [other["suite"] for other in plans.values()]
    for store, other in plans.items():
        # Suites of versions that knew no costs say nothing of them; no record depends on costs. Nor on how many
        # resamples there are: each is a cell of its own.
        parts = {*PARTS, *({"costs", "resample_source"} - (plan["suite"].keys() & other["suite"].keys()))}
        old, new = ({k: v for k, v in p["suite"].items() if k not in parts} for p in (plan, other))
        shared = {"synthetic": (plan, other), "images": (plan, other)}
        differing = differences(old, new) + [key for key, (a, b) in shared.items() if a.get(key) != b.get(key)]
        if differing:
            raise UsageError(
                f"{first.path} and {store.path} cannot be joined: they differ in {', '.join(differing)}",
                "runs are joined that differ in models, protocols or seeds only",
            )
    cells = {cell["fingerprint"]: cell for other in plans.values() for cell in other["cells"]}
    union = {key: list(dict.fromkeys(x for suite in suites for x in suite[key])) for key in PARTS}
    hashes = {other.get("index_hash") for other in plans.values()}
    kinds = {kind for other in plans.values() for kind in other.get("credits", {})}
    every = [other.get("credits", {}) for other in plans.values()]
    credits = {kind: {k: v for each in every for k, v in each.get(kind, {}).items()} for kind in sorted(kinds)}
    return plan | {
        "suite": plan["suite"] | union,
        "credits": credits,
        "cells": list(cells.values()),
        "index_hash": hashes.pop() if len(hashes) == 1 else None,
    }


def _conflicting_plans(plans):
    """Run cells that folders plan with different inputs, in words."""
    known, lines = {}, []
    for store, plan in plans.items():
        for cell in plan["cells"]:
            name = identity_of(cell)
            first, other = known.setdefault(name, (store, cell))
            if cell["fingerprint"] != other["fingerprint"]:
                what = ", ".join(differences(other.get("inputs", {}), cell.get("inputs", {})))
                lines.append(f"{' '.join(map(str, name))} has other inputs in {first.path} and {store.path}: {what}")
    return lines


def _changed_by_hand(found):
    """Records and predictions that are no longer what their run wrote, in words; a merge would seal them anew."""
    lines = []
    for store, record in found:
        name = record["fingerprint"]
        if SEAL in record and not seal_holds(record):
            lines.append(f"{store.path}/cells/{name}.json was changed after the run wrote it")
        known = record.get("predictions_checksum")
        if known and checksum(store.prediction_table(name)) != known:
            lines.append(f"{store.path}/predictions/{name}.parquet was changed after the run wrote it")
    return lines


def _conflicting_records(cell, found):
    """Records of one run cell that are both ok and not the same, in words."""
    lines = []
    for store, record in found[1:]:
        first, known = found[0]
        old, new = (BEFORE | {key: value for key, value in r.items() if key not in ASIDE} for r in (known, record))
        if differing := sorted(key for key in {*old, *new} if old.get(key) != new.get(key)):
            name = " ".join(map(str, identity_of(cell)))
            lines.append(f"{name} has other records in {first.path} and {store.path}: {', '.join(differing)}")
    return lines

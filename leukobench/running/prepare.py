"""What of a suite can be run here, and the plan of it: datasets that are there, models whose libraries are."""

import dataclasses
from typing import NamedTuple

import pandas as pd

from leukobench.datasets import DATASETS, build_index, get_dataset, present_datasets
from leukobench.datasets.registry import OWN
from leukobench.errors import UsageError
from leukobench.models import get_model
from leukobench.models.catalogue import describe
from leukobench.running.plan import RunCell, build_plan, only_targets
from leukobench.running.samples import level_notes, select_samples, unfit_notes, why_empty
from leukobench.running.suite import ALL, Suite


class Prepared(NamedTuple):
    """A suite that meets its data.

    Parameters
    ----------
    suite : Suite
        With the datasets and models that take part.
    index, samples : pandas.DataFrame
        Every file, and the images that take part.
    cells : list of RunCell
        The plan.
    notes : list of str
        What takes part where the suite asks for all that is there, and what is left out and why.
    """

    suite: Suite
    index: pd.DataFrame
    samples: pd.DataFrame
    cells: list[RunCell]
    notes: list[str]


def prepare(suite, root, progress=None):
    """Read the data and make the plan.

    Parameters
    ----------
    suite : Suite
        What is asked for. Models that lack a library here are left out, and of all datasets, where they are asked for,
        those that are not there or cannot even be scored. One with too few images to train on is a target only.
    root : path-like
        The data root.
    progress : callable, optional
        Called as progress(done, total) in files.

    Returns
    -------
    Prepared
        What can be run, and what is left out in words.

    Raises
    ------
    UsageError
        Where nothing is left, or what was asked for by name cannot be run.
    """
    suite, notes = _with_models(suite)
    everything = suite.datasets == ALL
    if everything:
        suite, told = _with_datasets(suite, root)
        notes += told
    index = build_index(root, names=list(suite.datasets), progress=progress)
    notes += unfit_notes(index)
    if everything:
        suite, told = _with_sources(suite, index)
        index = index[index["dataset"].isin(suite.datasets)].reset_index(drop=True)
        notes += told
    samples = select_samples(index, suite)
    cells = build_plan(suite, samples)
    notes += [f"{name} is a target only: {_few(suite)}" for name in only_targets(samples, suite)]
    return Prepared(suite, index, samples, cells, notes + level_notes(index, suite))


def _with_models(suite):
    """The suite with the models that can run here."""
    reasons = {name: describe(get_model(name))["missing"] for name in suite.models}
    kept = tuple(name for name, reason in reasons.items() if not reason)
    lost = {reason: [name for name, why in reasons.items() if why == reason] for reason in reasons.values() if reason}
    notes = [f"models left out, {reason}: {', '.join(names)}" for reason, names in lost.items()]
    if not kept:
        raise UsageError(f"no model of {suite.name} can run here: {'; '.join(lost)}", "see `leukobench models ls`")
    return dataclasses.replace(suite, models=kept), notes


def _with_datasets(suite, root):
    """The suite with every dataset that is there, known and own; one that shows another's cells is left to that one."""
    there = {name: get_dataset(name, root) for name in present_datasets(root)}
    there = {name: source for name, source in there.items() if source.read(root)}
    if not there:
        build_index(root)  # which says what is expected
    copies = {name: source.card.cells_of for name, source in there.items() if source.card.cells_of in there}
    kept = tuple(name for name in there if name not in copies)
    known = [name for name in DATASETS if name not in OWN]
    absent = [name for name in known if name not in there]
    told = [name if name in known else f"{name} (own)" for name in kept]
    notes = [f"datasets that are there: {', '.join(told)}"]
    notes += [f"{name} is left out: it shows the cells of {other}" for name, other in copies.items()]
    if absent:
        notes.append(f"not there: {', '.join(absent)} (`leukobench data ls` says how to get them)")
    return dataclasses.replace(suite, datasets=kept), notes


def _with_sources(suite, index):
    """The suite with the datasets that train, and those that models of all these can be scored on."""
    labels = index[suite.level] if suite.level in index else pd.Series(None, index.index, dtype=object)
    counts = labels[index["status"] == "ok"].groupby(index["dataset"]).value_counts()
    enough = counts[counts >= suite.min_source_images]
    there, heads = (
        {name: {*table.index.get_level_values(1)} for name, table in each.groupby("dataset")}
        for each in (counts, enough)
    )
    heads = {name: classes for name, classes in heads.items() if len(classes) >= 2}
    kept, notes = [], []
    for name in suite.datasets:
        if name not in there:
            notes.append(f"{name} is left out: {why_empty(index[index['dataset'] == name], name, suite.level)}")
        elif name in heads or (heads and all(len(there[name] & classes) >= 2 for classes in heads.values())):
            kept.append(name)
        else:
            notes.append(f"{name} is left out: {_few(suite)}; `leukobench predict` tries a model on it")
    if not kept:
        raise UsageError("; ".join(notes), "see `leukobench data index` for what was found")
    return dataclasses.replace(suite, datasets=tuple(kept)), notes


def _few(suite):
    return f"fewer than two classes at {suite.level} with {suite.min_source_images} images"

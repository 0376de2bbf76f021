"""What trains, what is predicted and what it looks like, for each fit of a run cell, as the protocol's setting says."""

import numpy as np
import pandas as pd

from leukobench.files import content_hash
from leukobench.metrics.drawing import draw_counts
from leukobench.running.folds import derive_seed, fitting_folds, group_ids, outer_folds
from leukobench.running.setting import SHOWN


def shown_samples(samples, setting):
    """What is predicted of all datasets: their images as they are, or some under every condition.

    Parameters
    ----------
    samples : pandas.DataFrame
        Of `leukobench.running.samples.select_samples`.
    setting : Setting

    Returns
    -------
    pandas.DataFrame
        Rows of `samples` with the columns `at` (position there) and `test` (what the target is called), and where there
        are conditions `condition`. Which images are shown depends on their hashes alone.
    """
    own = samples.assign(at=np.arange(len(samples)), test=samples["dataset"])
    if setting.conditions:
        first = own.sort_values("sha256", kind="stable").groupby(["dataset", "class"], sort=False).head(setting.shown)
        own = pd.concat([first.sort_values("at").assign(condition=each) for each in setting.conditions])
        own = own.assign(test=own["dataset"] + SHOWN + own["condition"])
    return own.reset_index(drop=True)


def rows_name(representation, setting):
    """Name of a representation's rows of what `shown_samples` gives, in the run folder."""
    return f"{representation}+shown-{content_hash(setting.inputs)}" if setting.conditions else representation


def splits_of(samples, cell, head, n_folds):
    """What trains and what is predicted, for each fit of a run cell.

    Parameters
    ----------
    samples : pandas.DataFrame
        Of `leukobench.running.samples.select_samples`.
    cell : RunCell
        Gives protocol, train, seed, sources, targets, setting and resample. A resample is the same for all models and
        seeds.
    head : list of str
        Classes that are learnt.
    n_folds : int
        Outer folds asked for, where the targets are among the sources.

    Returns
    -------
    list of (train, test)
        Positions in `samples`; images of classes outside the head are still among those that train. Empty where the
        groups (slides, patients) allow no folds.
    """
    setting, protocol = cell.setting, cell.setting.like or cell.protocol
    if cell.held_out:
        told = samples.assign(group=None) if setting.ungrouped else samples
        splits = outer_folds(told, cell.sources, head, n_folds, cell.seed, protocol, cell.train)
    else:
        own, test = (np.flatnonzero(samples["dataset"].isin(names)) for names in (cell.sources, cell.targets))
        splits = [(own, test)]
    if setting.per_class:
        splits = [(_draw(samples, train, setting.per_class, cell.seed), test) for train, test in splits]
    if cell.resample:
        chance = derive_seed(cell.resample, "resample", *cell.sources)
        splits = [(_resampled(samples, train, chance), test) for train, test in splits]
    if setting.labels:
        splits = [
            (np.concatenate([train, _draw(samples, pool[np.isin(classes, head)], setting.labels, cell.seed)]), test)
            for train, test in splits
            for pool, test, classes in _halves(samples, test, head, cell.seed)
        ]
    return splits


def _halves(samples, own, head, seed):
    """Each half of some images, to be labelled, with the other, to be predicted, and the classes of the first."""
    rows = samples.iloc[own]
    classes = rows["class"].where(rows["class"].isin(head), "").to_numpy(dtype=str)
    strata = (rows["dataset"] + " " + rows["class"]).to_numpy(dtype=str)
    chance = derive_seed(seed, "halves", *sorted(set(rows["dataset"])))
    folds = fitting_folds(strata, classes, group_ids(samples)[own], 2, chance)
    return [(own[pool], own[test], classes[pool]) for pool, test in folds]


def _resampled(samples, rows, seed):
    """As many groups of each dataset and class, less one, drawn with replacement; images where there is one group."""
    table = samples.iloc[rows]
    strata = (table["dataset"] + " " + table["class"]).to_numpy(dtype=str)
    return np.repeat(rows, draw_counts(strata, group_ids(table), 1, seed)[0])


def _draw(samples, rows, most, seed):
    """At most so many of each dataset and class: the first in an order that the seed and their hashes decide."""
    table = samples.iloc[rows]
    luck = [derive_seed(seed, "drawn", sha256) for sha256 in table["sha256"]]
    places = pd.Series(luck, index=rows).groupby([table["dataset"].to_numpy(), table["class"].to_numpy()]).rank("first")
    return rows[(places <= most).to_numpy()]

"""How sure the difference of two sides is: paired intervals and p values, from the same draws of images for both."""

import numpy as np
import pandas as pd

from leukobench.metrics.significance import holm
from leukobench.metrics.statistics import Scores


def means_of(pairs, by):
    """Means of pairs by group, see `paired_intervals`, with their number as `pairs`."""
    means = pairs.groupby(level=by).mean()
    means.insert(0, "pairs", pairs.groupby(level=by).size())
    return means


def paired_intervals(one, two, pairs, by):
    """Paired intervals and p values of the groups whose pairs are all about the same images in both.

    Parameters
    ----------
    one, two : compare.Side
    pairs : DataFrame
        Indexed by train, test and model.
    by : list of str
        Levels of its index that make a group.

    Returns
    -------
    DataFrame
        Indexed by group: `ci_low`, `ci_high`, `p`, and `p_holm`, adjusted for all of its rows.
    """
    found = {}
    if one.scores and two.scores:
        both = Scores(
            one.scores.keys.append(two.scores.keys),
            np.concatenate([one.scores.point, two.scores.point]),
            np.concatenate([one.scores.replicates, two.scores.replicates], axis=1),
            two.scores.precision | one.scores.precision,
            one.scores.bounds,
        )
        same = {test for test in one.images.truth if one.images.same(two.images, test)}
        for name, rows in pairs.groupby(level=by):
            if {*rows.index.get_level_values("test")} <= same:
                first, second = (side.scores.weights(side.scores.keys.isin(rows.index)) for side in (one, two))
                weights = np.concatenate([first, -second])
                found[name] = (*both.interval(weights)[1:], both.p_value(weights))
    groups = pairs.groupby(level=by).size().index
    none = (np.nan,) * 3
    rows = [found.get(name if len(by) > 1 else (name,), none) for name in groups]
    table = pd.DataFrame(rows, index=groups, columns=["ci_low", "ci_high", "p"])
    return table.assign(p_holm=holm(table["p"]))

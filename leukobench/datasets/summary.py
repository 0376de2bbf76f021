"""Tables that say what an index holds."""

import pandas as pd

from leukobench.datasets.index import STATUSES
from leukobench.datasets.registry import DATASETS


def summarise(index):
    """Count the images of each dataset and native label by status.

    Parameters
    ----------
    index : DataFrame
        As `build_index` gives it.

    Returns
    -------
    DataFrame of int
        Rows (dataset, native_label, code), with "-" where there is none; one column per status that occurs, and
        `total`.
    """
    keys = ["dataset", "native_label", "code"]
    rows = index[keys].fillna("-")
    counts = pd.crosstab([rows[key] for key in keys], index["status"])
    counts = counts[[status for status in STATUSES if status in counts]]
    counts.columns.name = None
    return counts.assign(total=counts.sum(axis=1))


def coverage(index):
    """Compare the labelled files that are here with the full release.

    Parameters
    ----------
    index : DataFrame
        As `build_index` gives it.

    Returns
    -------
    dict of str to str
        Dataset to a text such as "3,207 of 17,092"; just the number where there is no release.
    """
    texts = {}
    for dataset, rows in index.groupby("dataset"):
        here = int(rows["code"].notna().sum())
        total = DATASETS[dataset].card.total if dataset in DATASETS else None
        texts[dataset] = f"{here:,} of {total:,}" if total else f"{here:,}"
    return texts

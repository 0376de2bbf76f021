"""Seeds, and folds that fit the groups there are: what one slide shows never stands on both sides of a split."""

import functools
import hashlib
import warnings
from itertools import chain

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold


def derive_seed(*parts):
    """Seed of one random choice, by hashing what it is for.

    Parameters
    ----------
    *parts : int or str
        The suite's seed and the names that tell this choice from every other.

    Returns
    -------
    int
        In 0 .. 2**31 - 1.

    Examples
    --------
    >>> derive_seed(0, "fold", "barcelona") == derive_seed(0, "fold", "barcelona")
    True
    """
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def group_ids(samples):
    """What must stay on one side of a split: the known group, within its dataset, else the image itself.

    Parameters
    ----------
    samples : pandas.DataFrame
        With dataset, group (None where unknown) and sha256.

    Returns
    -------
    numpy.ndarray of int of shape (n,)
        One number per group.
    """
    known = samples["group"].notna()
    names = np.where(known, samples["dataset"] + "/" + samples["group"].astype(str), samples["sha256"])
    return np.unique(names.astype(str), return_inverse=True)[1]


def make_folds(labels, groups, n_folds, seed):
    """Stratified folds that keep a group together.

    Parameters
    ----------
    labels : array of shape (n,)
        What to stratify by.
    groups : array of shape (n,)
        Images with the same value stay on one side.
    n_folds : int
        Number of folds.
    seed : int
        Of the shuffle.

    Returns
    -------
    list of (train, test)
        Index arrays.
    """
    return list(_cut(*map(_numbered, (labels, groups)), n_folds, seed))


def _numbered(values):
    """Which of the values each is, as bytes: what is kept of a source is then small, whatever its names are."""
    return np.unique(values, return_inverse=True)[1].astype(np.int32).tobytes()


# A process cuts one source for every model; where groups are known that takes longer than a light model's fit.
@functools.lru_cache(maxsize=256)
def _cut(labels, groups, n_folds, seed):
    labels, groups = (np.frombuffer(each, np.int32) for each in (labels, groups))
    alone = len(np.unique(groups)) == len(groups)
    splitter, given = (StratifiedKFold, None) if alone else (StratifiedGroupKFold, groups)
    with warnings.catch_warnings():  # a class rarer than the folds is known here: it is left out of the head
        warnings.filterwarnings("ignore", message="The least populated class")
        folds = list(splitter(n_folds, shuffle=True, random_state=seed).split(labels, labels, given))
    for rows in chain.from_iterable(folds):
        # all who ask get the same
        rows.setflags(write=False)
    return folds


def fitting_folds(strata, classes, groups, n_folds, seed):
    """As many folds as the groups allow, at most those asked for.

    There are no more than the rarest class has groups. A class of one group counts for nothing here: wherever that
    group is held out, nothing is left to learn the class from.

    Parameters
    ----------
    strata : array of shape (n,)
        What to stratify by.
    classes : array of shape (n,)
        The class to learn; an empty text where an image trains none.
    groups : array of shape (n,)
        Images with the same value stay on one side.
    n_folds : int
        Number of folds asked for.
    seed : int
        Of the shuffle.

    Returns
    -------
    list of (train, test)
        Index arrays. Every fold tests something and leaves two classes or more to train; empty where that cannot be.

    Examples
    --------
    >>> slides, classes = np.array([0, 0, 1, 1, 2, 2]), np.array(["LY", "NE"] * 3)
    >>> [len(fitting_folds(classes[:n], classes[:n], slides[:n], 5, 0)) for n in (6, 4, 2)]
    [3, 2, 0]
    """
    classes, groups = np.asarray(classes), np.asarray(groups)
    known = classes != ""
    pairs = np.unique(np.stack([np.unique(classes, return_inverse=True)[1], groups])[:, known], axis=1)
    counts = np.bincount(pairs[0])
    several = counts[counts > 1]
    if len(several) < 2:
        return []
    for n in range(min(n_folds, several.min()), 1, -1):
        folds = make_folds(strata, groups, n, seed)
        if all(len(test) and len(np.unique(classes[train][known[train]])) > 1 for train, test in folds):
            return folds
    return []


def inner_folds(strata, classes, groups, n_folds, seed):
    """Folds of a tuning: `fitting_folds`, by a seed of their own."""
    return fitting_folds(strata, classes, groups, n_folds, derive_seed(seed, "inner folds"))


def outer_folds(samples, sources, head, n_folds, seed, *name):
    """Folds of a protocol that tests on its own sources.

    Parameters
    ----------
    samples : pandas.DataFrame
        Images of all datasets, of `leukobench.running.samples.select_samples`.
    sources : sequence of str
        Datasets that are trained on.
    head : list of str
        Classes that are learnt.
    n_folds : int
        Number of folds asked for.
    seed : int
        Of the suite.
    *name : str
        Protocol and source: all models have the same folds.

    Returns
    -------
    list of (train, test)
        Positions in `samples`; empty where the groups allow no folds.
    """
    own = np.flatnonzero(samples["dataset"].isin(sources))
    rows = samples.iloc[own]
    strata = (rows["dataset"] + " " + rows["class"]).to_numpy(dtype=str)
    classes = rows["class"].where(rows["class"].isin(head), "").to_numpy(dtype=str)
    folds = fitting_folds(strata, classes, group_ids(samples)[own], n_folds, derive_seed(seed, "outer folds", *name))
    return [(own[train], own[test]) for train, test in folds]

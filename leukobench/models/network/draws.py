"""Which images of a source train a network, how often they are drawn, and which judge its epochs."""

import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

LEAST_DRAWS = 768  # crops per epoch that a small source is trained on at least,
MOST_REPEATS = 8  # unless that means more draws than this of each of its images
VALIDATION = 10  # one part in ten of the source is kept for early stopping and the temperature


def crops_drawn(images, batch_size=32):
    """How many crops of so many training images an epoch shows, in whole batches."""
    draws = max(images, min(LEAST_DRAWS, MOST_REPEATS * images))
    return draws // batch_size * batch_size or batch_size


def split_source(labels, groups, seed):
    """Rows to train on, and one part in ten to choose the epoch by.

    Parameters
    ----------
    labels : int array, shape (n,)
    groups : array, shape (n,), or None
        What must stay together; None is each row by itself.
    seed : int

    Returns
    -------
    train, valid : int arrays
        The same rows where a source is too small.
    """
    rows = np.arange(len(labels))
    groups = rows if groups is None else np.asarray(groups)
    found = len(np.unique(groups))
    parts = min(VALIDATION, found, np.bincount(labels).max())
    if parts < 2:
        return rows, rows
    # The splitter for groups takes a second for 2,000 of them.
    splitter, groups = (StratifiedKFold, None) if found == len(rows) else (StratifiedGroupKFold, groups)
    with warnings.catch_warnings():  # a class rarer than the parts is then missing in some
        warnings.filterwarnings("ignore", message="The least populated class")
        warnings.filterwarnings("ignore", message="n_groups")
        train, valid = next(splitter(parts, shuffle=True, random_state=seed).split(rows, labels, groups))
    lost = np.isin(labels[valid], labels[train], invert=True)  # of a class of one image that image trains
    return np.sort(np.append(train, valid[lost])), valid[~lost] if not lost.all() else train


class BalancedSampler:
    """Draws the classes of a laboratory equally often, and laboratories by the square root of their size.

    Parameters
    ----------
    labels, laboratories : int arrays, shape (n,)
    draws : int
        Per epoch.
    seed : int
    weights : float array, shape (n,), or None, default None
        Images of a class and laboratory are drawn by their weight, and a laboratory's size is the sum of them: 2 is as
        if an image were there twice. None is 1 of all.
    """

    def __init__(self, labels, laboratories, draws, seed, weights=None):
        weights = np.ones(len(labels)) if weights is None else weights
        cells, places = np.unique((laboratories, labels), axis=1, return_inverse=True)
        counts, sizes, classes = np.bincount(places, weights), np.bincount(laboratories, weights), np.bincount(cells[0])
        shares = np.sqrt(sizes[cells[0]]) / classes[cells[0]] / counts
        chances = weights * shares[places]
        self.weights = chances / chances.sum()
        self.draws, self.seed, self.epoch = draws, seed, 0

    def __len__(self):
        return self.draws

    def __iter__(self):
        rng = np.random.default_rng((self.seed, self.epoch))
        places = rng.choice(len(self.weights), self.draws, p=self.weights)
        return iter([(self.epoch, number, int(place)) for number, place in enumerate(places)])

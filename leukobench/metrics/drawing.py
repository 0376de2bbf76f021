"""How often a bootstrap draws each image: within the class, whole slides or patients where they are known."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np

REPLICATES = 1000
ENOUGH = 200  # for a standard deviation within 5 %, where very much is drawn for


@dataclass
class Draws:
    """The draws of a bootstrap, made once for each target, whatever is asked of them.

    Parameters
    ----------
    replicates : int, default 1000
    seed : int, default 0
    """

    replicates: int = REPLICATES
    seed: int = 0

    def __post_init__(self):
        self._made = {}

    def of(self, name, target):
        """How often each image of a target is drawn; that depends on its name and the seed, not on other targets.

        Parameters
        ----------
        name : str
        target : Target

        Returns
        -------
        ndarray of uint16, shape (replicates, n)
        """
        key = name, target.labels.tobytes(), target.clusters.tobytes()
        if key not in self._made:
            seed = [self.seed, crc32(name.encode())]
            self._made[key] = draw_counts(target.labels, target.clusters, self.replicates, seed)
        return self._made[key]


def strata(labels, clusters):
    """What is drawn from: in each class the clusters, or the images where the class has one cluster alone.

    Parameters
    ----------
    labels : ndarray of str, shape (n,)
    clusters : ndarray of int, shape (n,)

    Yields
    ------
    name : str
    rows : ndarray of int
        Where the images of the class stand.
    units : ndarray of int
        The unit that each of them belongs to: its cluster, or a number above those of all clusters.
    """
    for name in np.unique(labels):
        rows = np.flatnonzero(labels == name)
        alone = len(np.unique(clusters[rows])) == 1
        yield name, rows, clusters.max() + 1 + rows if alone else clusters[rows]


def draw_counts(labels, clusters, replicates=REPLICATES, seed=0):
    """How often each image is drawn when clusters are drawn within their class, with replacement and one fewer.

    Drawing within the class, no replicate misses one: a mean over fewer classes has another expectation. Drawing one
    fewer, the variance of the replicates is unbiased also where there are few. A cluster with several classes is drawn
    often of all of them or of none. A class with one cluster alone says nothing of the differences between clusters;
    its images are drawn, and the interval holds for that cluster.

    Parameters
    ----------
    labels : array-like of str, shape (n,)
        Class of each image.
    clusters : array-like of int, shape (n,)
        Cluster of each image; all different means plain resampling of images.
    replicates : int, default 1000
    seed : int or sequence of int, default 0

    Returns
    -------
    ndarray of uint16, shape (replicates, n)

    References
    ----------
    Rao and Wu, Resampling inference with complex survey data, J. Am. Stat. Assoc. 83 (1988).

    Examples
    --------
    >>> draw_counts(["LY", "LY", "LY", "MO", "MO"], [0, 0, 1, 0, 1], replicates=2, seed=2)
    array([[0, 0, 1, 0, 1],
           [1, 1, 0, 1, 0]], dtype=uint16)
    """
    generator = np.random.default_rng(seed)
    labels, clusters = np.asarray(labels), np.asarray(clusters)
    parts = [(rows, *np.unique(units, return_inverse=True)) for _, rows, units in strata(labels, clusters)]
    names, seen = np.unique(np.concatenate([units for _, units, _ in parts]), return_counts=True)
    place = dict(zip(names[seen > 1].tolist(), range(names.size), strict=False))
    luck = generator.random((replicates, len(place)))  # of the clusters that have several classes
    counts, drawn = np.empty((replicates, len(labels)), np.uint16), {}
    for rows, units, member in parts:
        size = len(units)
        shared = [unit for unit in units.tolist() if unit in place]
        if not shared or size not in drawn:
            drawn[size] = generator.multinomial(max(size - 1, 1), np.full(size, 1 / size), replicates)
        found = drawn[size]
        if shared:  # the numbers of a draw can be dealt in any order: the lucky clusters get the high ones
            fate = generator.random((replicates, size))
            fate[:, np.isin(units, shared)] = luck[:, [place[unit] for unit in shared]]
            ranks = fate.argsort(axis=1).argsort(axis=1)
            found = np.take_along_axis(np.sort(found, axis=1), ranks, axis=1)
        counts[:, rows] = found[:, member]
    return counts

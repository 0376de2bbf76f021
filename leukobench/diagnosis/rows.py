"""Rows of one representation in a run folder, with what is known of each image."""

from dataclasses import dataclass
from urllib.parse import unquote

import numpy as np

from leukobench.errors import UsageError
from leukobench.readback import DamagedFile, understanding
from leukobench.running.folds import group_ids, make_folds

FOLDS = 5
LARGEST = np.finfo(np.float32).max  # what trees take
LEAST = 10  # images of a class in a dataset, below which it takes no part


@dataclass(frozen=True)
class Rows:
    """One representation of the images of a run.

    Parameters
    ----------
    name : str
        Such as "features:core", "features:core@augmented" or "embedding:mobilenet_v2".
    values : float array, shape (n, p)
        One row per image; may hold NaN.
    features : list or None
        What the columns are: objects with name, group and unit. None for an embedding.
    dataset, label : str array, shape (n,)
        Source and class of each image.
    cluster : int array, shape (n,)
        What must stay on one side of a split: the known group, else the image itself.
    um_per_px : float array, shape (n,)
        Pixel size; NaN where it is unknown.
    """

    name: str
    values: np.ndarray
    features: list | None
    dataset: np.ndarray
    label: np.ndarray
    cluster: np.ndarray
    um_per_px: np.ndarray

    def of(self, dataset, label=None):
        """Whether each image is of a dataset, and of a class where one is given."""
        return (self.dataset == dataset) & (True if label is None else self.label == label)

    def classes(self, dataset):
        """Classes with enough images in a dataset, sorted."""
        names, counts = np.unique(self.label[self.of(dataset)], return_counts=True)
        return [str(name) for name in names[counts >= LEAST]]

    def shared(self, *datasets):
        """Classes with enough images in each of some datasets, sorted."""
        return sorted(set.intersection(*(set(self.classes(name)) for name in datasets)))

    def columns(self, group):
        """Positions of the features of one group."""
        return np.flatnonzero([feature.group == group for feature in self.features])


def read_rows(run, catalogue):
    """Read every representation that a run folder holds.

    Parameters
    ----------
    run : leukobench.report.reader.Run
    catalogue : callable
        Name of a representation to the features that are its columns, or None, such as
        `leukobench.running.representations.columns_of`.

    Returns
    -------
    list of Rows
        Sorted by name, hand-crafted features last.

    Raises
    ------
    UsageError
        The folder holds no images or rows, or rows that do not fit them or the catalogue.
    """
    hint = "run the suite again into the same --out; a compacted run keeps no rows, so diagnose before compacting"
    path = run.folder / "samples.parquet"
    files = sorted(run.folder.glob("rows/*.npy"))
    if not path.is_file() or not files:
        raise UsageError(f"{run.folder} holds no features: it has no samples.parquet or no rows/", hint)
    samples = run.store.read_samples()
    facts = [samples["dataset"].to_numpy(str), samples["class"].to_numpy(str), group_ids(samples)]
    facts.append(samples["um_per_px"].to_numpy(float))
    found = []
    for file in files:
        name = unquote(file.stem.replace("-", ":", 1))
        with understanding(file, "table of rows", hint):
            values = np.load(file, allow_pickle=False).astype(float, copy=False)
        features = catalogue(name)
        values = values[:, 0] if values.ndim == 3 else values  # of an image and its copies, the image itself
        if values.ndim != 2 or len(values) != len(samples) or (features and len(features) != values.shape[1]):
            raise UsageError(f"{file} does not fit the images or features: its shape is {values.shape}", hint)
        if (np.abs(values) > LARGEST).any():
            raise DamagedFile(f"{file} is not a readable table of rows (numbers beyond {LARGEST:.1e})", hint)
        found.append(Rows(name, values, features, *facts))
    return found


def folds(label, cluster, seed=0):
    """Stratified folds; clusters stay whole, unless a class has too few of them to be in every fold.

    Parameters
    ----------
    label : str array, shape (n,)
    cluster : int array, shape (n,)
    seed : int, default 0

    Returns
    -------
    list of (train, test)
        Positions.
    """
    pairs = np.unique(np.stack([np.unique(label, return_inverse=True)[1], cluster]), axis=1)
    scarce = np.flatnonzero(np.bincount(pairs[0]) < FOLDS)
    free = np.isin(np.unique(label, return_inverse=True)[1], scarce)
    return make_folds(label, np.where(free, cluster.max() + 1 + np.arange(len(cluster)), cluster), FOLDS, seed)


def balanced_recall(true, called):
    """Mean recall over the classes in `true`."""
    return float(np.mean([np.mean(called[true == name] == name) for name in np.unique(true)]))

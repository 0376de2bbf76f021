"""Which rows of a table of predictions are whose: test images in one order, classes as codes, worked out once."""

from dataclasses import dataclass, field, replace

import numpy as np

from leukobench.errors import UsageError
from leukobench.metrics.scoring import answers_of
from leukobench.running.setting import dataset_of


class Images:
    """The test images of each dataset, the same whoever predicts them: sorted hashes, true classes, clusters."""

    def __init__(self):
        self.truth, self.clusters, self.first = {}, {}, {}  # first: the file that they were first seen in

    @property
    def hashes(self):
        """Of each dataset the sha256 of its images, sorted."""
        return {test: truth[0] for test, truth in self.truth.items()}

    def order(self, test, hashes, true, groups, record):
        """Positions that sort a table's images of one dataset by hash, once it is sure they are the same images."""
        order = np.argsort(hashes)
        cell = "{protocol} {train} {model} {seed}".format(**record)
        self._add(test, (hashes[order], true[order], groups[order]), f"{record['fingerprint']}.parquet ({cell})")
        return order

    def join(self, other):
        """Add the images of another share of the records, once it is sure they are the same."""
        for test, truth in other.truth.items():
            self._add(test, truth, other.first[test])

    def same(self, other, test):
        """Whether another one has the same images of a dataset, with the same classes and clusters."""
        if test not in self.truth or test not in other.truth:
            return False
        return all(np.array_equal(a, b) for a, b in zip(self.truth[test], other.truth[test], strict=True))

    def _add(self, test, truth, file):
        if test in self.truth:
            if not all(np.array_equal(a, b) for a, b in zip(self.truth[test], truth, strict=True)):
                raise UsageError(
                    f"predictions/{file} is not about the same images of {test} as the other cells",
                    "records of different data were mixed: run again into a new --out",
                )
            return
        self.truth[test], self.first[test] = truth, file
        # An image whose group is unknown is a cluster of its own.
        names = np.where(truth[2] == "", [f"\0{i}" for i in range(len(truth[2]))], truth[2])
        self.clusters[test] = np.unique(names, return_inverse=True)[1]


class Layout:
    """What all predictions of one source and head share: which rows are whose, and the classes there.

    Parameters
    ----------
    table : pyarrow.Table
        The keys of `Run.predictions`.
    head : list of str
        Classes of the head.
    record : dict
        Whose predictions they are.
    images : Images
    """

    def __init__(self, table, head, record, images):
        self.table, self.parts = table, {}
        columns = {name: table[name].to_numpy().astype(str) for name in ("test", "sha256", "true")}
        groups = table["group"].to_pandas().fillna("").to_numpy().astype(str)
        held_out = ()
        if set(map(dataset_of, record["targets"])) <= set(record.get("sources", ())):  # whole groups were held out
            datasets = np.array([dataset_of(test) for test in columns["test"]])
            held_out = tuple(_of_one_group(columns["true"], datasets, groups))
        for test in record["targets"]:
            rows = np.flatnonzero(columns["test"] == test)
            hashes, true = columns["sha256"][rows], columns["true"][rows]
            clusters = np.empty(0, int)
            if len(rows):
                rows = rows[images.order(test, hashes, true, groups[rows], record)]
                clusters = images.clusters[test]
            self.parts[test] = Part(rows, columns["true"][rows], clusters, head, held_out)


def _of_one_group(true, datasets, groups):
    """Classes of several images of one known group: where that is held out, none is left to learn from."""
    for name in np.unique(true):
        own = true == name
        if own.sum() > 1 and (groups[own] != "").all() and len(set(zip(datasets[own], groups[own], strict=True))) == 1:
            yield str(name)


@dataclass
class Part:
    """Images of one target, sorted by hash, seen from one head.

    Parameters
    ----------
    rows : ndarray of int, shape (n,)
        Where they stand in the predictions.
    true : ndarray of str, shape (n,)
        Their classes.
    clusters : ndarray of int, shape (n,)
        Their clusters (slide, patient).
    head : list of str
        Classes of the head.
    unlearnt : tuple of str, default ()
        Classes that no model of theirs has seen, as all of their images were held out together: in no mean.
    """

    rows: np.ndarray
    true: np.ndarray
    clusters: np.ndarray
    head: list
    unlearnt: tuple = ()
    labels: list = field(init=False)

    def __post_init__(self):
        names = sorted(set(self.true.tolist()))
        self.labels = [*self.head, *(name for name in names if name not in self.head)]
        self.codes = np.array([self.labels.index(name) for name in self.true], int)
        self.shared = tuple(name for name in self.head if name in names)
        self.columns = np.array([self.head.index(name) for name in self.shared], int)
        self.whole = len(self.shared) == len(self.labels)
        self.kept = np.flatnonzero(np.isin(self.codes, self.columns))
        self.shared_codes = np.searchsorted(self.columns, self.codes[self.kept])

    def answers(self, probabilities, limit):
        """Answers as deployed, and those limited to the shared classes, which `kept` are about."""
        deployed = self._of(self.codes, probabilities, self.labels, limit)
        if self.whole:
            return deployed, deployed
        known = probabilities[self.kept][:, self.columns]
        return deployed, self._of(self.shared_codes, known, self.shared, limit)

    def _of(self, codes, probabilities, labels, limit):
        answers = answers_of(codes, probabilities, labels, None, limit)
        learnt = [c for c in answers.averaged if answers.labels[c] not in self.unlearnt]
        return replace(answers, averaged=np.array(learnt, int))

    def answers_limited_to(self, probabilities, classes, averaged):
        """Answers for the images of some classes when only these can be answered.

        Parameters
        ----------
        probabilities : ndarray of float, shape (n, k)
        classes : tuple of str
            All of the head.
        averaged : tuple of str
            Those of them that a mean over classes is over.

        Returns
        -------
        Answers or None
            None where there is no class, or an averaged one has no image.
        """
        if not classes:
            return None
        places = np.array([self.labels.index(name) for name in classes], int)
        rows = np.isin(self.codes, places)
        true = np.argmax(self.codes[rows, None] == places, axis=1)
        answers = answers_of(true, probabilities[rows][:, places], classes, averaged)
        return answers if len(answers.averaged) == len(averaged) else None

"""Who was called what: counts of every scored cell, and what follows from them for each class."""

import numpy as np
import pandas as pd

from leukobench.report.columns import IDENTITY

SCORING = [*IDENTITY, "scoring"]


def class_figures(confusion):
    """What a confusion matrix says of each class, one against the rest.

    Parameters
    ----------
    confusion : array-like of int, shape (m, m)
        Rows true, columns answered.

    Returns
    -------
    dict of str to ndarray, shape (m,)
        `n` (images of the class), `called` (images called so), `sensitivity`, `specificity` and `precision`, which are
        NaN where they are shares of nothing.

    Examples
    --------
    >>> {name: values.round(2).tolist() for name, values in class_figures([[8, 2], [1, 9]]).items()}
    {'n': [10, 10], 'called': [9, 11], 'sensitivity': [0.8, 0.9], 'specificity': [0.9, 0.8], 'precision': [0.89, 0.82]}
    """
    confusion = np.asarray(confusion)
    hits, n, called = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    others = confusion.sum() - n
    return {
        "n": n,
        "called": called,
        "sensitivity": _share(hits, n),
        "specificity": _share(others - called + hits, others),
        "precision": _share(hits, called),
    }


def _share(some, every):
    return np.divide(some, every, out=np.full(len(every), np.nan), where=every > 0)


class Confusions:
    """Confusion matrices of scored cells, under both ways of scoring."""

    def __init__(self):
        self.found = []  # (row's identity and scoring, labels, matrix)

    def add(self, row, scorings):
        """Take up one row of `cells.csv`.

        Parameters
        ----------
        row : dict
            With the columns that say which it is.
        scorings : dict of str to Answers
            By name of the scoring.
        """
        place = tuple(row[name] for name in IDENTITY)
        some = {name: answers for name, answers in scorings.items() if len(answers.true)}
        self.found += [((*place, name), answers.labels, answers.confusion) for name, answers in some.items()]

    def join(self, other):
        """Take up those of another share of the records."""
        self.found += other.found

    def tables(self, cells):
        """The counts, and what they say of each class.

        Parameters
        ----------
        cells : DataFrame
            `cells.csv`, for the order of the rows.

        Returns
        -------
        counts : DataFrame
            `confusion.csv`: protocol, train, test, model, seed, scoring, true, predicted, count; pairs that did not
            occur are left out.
        classes : DataFrame
            `classes.csv`: one row per class with images or answers, with the columns of `class_figures`.
        """
        rank = {place: i for i, place in enumerate(cells[IDENTITY].itertuples(index=False, name=None))}
        counts, classes = [], []
        for place, labels, matrix in sorted(self.found, key=lambda each: (rank[each[0][:-1]], each[0][-1] != "shared")):
            true, predicted = np.nonzero(matrix)
            counts += [(*place, labels[i], labels[j], matrix[i, j]) for i, j in zip(true, predicted, strict=True)]
            figures = class_figures(matrix)
            some = np.flatnonzero(figures["n"] + figures["called"])
            classes += [(*place, labels[c], *(values[c] for values in figures.values())) for c in some]
        return (
            pd.DataFrame(counts, columns=[*SCORING, "true", "predicted", "count"]),
            pd.DataFrame(
                classes, columns=[*SCORING, "class", "n", "called", "sensitivity", "specificity", "precision"]
            ),
        )

"""Rows as estimators get them: with copies that train beside their image, and of several tables side by side."""

import numpy as np


class Tables:
    """Tables of different kinds about the same images, one for each member of an ensemble.

    Parameters
    ----------
    parts : sequence of array
        Each of shape (n, p) or (n, 1 + copies, p), with an n in common and all else its own.

    Examples
    --------
    >>> rows = Tables([np.zeros((4, 3)), np.zeros((4, 9, 2))])
    >>> len(rows), [part.shape for part in rows[[0, 2]].parts]
    (4, [(2, 3), (2, 9, 2)])
    """

    def __init__(self, parts):
        self.parts = tuple(parts)
        lengths = {len(part) for part in self.parts}
        if len(lengths) != 1:
            raise ValueError(f"tables of {sorted(lengths)} rows side by side")

    def __len__(self):
        return len(self.parts[0])

    def __getitem__(self, rows):
        return Tables([part[rows] for part in self.parts])


def fit_rows(estimator, X, y, *, laboratories=None, groups=None, checkpoint=None):
    """Fit an estimator to rows; copies of an image train beside it.

    Parameters
    ----------
    estimator : classifier
        Is told what its `fit` takes of `laboratories`, `groups`, `checkpoint`, and `original`: rows that are no copies.
    X : array of shape (n, p) or (n, 1 + copies, p), or Tables
    y : array of shape (n,)
    laboratories, groups : array of shape (n,) or None, default None
    checkpoint : path-like or None, default None

    Returns
    -------
    classifier
        The same, fitted.
    """
    # half a second, which a process that fits nothing need not wait for
    from sklearn.utils.validation import has_fit_parameter

    facts = {"laboratories": laboratories, "original": np.ones(len(X), bool), "groups": groups}
    if not isinstance(X, Tables) and X.ndim == 3:
        n, copies, _ = X.shape
        y = np.repeat(y, copies)
        facts = {name: None if each is None else np.repeat(each, copies) for name, each in facts.items()}
        facts["original"] = np.arange(n * copies) % copies == 0
        X = X.reshape(n * copies, -1)
    facts["checkpoint"] = checkpoint
    return estimator.fit(X, y, **{name: each for name, each in facts.items() if has_fit_parameter(estimator, name)})


def themselves(X):
    """Rows of the images themselves, without copies.

    Examples
    --------
    >>> themselves(np.zeros((4, 9, 2))).shape
    (4, 2)
    """
    return X[:, 0] if not isinstance(X, Tables) and X.ndim == 3 else X

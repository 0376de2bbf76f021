"""What a model answered on the images of one target, with the counts that metrics share."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Answers:
    """Answers of one model on n images, with everything a metric may ask for; counts are made once, when asked for.

    Parameters
    ----------
    true : ndarray of int, shape (n,)
        Position of each image's class in `labels`.
    probabilities : ndarray of float, shape (n, k), or None
        One column for each of the first k labels, the head; rows sum to one.
    labels : sequence of str, length m
        The head's classes, then classes of the images that the head lacks.
    averaged : ndarray of int
        Positions of the classes that a mean over classes is over, in ascending order; all of them have images.
    called : ndarray of int, shape (n,), or None
        Class that was answered; by default the most probable one, of equals the first.

    Examples
    --------
    >>> answers = Answers(np.array([0, 0, 1]), np.array([[.9, .1], [.4, .6], [.2, .8]]), ("LY", "MO"), np.array([0, 1]))
    >>> answers.predicted, answers.confusion.tolist()
    (array([0, 1, 1]), [[1, 1], [0, 1]])
    """

    true: np.ndarray
    probabilities: Any
    labels: tuple[str, ...]
    averaged: np.ndarray
    called: np.ndarray | None = None

    @classmethod
    def of_labels(cls, true, called):
        """Answers without probabilities.

        Parameters
        ----------
        true, called : array-like of str, shape (n,)
            Class of each image, and what was answered.

        Returns
        -------
        Answers
            Averaged are all classes with images.
        """
        labels, codes = np.unique(np.concatenate([true, called]), return_inverse=True)
        true, called = codes[: len(true)], codes[len(true) :]
        return cls(true, None, tuple(labels.tolist()), np.unique(true), called)

    @cached_property
    def predicted(self):
        """Position of each answer in `labels`, shape (n,)."""
        return self.probabilities.argmax(axis=1) if self.called is None else self.called

    @cached_property
    def hit(self):
        """Whether each answer is right, shape (n,)."""
        return self.predicted == self.true

    @cached_property
    def one_hot(self):
        """Which label was answered, one column for each, shape (n, m)."""
        return self.predicted[:, None] == np.arange(len(self.labels))

    @cached_property
    def support(self):
        """Number of images of each label, shape (m,)."""
        return np.bincount(self.true, minlength=len(self.labels))

    @cached_property
    def present(self):
        """Positions of the classes with images."""
        return np.flatnonzero(self.support)

    @cached_property
    def confusion(self):
        """Counts, rows true and columns answered, shape (m, m)."""
        m = len(self.labels)
        return np.bincount(self.true * m + self.predicted, minlength=m * m).reshape(m, m)

    @cached_property
    def placements(self):
        """What each image adds to the AUROC, one class against the rest and mean over the averaged ones, shape (n,).

        An image of the class adds the share of the others that stand below it, another one the share of the class that
        stands above it (placement values). Either has the area as its mean, so their sum is taken less half the area:
        the mean over all images is the AUROC, the variance of means of drawn images DeLong's.

        References
        ----------
        DeLong et al., Comparing the areas under two or more correlated receiver operating characteristic curves,
        Biometrics 44 (1988).
        """
        found = np.zeros(len(self.true))
        for c in self.averaged:
            if c >= self.probabilities.shape[1]:  # a class that the head lacks: all tied
                found += 0.5
                continue
            # Votes of neighbours or trees tie, which counts half; renormalising must not break ties by its rounding.
            names, place = np.unique(self.probabilities[:, c].round(12), return_inverse=True)
            own = self.true == c
            counts = np.stack([np.bincount(place[rows], minlength=len(names)) for rows in (own, ~own)])
            above, below = ((counts.cumsum(axis=1) - counts / 2) / counts.sum(axis=1)[:, None])[:, place]
            shares = np.where(own, below / own.mean(), (1 - above) / (1 - own.mean()))
            found += shares - shares.mean() / 2
        return found / len(self.averaged)

    def of(self, rows):
        """The same of some images, in whatever number: a class that has none of them leaves the means over classes.

        Parameters
        ----------
        rows : ndarray of int

        Returns
        -------
        Answers
        """
        true = self.true[rows]
        probabilities, called = (None if each is None else each[rows] for each in (self.probabilities, self.called))
        averaged = self.averaged[np.isin(self.averaged, true)]
        return replace(self, true=true, probabilities=probabilities, called=called, averaged=averaged)

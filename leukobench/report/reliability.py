"""The reliability diagram's numbers: how often answers are right that were given with about the same probability."""

import numpy as np
import pandas as pd

from leukobench.metrics.catalogue import CALIBRATION_BINS, calibration_bins
from leukobench.report.columns import IDENTITY

COLUMNS = [*IDENTITY, "bin_low", "bin_high", "n", "confidence", "accuracy"]


class Reliability:
    """Answers of scored cells by their highest probability, shared scoring."""

    def __init__(self):
        self.found = []

    def add(self, row, answers):
        """Take up one row of `cells.csv`.

        Parameters
        ----------
        row : dict
            With the columns that say which it is.
        answers : Answers
        """
        if not len(answers.true):
            return
        confidence = answers.probabilities.max(axis=1)
        bins = calibration_bins(confidence)
        sums = [np.bincount(bins, weights, CALIBRATION_BINS + 1) for weights in (None, confidence, answers.hit)]
        self.found.append((tuple(row[name] for name in IDENTITY), *sums))

    def join(self, other):
        """Take up those of another share of the records."""
        self.found += other.found

    def table(self, cells):
        """The bins that have answers.

        Parameters
        ----------
        cells : DataFrame
            `cells.csv`, for the order of the rows.

        Returns
        -------
        DataFrame
            `reliability.csv`: protocol, train, test, model, seed, `bin_low` and `bin_high` (in which the probability
            lies, the upper end included), `n`, `confidence` (mean probability of the answers) and `accuracy`.
        """
        rank = {place: i for i, place in enumerate(cells[IDENTITY].itertuples(index=False, name=None))}
        rows = []
        for place, n, confidence, hits in sorted(self.found, key=lambda each: rank[each[0]]):
            for k in np.flatnonzero(n):
                ends = max(k - 1, 0) / CALIBRATION_BINS, k / CALIBRATION_BINS
                rows.append((*place, *ends, int(n[k]), confidence[k] / n[k], hits[k] / n[k]))
        return pd.DataFrame(rows, columns=COLUMNS)

"""The differential count that a laboratory would report of each target, against the true one."""

from zlib import crc32

import numpy as np
import pandas as pd
from scipy import stats

from leukobench.metrics.differential import share_called
from leukobench.metrics.drawing import REPLICATES, draw_counts
from leukobench.metrics.statistics import LEVEL, ROUNDING
from leukobench.metrics.target import Target

COLUMNS = ["train", "test", "model", "class", "n", "true_percent", "counted_percent"]
COLUMNS += ["error_points", "ci_low", "ci_high", "absolute_error_points"]


class DifferentialCounts:
    """Shares that models report of each class, per target: one `Target` for each label, all of the same draws."""

    def __init__(self):
        self.targets = {}  # test -> label -> Target

    def add(self, row, part, answers):
        """Take up one run cell's answers, as deployed, about all images of a target.

        Parameters
        ----------
        row : dict
            With train, test and model.
        part : layout.Part
            The images.
        answers : Answers
        """
        if not len(part.rows):
            return
        by_label = self.targets.setdefault(row["test"], {})
        for label in answers.labels:
            target = by_label.setdefault(label, Target(part.true, part.clusters, share_called(label)))
            target.add((row["train"], row["model"]), np.arange(len(part.rows)), answers)

    def join(self, other):
        """Take up those of another share of the records."""
        for test, by_label in other.targets.items():
            own = self.targets.setdefault(test, {})
            for label, target in by_label.items():
                own.setdefault(label, Target(target.labels, target.clusters, target.metric)).join(target)

    def table(self, complete, *, replicates=REPLICATES, seed=0):
        """Errors of the differential counts, mean over seeds, with their intervals.

        Parameters
        ----------
        complete : collection of (train, test, model)
            Combinations whose planned seeds are all there; others are left out.
        replicates : int, default 1000
        seed : int, default 0
            As of `statistics.bootstrap`, which draws the same images.

        Returns
        -------
        DataFrame
            One row per train, test, model and class: `n` (images of the target), `true_percent`, `counted_percent`,
            `error_points` (the second minus the first, in percentage points) with `ci_low` and `ci_high`: images are
            drawn within their class, so that the true count stays what it is, and `absolute_error_points`.
        """
        tables = [pd.DataFrame(columns=COLUMNS)]
        for test, by_label in sorted(self.targets.items()):
            any_target = next(iter(by_label.values()))
            drawn = draw_counts(any_target.labels, any_target.clusters, replicates, [seed, crc32(test.encode())])
            for label, target in by_label.items():
                keys = target.columns
                counted = 100 * target.replicates(np.ones((1, len(target.labels)), np.uint16))[0]
                spread = 100 * target.replicates(drawn).std(axis=0)
                reach = (spread > ROUNDING) * spread * stats.t.ppf((1 + LEVEL) / 2, target.precision[1])
                true = 100 * (target.labels == label).mean()
                table = pd.DataFrame(keys, columns=["train", "model"]).assign(test=test, n=len(target.labels))
                table = table.assign(**{"class": label, "true_percent": true, "counted_percent": counted})
                error = counted - true
                table = table.assign(error_points=error, ci_low=error - reach, ci_high=error + reach)
                tables.append(table.assign(absolute_error_points=np.abs(error)))
        table = pd.concat([each for each in tables if len(each)] or tables)[COLUMNS]
        kept = [place in complete for place in table[["train", "test", "model"]].itertuples(index=False, name=None)]
        return table[np.array(kept, bool)].sort_values(["train", "test", "model", "class"]).reset_index(drop=True)

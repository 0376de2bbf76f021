"""What a metric is: one object with all that a table, a ranking and a bootstrap ask of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cloudpickle
import numpy as np

from leukobench import plugins
from leukobench.metrics.answers import Answers


@dataclass(frozen=True)
class Sums:
    """How a metric follows from sums over images, so that a bootstrap need not look at the images again.

    Parameters
    ----------
    per_image : callable
        `Answers` to an array of shape (n, s): what each image adds. Whole numbers may be of any integer type.
    combine : callable
        `combine(sums, sizes, averaged)` to the metric, shape (b, j), of b replicates of j models: `sums` of shape
        (b, m, j, s) has the sums over the images of each true class, `sizes` of shape (m,) the number of images, which
        is that of the target in every replicate, `averaged` of shape (m,) says which classes a mean over classes is
        over.
    linear : bool, default False
        Whether the mean of the metric over several runs is the metric of their mean sums: sums of runs are then added
        up first, which saves time and memory.
    """

    per_image: Callable[[Answers], np.ndarray]
    combine: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    linear: bool = False


def mean_of(per_image: Callable[[Answers], np.ndarray]) -> Sums:
    """Sums of a metric that is the mean over images of what each of them gives, shape (n,)."""
    return Sums(lambda answers: per_image(answers)[:, None], _mean, linear=True)


def of_confusion(function: Callable[[np.ndarray], np.ndarray]) -> Sums:
    """Sums of a metric that is a function of confusion matrices, shape (..., m, m), rows true and columns answered."""
    return Sums(called, lambda sums, sizes, averaged: function(sums.transpose(0, 2, 1, 3)))


def called(answers: Answers) -> np.ndarray:
    """Which label was answered, one column for each, shape (n, m)."""
    return answers.one_hot


def over_images(sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Sums over all images, shape (b, j, s), per image."""
    return sums.sum(axis=1) / sizes.sum()


def _mean(sums, sizes, averaged):
    return over_images(sums, sizes)[..., 0]


@dataclass(frozen=True)
class Metric:
    """A figure of merit: a column of the tables, and something that models can be ranked by.

    Parameters
    ----------
    name : str
        Name of the column, and of `--rank-by`.
    title : str
        What it is called in a sentence.
    of : callable
        `Answers` to float.
    sums : Sums or None, default None
        How a bootstrap gets its replicates; None draws the images anew for each of them, which takes minutes.
    higher_is_better : bool, default True
    over_classes : bool, default False
        Whether it is a mean over classes: undefined with fewer than two averaged ones. Any metric is undefined with
        fewer than two classes among the images.
    bounds : (float, float), default (0, 1)
        The least and the most that it can be, infinite where there is no end: its intervals keep to them.
    chance : callable or None, default None
        Number of averaged classes to what guessing gives.
    shown : bool, default True
        Whether its mean has a column in the leaderboard for people where models are ranked by another metric. The
        leaderboard for programs has every metric.
    probabilistic : bool, default False
        Whether it needs probabilities: undefined for answers of people, who give none.
    applies : callable or None, default None
        `Answers` to whether it says something of them; None says something of all.
    deployed : bool, default False
        Whether it is about answers as deployed alone, since shared scoring leaves out what it asks for.

    Examples
    --------
    >>> import numpy as np
    >>> from leukobench.metrics import Answers
    >>> hits = Metric("hits", "share of right answers", lambda answers: answers.hit.mean())
    >>> hits.value(Answers(np.array([0, 1]), None, ("LY", "MO"), np.array([0, 1]), called=np.array([0, 0])))
    0.5
    """

    name: str
    title: str
    of: Callable[[Answers], float]
    sums: Sums | None = None
    higher_is_better: bool = True
    over_classes: bool = False
    bounds: tuple[float, float] = (0.0, 1.0)
    chance: Callable[[int], float] | None = None
    shown: bool = True
    probabilistic: bool = False
    applies: Callable[[Answers], bool] | None = None
    deployed: bool = False

    def __reduce__(self):
        # Bytes in bytes: what is defined in a file of the user's must be there before its functions are looked up, in a
        # process too that was started before the file was named.
        return _unpacked, (plugins.used(), cloudpickle.dumps(vars(self)))

    @property
    def sign(self) -> int:
        """1 where more is better, else -1."""
        return 1 if self.higher_is_better else -1

    @property
    def bounded(self) -> bool:
        """Whether it lies between 0 and 1."""
        return self.bounds == (0, 1)

    @property
    def column(self) -> str:
        """Column of `cells.csv` that has the figure that ranks."""
        return f"deployed_{self.name}" if self.deployed else self.name

    def defined(self, answers: Answers) -> bool:
        """Whether there are classes enough, and whatever else it asks for."""
        if len(answers.present) < 2 or (self.over_classes and len(answers.averaged) < 2):
            return False
        if self.probabilistic and answers.probabilities is None:
            return False
        return self.applies is None or bool(self.applies(answers))

    def value(self, answers: Answers) -> float:
        """The figure.

        Parameters
        ----------
        answers : Answers

        Returns
        -------
        float
            NaN where it is undefined.
        """
        return float(self.of(answers)) if self.defined(answers) else math.nan


def _unpacked(used, content):
    for name in used:
        plugins.use(name)
    return Metric(**cloudpickle.loads(content))

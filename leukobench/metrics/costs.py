"""What confusions cost: a blast called lymphocyte is worse than a band called segmented."""

import numpy as np

from leukobench.metrics.metric import Metric, mean_of

ORDINARY = 1.0  # cost of a confusion that the table does not name


def cost_matrix(costs, labels):
    """Cost of each answer, rows true and columns answered.

    Parameters
    ----------
    costs : dict of str to dict of str to float
        True class to what it is called to the cost; what is not named costs 1, a right answer nothing.
    labels : sequence of str, length m

    Returns
    -------
    ndarray of float, shape (m, m)

    Examples
    --------
    >>> cost_matrix({"MYO": {"LY": 10}}, ["MYO", "LY"])
    array([[ 0., 10.],
           [ 1.,  0.]])
    """
    rows = [[float(costs.get(true, {}).get(answer, ORDINARY)) for answer in labels] for true in labels]
    matrix = np.array(rows).reshape(len(labels), len(labels))
    np.fill_diagonal(matrix, 0.0)
    return matrix


def confusion_cost(costs):
    """Mean cost of an answer by a table; undefined where there is none.

    Parameters
    ----------
    costs : dict
        As of `cost_matrix`.

    Returns
    -------
    Metric

    References
    ----------
    Elkan, The foundations of cost-sensitive learning, IJCAI 2001.
    """

    def paid(answers):
        return cost_matrix(costs, answers.labels)[answers.true, answers.predicted]

    return Metric(
        "confusion_cost",
        "cost of confusions per image",
        lambda answers: paid(answers).mean(),
        mean_of(paid),
        higher_is_better=False,
        bounds=(0, np.inf),
        shown=False,
        applies=lambda answers: bool(costs),
    )

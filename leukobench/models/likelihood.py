"""One number that turns scores into probabilities: a temperature, or the slope of margins."""

import numpy as np
from scipy.optimize import minimize_scalar


def likeliest(log_probabilities, labels, bounds, weights=None):
    """The factor at which the labels of held-out images are likeliest.

    Where all of them are right no factor is: the surer the likelier, and three images would make a model certain. Their
    labels then count as right with (n + 1) / (n + 2), Laplace's rule of succession, which Platt (1999) takes too.

    Parameters
    ----------
    log_probabilities : callable
        The logarithm of a factor to the logarithms of probabilities, shape (n, k).
    labels : int array, shape (n,)
        Columns of the true classes.
    bounds : pair of float
        Least and greatest factor.
    weights : float array, shape (n,), or None, default None
        Of the images; None is all alike.

    Returns
    -------
    float

    Examples
    --------
    >>> from scipy.special import log_expit
    >>> margins = np.ones((8, 1)) * [1, -1]  # of eight images, all of them right
    >>> round(likeliest(lambda log_slope: log_expit(np.exp(log_slope) * margins), np.zeros(8, int), (0.05, 20)), 2)
    2.2
    """
    labels = np.asarray(labels)
    rows = np.arange(len(labels))
    doubt = 1 / (len(labels) + 2) if (log_probabilities(0.0).argmax(axis=1) == labels).all() else 0.0

    def loss(log_factor):
        scores = log_probabilities(log_factor)
        own = scores[rows, labels]
        others = (scores.sum(axis=1) - own) / (scores.shape[1] - 1)
        return -np.average((1 - doubt) * own + doubt * others, weights=weights)

    return float(np.exp(minimize_scalar(loss, bounds=np.log(bounds), method="bounded").x))

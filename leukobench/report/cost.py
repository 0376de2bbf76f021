"""What models cost: seconds to fit, and milliseconds of one image from its file to the answer."""

import numpy as np
import pandas as pd

from leukobench.text import split_outside


def costs(report):
    """Cost of each ranked or transductive model, beside what it reaches.

    Parameters
    ----------
    report : build.Report

    Returns
    -------
    DataFrame
        In the order of the leaderboard: `model`, `family`, `transductive`, `score`, `ci_low`, `ci_high` (of the
        protocol that ranks), `fit_s` (tuning and fit, mean over run cells) and `answer_ms`: decoding, masks and the
        representation, as measured by one worker, and the prediction. NaN where a representation came out of a cache
        and was not timed.
    """
    board = report.board[report.board["section"].isin(["inductive", "transductive"])]
    measured = report.run.store.read_json("representations.json") or {}
    names = {each["model"]: _representation(each) for each in report.run.records}
    prepared = [_milliseconds(names.get(model, ""), measured) for model in board["model"]]
    return pd.DataFrame(
        {
            "model": board["model"],
            "family": board["family"],
            "transductive": board["section"] == "transductive",
            "score": board[report.headline.column],
            "ci_low": board["ci_low"],
            "ci_high": board["ci_high"],
            "fit_s": board[["tune_s", "fit_s"]].sum(axis=1, min_count=1),
            "answer_ms": board["ms_per_image"] + prepared,
        }
    ).reset_index(drop=True)


def pareto_front(cost, score):
    """Which points no other one beats: none is both as cheap and as good, and better in one.

    Parameters
    ----------
    cost, score : array-like of float, shape (n,)
        Less and more is better; NaN is on no front.

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> pareto_front([1, 2, 3, 2], [.5, .7, .6, .6]).tolist()
    [True, True, False, False]
    """
    cost, score = np.asarray(cost, float), np.asarray(score, float)
    known = ~(np.isnan(cost) | np.isnan(score))
    cheaper, better = cost[:, None] <= cost, score[:, None] >= score
    strictly = (cost[:, None] < cost) | (score[:, None] > score)
    return known & ~(cheaper & better & strictly & known[:, None]).any(axis=0)


def _representation(record):
    return record.get("inputs", {}).get("representation", {}).get("name", "")


def _milliseconds(name, measured):
    """Milliseconds per image of all representations that a name joins."""
    times = [measured.get(part) for part in split_outside(name, "&")]
    known = times and all(isinstance(each, dict) and each.get("ms_per_image") for each in times)
    return sum(each["ms_per_image"] for each in times) if known else np.nan

"""The leaderboard over submissions: those of one suite and the same images in one table, and why the others are not."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from leukobench.errors import UsageError
from leukobench.files import content_hash
from leukobench.metrics.statistics import LEVEL, Scores
from leukobench.report.board import model, number
from leukobench.report.leaderboard import headline_protocol, leaderboard
from leukobench.running.changes import differences
from leukobench.running.protocols import Protocol
from leukobench.submissions.submission import MEANING, cells_of

BETWEEN = "\x1f"  # stands in no name


@dataclass(frozen=True)
class Joined:
    """Submissions in one table.

    Parameters
    ----------
    board : DataFrame
        As `leaderboard.leaderboard`, without times, with the columns `submission`, `budget` and `seeds`.
    suite, data : dict
        What all of them have in common.
    ranking : Protocol
        By which models are ranked.
    synthetic : bool
        The images are drawn, not real.
    refused : list of str
        One line for each that is not: which, and why.
    """

    board: pd.DataFrame
    suite: dict
    data: dict
    ranking: Protocol
    synthetic: bool
    refused: list


def join(submissions, suite):
    """Join submissions that are of one suite and the same images.

    Parameters
    ----------
    submissions : dict of str to dict
        Name of the file to its content; each has passed `check`.
    suite : dict
        Name, version and level of the suite that is asked for. Of those that are of it, the images are those that most
        have looked at.

    Returns
    -------
    Joined

    Raises
    ------
    UsageError
        None is of that suite.
    """
    refused, fitting = [], {}
    for name, each in submissions.items():
        theirs = {key: each["suite"].get(key) for key in suite}
        if lines := differences(suite, theirs):
            refused.append(f"{name}: of another suite ({'; '.join(lines)})")
        else:
            fitting[name] = each
    if not fitting:
        asked = " ".join(str(value) for value in suite.values())
        raise UsageError(f"there is no submission of the suite {asked}", "; ".join(refused) or "name other files")
    keys = {name: content_hash(common(each)) for name, each in fitting.items()}
    (most, _), *_ = Counter(keys.values()).most_common(1)
    taken = {name: each for name, each in fitting.items() if keys[name] == most}
    first = common(next(iter(taken.values())))
    for name, each in fitting.items():
        if name not in taken:
            refused.append(f"{name}: of other data ({'; '.join(_other(first, common(each)))})")
    tables = [cells_of(each).assign(model=lambda t, n=n: t["model"] + BETWEEN + n) for n, each in taken.items()]
    board = board_of(pd.concat(tables, ignore_index=True))
    board[["model", "submission"]] = board["model"].str.split(BETWEEN, n=1, expand=True)
    told = [taken[row.submission] for row in board.itertuples()]
    ends = [each["models"][model]["interval"] for each, model in zip(told, board["model"], strict=True)]
    board[["ci_low", "ci_high"]] = [each or (np.nan, np.nan) for each in ends]
    board["budget"] = [each["suite"]["budget"]["name"] for each in told]
    board["seeds"] = [_fewer(each, model) for each, model in zip(told, board["model"], strict=True)]
    ranking = headline_protocol({name for each in taken.values() for name in each["suite"]["protocols"]})
    synthetic = any(each["synthetic"] for each in taken.values())
    return Joined(board, first["suite"], first["data"], ranking, synthetic, refused)


def as_shown(joined):
    """The table of joined submissions for people.

    Parameters
    ----------
    joined : Joined

    Returns
    -------
    DataFrame of str
        Indexed by rank.
    """
    rows = joined.board.to_dict("records")
    table = pd.DataFrame({"#": ["-" if pd.isna(row["rank"]) else str(row["rank"]) for row in rows]})
    table["model"] = [model(row) for row in rows]
    table["submission"] = joined.board["submission"]
    table[joined.ranking.title] = joined.board[joined.ranking.column].map(number)
    table[f"{LEVEL:.0%} interval"] = [f"[{number(row['ci_low'])}, {number(row['ci_high'])}]" for row in rows]
    for name in ("within", "gap", "lodo", "merged"):
        if name != joined.ranking.column and joined.board[name].notna().any():
            table[name] = joined.board[name].map(number)
    if (joined.board["seeds"] != "").any():
        table["seeds"] = joined.board["seeds"]
    return table.assign(budget=joined.board["budget"], cells=joined.board["coverage"]).set_index("#")


def _fewer(submission, model):
    """How many seeds a model has, where its suite has more."""
    fewer = submission["models"][model].get("seeds")
    return "" if fewer is None else f"{len(fewer)} of {len(submission['suite']['seeds'])}"


def board_of(cells):
    """The leaderboard of a table of scores, without intervals, which need predictions, and without times."""
    none = Scores(pd.MultiIndex.from_arrays([[], [], []], names=["train", "test", "model"]), np.empty(0), None, {})
    return leaderboard(cells, none).drop(columns=["tune_s", "fit_s", "ms_per_image"])


def common(submission):
    """What submissions of one table have in common: the meaning of the suite, and the images."""
    return {"suite": {key: submission["suite"].get(key) for key in MEANING}, "data": submission["data"]}


def _other(first, other):
    """What differs in words; of images how many there are."""
    lines = differences(first["suite"], other["suite"])
    for name in sorted({*first["data"]} | {*other["data"]}):
        ours, theirs = first["data"].get(name), other["data"].get(name)
        if ours != theirs:
            counts = [f"{each['images']} images {each['digest'][:8]}" if each else "none" for each in (theirs, ours)]
            lines.append(f"{name}: {counts[0]}, here {counts[1]}")
    return lines

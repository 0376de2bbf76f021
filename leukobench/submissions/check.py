"""Whether a submission agrees with itself, and with the run folder that it is said to come from."""

from itertools import product

from leukobench.errors import UsageError
from leukobench.report.leaderboard import headline_protocol
from leukobench.running.changes import differences
from leukobench.running.protocols import fits_of, protocols_of
from leukobench.running.records import SEAL, seal_holds
from leukobench.running.store import RunFolder
from leukobench.submissions.join import board_of
from leukobench.submissions.submission import COLUMNS, MEANING, SCORES, SPENT, cells_of, submission_of

EXACT, ROUNDED = 1e-6, 5e-3  # mean distance of a model's scores: of the predictions themselves, and of a rounded copy


def check(submission, folder=None):
    """What is wrong with a submission.

    Its seal, and that no run cell is left out of it, are looked at without a run folder: each model has all train x
    test combinations that the protocols of the suite ask for, for each of the suite's seeds, or of those that the
    submission says are fewer. The scores themselves can only be told with the run folder, or a published copy: there
    they are computed again.

    Parameters
    ----------
    submission : dict
        Of `read_submission`.
    folder : path-like, optional
        The run folder that it was made of, or a published copy of it.

    Returns
    -------
    list of str
        One line for each fault; none where all is well.
    """
    wrong = [] if seal_holds(submission) else ["its content was changed after it was written: the seal does not hold"]
    if submission["columns"] != COLUMNS:
        return [*wrong, f"its columns are not {', '.join(COLUMNS)}"]
    if lacking := [key for key in (*MEANING[:3], *SPENT, "datasets") if key not in submission["suite"]]:
        return [*wrong, f"its suite says nothing of {', '.join(lacking)}"]
    if lacking := sorted({*submission["suite"]["datasets"]} ^ {*submission["data"]}):
        wrong.append(f"suite and data do not name the same datasets: {', '.join(lacking)}")
    untrained = [name for name, told in submission["data"].items() if told.get("target_only")]
    for model, told in submission["models"].items():
        wrong += [f"{model}: {line}" for line in _cells_wrong(told, submission["suite"], untrained)]
    if wrong:
        return wrong
    wrong += _intervals_wrong(submission)
    return wrong + (_differs(submission, folder) if folder else [])


def _cells_wrong(told, suite, untrained):
    """What is missing, told twice or without a score."""
    cells, seeds = told["cells"], told.get("seeds", suite["seeds"])
    found = [tuple(row[:4]) for row in cells]
    planned = {
        (protocol.name, train, test)
        for protocol in protocols_of(suite["protocols"])
        for train, _, targets in fits_of(protocol, suite["datasets"], untrained)
        for test in protocol.setting.names(targets)
    }
    asked = {(*place, seed) for place, seed in product(planned, seeds)}
    if len(found) != len({*found}):
        yield "a run cell is told twice"
    if missing := sorted(asked - {*found}):
        yield f"{len(missing)} of {len(asked)} scores are left out, the first is {' '.join(map(str, missing[0]))}"
    if more := sorted({*found} - asked):
        yield f"{len(more)} scores are of what the suite does not ask, the first is {' '.join(map(str, more[0]))}"
    if strange := sorted({row[3] for row in cells} - {*seeds}):
        yield f"seeds {strange} are not among its own"
    if other := sorted({*seeds} - {*suite["seeds"]}):
        yield f"seeds {other} are not among those of the suite"
    place = COLUMNS.index("balanced_accuracy")
    if unequal := [row for row in cells if row[4] != "ok" and row[place] is not None]:
        yield f"{len(unequal)} run cells that failed have a score"


def _intervals_wrong(submission):
    """Models whose interval does not hold the mean that it is said to be about."""
    headline = headline_protocol(submission["suite"]["protocols"]).column
    for row in board_of(cells_of(submission)).to_dict("records"):
        interval, mean = submission["models"][row["model"]]["interval"], row[headline]
        if (interval is None) != (mean != mean) or (interval and not interval[0] - 1e-6 <= mean <= interval[1] + 1e-6):
            yield f"{row['model']}: its interval {interval} is not one of its mean, {mean:.3f}"


def _differs(submission, folder):
    """What the run folder says otherwise."""
    try:
        made = submission_of(folder, submission["name"], submission["note"])
    except UsageError as error:
        return [str(error)]
    apart = {*submission} - {"models", "manifest", SEAL}
    lines = differences(*({key: each[key] for key in apart} for each in (submission, made)))
    lines += [f"{model} is not in both" for model in sorted({*submission["models"]} ^ {*made["models"]})]
    if lines:
        return [f"not of {folder}: {line}" for line in lines]
    one, other = (cells_of(each).set_index(["model", *COLUMNS[:4]])[SCORES].sort_index() for each in (submission, made))
    one, other = (each.fillna(-1) for each in one.align(other))
    off = (one - other).abs().groupby("model").mean().max(axis=1)
    rounded = any(RunFolder(folder).rounded(cell["fingerprint"]) for cell in RunFolder(folder).read_plan()["cells"])
    allowed = ROUNDED if rounded else EXACT
    return [f"{model}: other scores than those of {folder}" for model in off.index[off > allowed]]

"""What all answers together say of a laboratory: its differential count, warnings, scores where labels are given."""

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from leukobench.datasets.taxonomy import LEVELS, to_level
from leukobench.inference.predict import UNSURE
from leukobench.metrics import Answers
from leukobench.metrics.catalogue import DEFAULT
from leukobench.metrics.scoring import answers_of
from leukobench.metrics.statistics import LEVEL, bootstrap
from leukobench.metrics.target import Target

FEW = 10  # images of which nothing is said together
SAME = 0.95  # of the sure answers that are one class
MANY = 1 / 3  # of the answers that are unsure


def differential_count(table, head):
    """Share of each class among the sure answers.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `predict_images`.
    head : sequence of str

    Returns
    -------
    pandas.DataFrame
        By class: `images`, `percent`, `low` and `high`, the ends of Wilson's interval at 95 %. It holds the chance of
        counting so many cells, and not that the model takes one class for another.
    """
    counts = table.loc[~table["class"].isin(["", UNSURE]), "class"].value_counts().reindex(list(head), fill_value=0)
    total = int(counts.sum())
    rows = []
    for count in counts:
        if total:
            reach = binomtest(int(count), total).proportion_ci(LEVEL, method="wilson")
            rows.append((count, 100 * count / total, 100 * reach.low, 100 * reach.high))
        else:
            rows.append((0, np.nan, np.nan, np.nan))
    return pd.DataFrame(rows, columns=["images", "percent", "low", "high"], index=counts.index)


def true_classes(images, level):
    """Class of each image at a level where its label is given, else ""; an array of str."""
    if level not in LEVELS:
        return np.full(len(images), "")
    return np.array([(to_level(code, level) or "") if code else "" for code in images["code"]], dtype=str)


def scores(trained, images, table):
    """What labels say of the answers.

    Parameters
    ----------
    trained : TrainedModel
    images, table : pandas.DataFrame
        Of `read_images` and `predict_images`.

    Returns
    -------
    list of str
        Sentences; empty where fewer than two classes have labels.
    """
    true = true_classes(images, trained.level)
    known = (true != "") & (table["error"] == "").to_numpy()
    if len(set(true[known])) < 2:
        return []
    said = []
    sure = known & (table["class"] != UNSURE).to_numpy()
    for words, rows in (("all", known), ("the sure", sure)):
        if len(set(true[rows])) > 1:
            score, low, high = _score(trained, table, true, rows)
            said.append(
                f"balanced accuracy ({trained.level}) of {words} {np.count_nonzero(rows)} answers that have a label: "
                f"{score:.3f} [{low:.3f}, {high:.3f}]"
            )
    wrong = known & ~sure
    if wrong.any():
        right = (table["likeliest"] == true).to_numpy()[wrong].mean()
        said.append(f"of the {np.count_nonzero(wrong)} unsure ones the likeliest class is right in {right:.0%}")
    return said


def _score(trained, table, true, rows):
    labels = [*trained.head, *sorted(set(true[rows]) - set(trained.head))]
    probabilities = table.loc[rows, [f"p_{name}" for name in trained.head]].to_numpy(float)
    codes = np.array([labels.index(name) for name in true[rows]])
    answers = answers_of(codes, probabilities, labels, min_test_images=1)
    target = Target(true[rows], np.arange(len(codes)), DEFAULT)
    target.add(("", ""), np.arange(len(codes)), answers)
    found = bootstrap({"labels": target})
    return found.interval(found.weights([True]))


def count_errors(trained, images, table):
    """The differential count against that of the labels, in percentage points, with intervals.

    Parameters
    ----------
    trained, images, table
        As of `scores`.

    Returns
    -------
    pandas.DataFrame or None
        By class: `counted` and `true` in percent, `error` with `low` and `high`; of the sure answers whose label is
        given. None where there are fewer than two.
    """
    from leukobench.report.differential import DifferentialCounts
    from leukobench.report.layout import Part

    true = true_classes(images, trained.level)
    rows = np.flatnonzero((true != "") & ~table["class"].isin(["", UNSURE]).to_numpy())
    if len(rows) < 2:
        return None
    counts = DifferentialCounts()
    answers = Answers.of_labels(true[rows], table["class"].to_numpy(str)[rows])
    part = Part(np.arange(len(rows)), true[rows], np.arange(len(rows)), list(trained.head))
    counts.add({"train": "", "test": "labels", "model": trained.model}, part, answers)
    found = counts.table({("", "labels", trained.model)}).set_index("class")
    names = {"counted_percent": "counted", "true_percent": "true", "error_points": "error"}
    return found.rename(columns=names | {"ci_low": "low", "ci_high": "high"})[
        ["counted", "true", "error", "low", "high"]
    ]


def warnings_of(trained, table):
    """What is odd about all images together, one sentence each.

    Parameters
    ----------
    trained : TrainedModel
    table : pandas.DataFrame
        Of `predict_images`.

    Returns
    -------
    list of str
    """
    read = table[table["error"] == ""]
    sure = read[read["class"] != UNSURE]
    if len(read) < FEW:
        return []
    usual, sources = trained.trust.usual, " and ".join(trained.sources)
    top = sure["class"].value_counts(normalize=True).head(1)
    size, unsure = read["diameter_um"].median(), 1 - len(sure) / len(read)
    low, high = usual["diameter_um"]
    brightness, (dark, bright) = read["brightness"].median(), usual["brightness"]
    said = [
        (
            len(sure) >= FEW and top.iloc[0] >= SAME,
            f"{top.iloc[0]:.0%} of the sure answers are {top.index[0]}: no smear is like that" if len(top) else "",
        ),
        (
            not dark <= brightness <= bright,
            f"the images are {'darker' if brightness < dark else 'brighter'} than those of {sources}: brightness "
            f"{brightness:.2f}, there {dark:.2f} to {bright:.2f}",
        ),
        (
            "size" in trained.trust.limits and not (np.isnan(size) or low <= size <= high),
            f"the cells are {size:.1f} um across, those of {sources} {low:.1f} to {high:.1f}: is the pixel size right?",
        ),
        (unsure >= MANY, f"{unsure:.0%} of the answers are unsure: this laboratory is unlike {sources}"),
    ]
    return [text for holds, text in said if holds]

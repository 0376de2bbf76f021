"""From predictions to scores: one row per protocol x train x test x model x seed, and what the bootstrap needs."""

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import groupby

import joblib
import numpy as np
import pandas as pd

from leukobench.evaluation.metrics import normalise
from leukobench.evaluation.statistics import Target
from leukobench.report.calibration import calibration_figures, crossfitted_temperatures, fit_temperature
from leukobench.report.columns import SAME_CLASSES, as_table, facts, figures
from leukobench.report.layout import Images, Layout, Part

WORTH_A_PROCESS = 500  # run cells: scoring them takes about as long as starting a process


@dataclass
class Cells:
    """Scores of a run.

    Parameters
    ----------
    table : DataFrame
        See `cells_table`.
    calibration : DataFrame
        One row per within and pairwise row of it; columns as `docs/protocol.md` lists them.
    targets : dict of str -> Target
        Per dataset, who got which image right under `protocol`; input of `statistics.bootstrap`.
    columns : dict of str -> list of (train, model)
        The classifiers behind the columns of each target.
    """

    table: pd.DataFrame
    calibration: pd.DataFrame
    targets: dict
    columns: dict


def cells_table(run):
    """Score every run cell on each of its targets.

    Parameters
    ----------
    run : Run

    Returns
    -------
    DataFrame
        Columns as `docs/protocol.md` lists them; sorted by protocol, train, test, model and seed. A run cell that has
        failed or is missing gives a row per target, with its status and no scores.
    """
    return score_cells(run).table


def score_cells(run, protocol="pairwise"):
    """Score every run cell, and keep what a bootstrap of one protocol needs.

    Parameters
    ----------
    run : Run
    protocol : str, default "pairwise"
        Protocol whose hits are kept.

    Returns
    -------
    Cells
    """
    sources = [list(records) for _, records in groupby(sorted(run.records, key=_source), _source)]
    jobs = min(joblib.cpu_count(), len(run.records) // WORTH_A_PROCESS) or 1
    shares = joblib.Parallel(n_jobs=jobs)(
        joblib.delayed(_score_sources)(replace(run, records=[]), sources[i::jobs], protocol) for i in range(jobs)
    )
    rows, hits, images = shares[0]
    for more_rows, more_hits, more_images in shares[1:]:
        rows += more_rows
        images.join(more_images)
        hits.join(more_hits)
    return Cells(*as_table(rows, run), *hits.targets(images))


def _score_sources(run, sources, protocol):
    """Rows, hits and images of a share of the records, which come as one list for each source, model and seed."""
    images, layouts, rows, hits = Images(), {}, [], _Hits()
    for records in sources:
        views = defaultdict(list)
        for record in records:
            if record["status"] != "ok":
                rows += [facts(record, test) for test in record["targets"]]
                continue
            for view in _views(run, record, layouts, images):
                rows.append(view.row)
                views[record["protocol"]].append(view)
                if record["protocol"] == protocol and len(view.averaged) > 1:
                    hits.add(
                        view.row["test"], record, view.averaged, view.part.hits(view.probabilities, view.part.shared)
                    )
        _judge_by_the_source(next(iter(views["within"]), None), views["pairwise"])
    return rows, hits, images


def _source(record):
    return record["train"], record["model"], record["seed"]


@dataclass
class _View:
    """What one run cell says about one target; `row` is its row of the table, so far."""

    row: dict
    part: Part
    probabilities: np.ndarray
    averaged: tuple


def _views(run, record, layouts, images):
    """Views of a run cell on each of its targets."""
    table, probabilities = run.predictions(record)
    place = record["protocol"], record["train"], tuple(record["head_classes"])
    layout = layouts.get(place)
    if layout is None or not layout.table.equals(table):
        layout = layouts[place] = Layout(table, record["head_classes"], record, images)
    for test, part in layout.parts.items():
        own = probabilities[part.rows]
        deployed, shared, averaged = part.score(own, run.suite["min_test_images"])
        yield _View(facts(record, test) | figures(deployed, shared), part, own, averaged)


def _judge_by_the_source(own, pairs):
    """Add to the rows of one source, model and seed what its predictions within the source are needed for."""
    temperature, scores = np.nan, {}
    if own:
        true, known = own.part.shared_codes, normalise(own.part.known(own.probabilities))
        temperature = fit_temperature(true, known)
        others = crossfitted_temperatures(true, known, own.part.clusters[own.part.kept])
        own.row |= {"temperature": temperature} | _calibration(own, others)
    for pair in pairs:
        classes = pair.part.shared, pair.averaged
        if own and classes not in scores:
            scores[classes] = own.part.balanced_accuracy(own.probabilities, *classes)
        pair.row |= {SAME_CLASSES: scores.get(classes, np.nan), "temperature": temperature}
        pair.row |= _calibration(pair, temperature)


def _calibration(view, temperature):
    part, averaged = view.part, np.array([view.part.shared.index(name) for name in view.averaged], int)
    return calibration_figures(part.shared_codes, normalise(part.known(view.probabilities)), averaged, temperature)


class _Hits:
    """Per target and classifier: how many seeds got each image right."""

    def __init__(self):
        self.sums, self.runs = defaultdict(dict), defaultdict(dict)

    def add(self, test, record, averaged, hit):
        self._add(test, (record["train"], record["model"], averaged), hit.astype(np.uint16), 1)

    def join(self, other):
        """Add what another share of the records has."""
        for test, sums in other.sums.items():
            for key, hits in sums.items():
                self._add(test, key, hits, other.runs[test][key])

    def _add(self, test, key, hits, runs):
        self.sums[test][key] = self.sums[test].get(key, 0) + hits
        self.runs[test][key] = self.runs[test].get(key, 0) + runs

    def targets(self, images):
        targets, columns = {}, {}
        for test in sorted(self.sums):
            keys = sorted(self.sums[test])
            hits = np.column_stack([self.sums[test][key] for key in keys])
            runs = np.array([self.runs[test][key] for key in keys])
            labels, clusters = images.truth[test][1], images.clusters[test]
            targets[test] = Target(labels, clusters, hits, runs, [set(averaged) for *_, averaged in keys])
            columns[test] = [(train, model) for train, model, _ in keys]
        return targets, columns

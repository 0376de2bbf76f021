"""From predictions to scores: one row per protocol x train x test x model x seed, and what the bootstrap needs."""

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import groupby

import joblib
import numpy as np
import pandas as pd

from leukobench.metrics import Answers, get_metric
from leukobench.metrics.catalogue import DEFAULT, metrics_of
from leukobench.metrics.scoring import score_answers
from leukobench.metrics.target import Target
from leukobench.report.calibration import JUDGED, calibration_figures, crossfitted_temperatures, fit_temperature
from leukobench.report.columns import SAME_CLASSES, as_table, facts, figures
from leukobench.report.confusion import Confusions
from leukobench.report.differential import DifferentialCounts
from leukobench.report.layout import Images, Layout, Part
from leukobench.report.mistakes import Mistakes
from leukobench.report.reliability import Reliability

RUNS = "runs"  # no protocol: each run of the one that ranks, on its own
OWN = "within"  # by which a source's own images tell models apart
WORTH_A_PROCESS = 2_000  # run cells: scoring them takes 8 s, and a process that starts, and what it sends back, 2 s


@dataclass
class Cells:
    """Scores of a run.

    Parameters
    ----------
    table : DataFrame
        See `cells_table`.
    calibration : DataFrame
        One row per within and pairwise row of it; columns as `docs/protocol.md` lists them.
    targets, own : dict of str -> Target
        Per dataset, what the classifiers of one protocol, and of the protocol within, answered, by one metric; input of
        `statistics.bootstrap`.
    images : Images
        The test images of every dataset.
    confusions : Confusions
        Who was called what, of every row of the table.
    counts : DifferentialCounts
        Of the same protocol as the targets, as deployed.
    reliability : Reliability
        Of the within and pairwise rows.
    mistakes : Mistakes
        Of the same protocol as the targets.
    resampled : DataFrame
        As `table`, of fits on resamples of the source, which are in nothing else but `runs`.
    runs : dict of str -> Target
        As `targets`, of every run on its own: its columns are (train, (model, seed, resample)).
    others : dict of (protocol, column) -> dict of str -> Target
        As `targets`, of the other protocols and metrics that were asked for.
    """

    table: pd.DataFrame
    calibration: pd.DataFrame
    targets: dict
    own: dict
    images: Images
    confusions: Confusions
    counts: DifferentialCounts
    reliability: Reliability
    mistakes: Mistakes
    resampled: pd.DataFrame
    runs: dict
    others: dict


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


def score_cells(run, protocol="pairwise", metric=DEFAULT, others=()):
    """Score every run cell, and keep what a bootstrap of one protocol and metric needs.

    Parameters
    ----------
    run : Run
    protocol : str, default "pairwise"
        Protocol of the bootstrap.
    metric : Metric or str, default balanced accuracy
        Metric of the bootstrap, and of the source's own score on the classes of each target.
    others : iterable of (protocol, Metric), default none
        Other protocols and metrics that are to be drawn from.

    Returns
    -------
    Cells
    """
    sources = [list(records) for _, records in groupby(sorted(run.records, key=_source), _source)]
    jobs = min(joblib.cpu_count(), len(run.records) // WORTH_A_PROCESS) or 1
    by, metrics = get_metric(metric), metrics_of(run.suite)
    by = metrics.setdefault(by.name, by)
    wanted = defaultdict(dict)
    for each, other in [*others, (protocol, by), (OWN, by)]:
        wanted[each][other.column] = other
    # The metrics go along: a process that was just started knows none that was registered here.
    shares = joblib.Parallel(n_jobs=jobs)(
        joblib.delayed(_score_sources)(
            replace(run, records=[]), sources[i::jobs], protocol, by, wanted, [*metrics.values()]
        )
        for i in range(jobs)
    )
    rows, targets, *joined = shares[0]
    for more_rows, more_targets, *others in shares[1:]:
        rows += more_rows
        for one, other in zip(joined, others, strict=True):
            one.join(other)
        for place, target in more_targets.items():
            targets.setdefault(place, Target(target.labels, target.clusters, target.metric)).join(target)
    kept = defaultdict(dict)
    for each, column, test in sorted(targets):
        kept[each, column][test] = targets[each, column, test]
    drawn = [kept[each, by.column] for each in (protocol, OWN, RUNS)]
    table, judged = as_table(rows, run, metrics.values())
    judged = judged[judged["resample"] == 0].reset_index(drop=True)
    own = table["resample"] == 0
    resampled = table[~own].reset_index(drop=True)
    return Cells(table[own].reset_index(drop=True), judged, *drawn[:2], *joined, resampled, drawn[2], kept)


def _score_sources(run, sources, protocol, by, wanted, metrics):
    """What a share of the records gives, which come as one list for each source, model and seed."""
    images, layouts, rows, targets = Images(), {}, [], {}

    def take(place, key, view, metric):
        kept, answers = view.asked(metric)
        if metric.defined(answers):
            place = place, metric.column, view.row["test"]
            targets.setdefault(place, Target(view.part.true, view.part.clusters, metric)).add(key, kept, answers)

    confusions, counts, reliability, mistakes = Confusions(), DifferentialCounts(), Reliability(), Mistakes()
    for records in sources:
        views = defaultdict(list)
        for record in records:
            if record["status"] != "ok":
                rows += [facts(record, test) for test in record["targets"]]
                continue
            lost = record.get("lost_targets", {})
            rows += [facts(record | {"status": "error", "error": reason}, test) for test, reason in lost.items()]
            for view in _views(run, record, layouts, images, metrics):
                rows.append(view.row)
                views[record["protocol"]].append(view)
                if record["protocol"] == protocol:
                    run_of = record["model"], record["seed"], record.get("resample", 0)
                    take(RUNS, (record["train"], run_of), view, by)
                if record.get("resample"):
                    continue
                confusions.add(view.row, {"shared": view.answers, "deployed": view.deployed})
                if record["protocol"] in JUDGED:
                    reliability.add(view.row, view.answers)
                if record["protocol"] == protocol:
                    counts.add(view.row, view.part, view.deployed)
                    mistakes.add(view.row, view.deployed)
                for metric in wanted.get(record["protocol"], {}).values():
                    take(record["protocol"], (record["train"], record["model"]), view, metric)
        _judge_by_the_source(next(iter(views["within"]), None), views["pairwise"], by)
    return rows, targets, images, confusions, counts, reliability, mistakes


def _source(record):
    return record["train"], record["model"], record["seed"], record.get("resample", 0)


@dataclass
class _View:
    """What one run cell says about one target; `row` is its row of the table, so far."""

    row: dict
    part: Part
    probabilities: np.ndarray
    answers: Answers  # limited to the shared classes
    deployed: Answers

    def asked(self, metric):
        """Rows and answers that a metric is about."""
        if metric.deployed:
            return np.arange(len(self.deployed.true)), self.deployed
        return self.part.kept, self.answers


def _views(run, record, layouts, images, metrics):
    """Views of a run cell on each of its targets."""
    table, probabilities = run.predictions(record)
    lost = record.get("lost_targets", {})
    record = record | {"targets": [test for test in record["targets"] if test not in lost]}
    place = record["protocol"], record["train"], tuple(record["head_classes"])
    layout = layouts.get(place)
    if layout is None or not layout.table.equals(table):
        layout = layouts[place] = Layout(table, record["head_classes"], record, images)
    for test, part in layout.parts.items():
        own = probabilities[part.rows]
        deployed, shared = part.answers(own, run.suite["min_test_images"])
        scores = score_answers(shared, metrics)
        as_deployed = scores if deployed is shared else score_answers(deployed, metrics)
        row = facts(record, test) | figures(as_deployed, scores, part.unlearnt, metrics)
        yield _View(row, part, own, shared, deployed)


def _judge_by_the_source(own, pairs, metric):
    """Add to the rows of one source, model and seed what its predictions within the source are needed for."""
    temperature, scores = np.nan, {}
    if own:
        true, known = own.answers.true, own.answers.probabilities
        temperature = fit_temperature(true, known)
        others = crossfitted_temperatures(true, known, own.part.clusters[own.part.kept])
        own.row |= {"temperature": temperature} | _calibration(own, others)
    for pair in pairs:
        labels = pair.answers.labels
        classes = labels, tuple(labels[c] for c in pair.answers.averaged)
        if own and classes not in scores:
            answers = own.part.answers_limited_to(own.probabilities, *classes)
            scores[classes] = np.nan if answers is None else metric.value(answers)
        pair.row |= {SAME_CLASSES: scores.get(classes, np.nan), "temperature": temperature}
        pair.row |= _calibration(pair, temperature)


def _calibration(view, temperature):
    answers = view.answers
    return calibration_figures(answers.true, answers.probabilities, answers.averaged, temperature)

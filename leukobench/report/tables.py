"""Writes the tables of a run folder. Each of them says under which protocol its figures arose."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from leukobench.files import atomic_write, check_writable, fitting_name
from leukobench.metrics import Metric, get_metric
from leukobench.metrics.catalogue import DEFAULT, metrics_of
from leukobench.metrics.drawing import REPLICATES, Draws
from leukobench.metrics.significance import rank_tests
from leukobench.metrics.statistics import LEVEL, bootstrap
from leukobench.report import citation, manifest
from leukobench.report.calibration import calibration_means
from leukobench.report.ceiling import human_ceiling, notes_of
from leukobench.report.cells import score_cells
from leukobench.report.components import components_table
from leukobench.report.conclusion import compare_sides, conclusion, notes
from leukobench.report.curves import curves
from leukobench.report.intervals import every_choice, intervals_of
from leukobench.report.latex import as_latex
from leukobench.report.leaderboard import combinations, headline_protocol, leaderboard, matrix
from leukobench.report.markdown import as_markdown, matrices_as_markdown
from leukobench.report.reader import Run, ranked_by, read_run
from leukobench.running.protocols import Protocol, protocols_of
from leukobench.text import to_csv

DIGITS = "%.6f"
LONGEST_NAME = 200  # characters of a model's name in the name of a file


@dataclass(frozen=True)
class Report:
    """Everything that is computed from a run folder.

    Parameters
    ----------
    run : reader.Run
    cells : DataFrame
        See `cells.cells_table`.
    calibration : DataFrame
        See `cells.Cells`.
    calibration_means : DataFrame
        See `calibration.calibration_means`; in the order of the leaderboard.
    board : DataFrame
        See `leaderboard.leaderboard`.
    matrices : dict of str -> DataFrame
        See `leaderboard.matrix`, one per model in the order of the leaderboard.
    families : dict
        See `conclusion.compare_sides`.
    ranks : dict or None
        See `significance.rank_tests`: complete inductive models, over the combinations of the protocol that ranks.
    headline : Protocol
        That ranks.
    metric : Metric
        By which models are ranked.
    protocol_line : str
        Suite, level, seeds, budget, scoring and bootstrap in one line.
    notes : list of str
        What must stand beside every table.
    conclusion : str
        One paragraph: classical against deep.
    confusion, classes : DataFrame
        See `confusion.Confusions.tables`.
    differential : DataFrame
        See `differential.DifferentialCounts.table`; of the protocol that ranks.
    ceiling : DataFrame
        See `ceiling.human_ceiling`; empty where no dataset was labelled more than once.
    curves : dict of str -> DataFrame
        See `curves.curves`.
    reliability : DataFrame
        See `reliability.Reliability.table`.
    intervals, by_target : DataFrame
        See `intervals.intervals_of`: models, and sides on each target, by everything that can be chosen.
    mistakes, suspects : DataFrame
        See `mistakes.Mistakes.tables`; of the protocol that ranks.
    components, resampled : DataFrame
        See `components.components_table`, and `cells.Cells`.
    digest : str, default zeros
        SHA-256 of `manifest.json`, which seals every file of the folder; known once the tables are written.
    """

    run: Run
    cells: pd.DataFrame
    calibration: pd.DataFrame
    calibration_means: pd.DataFrame
    board: pd.DataFrame
    matrices: dict
    families: dict
    ranks: dict | None
    headline: Protocol
    metric: Metric
    protocol_line: str
    notes: list
    conclusion: str
    confusion: pd.DataFrame
    classes: pd.DataFrame
    differential: pd.DataFrame
    ceiling: pd.DataFrame
    curves: dict
    reliability: pd.DataFrame
    intervals: pd.DataFrame
    by_target: pd.DataFrame
    mistakes: pd.DataFrame
    suspects: pd.DataFrame
    components: pd.DataFrame
    resampled: pd.DataFrame
    digest: str = manifest.NO_DIGEST

    @property
    def synthetic(self):
        """Whether the images are phantoms."""
        return bool(self.run.plan["synthetic"])

    @property
    def ranking(self):
        """Protocol, metric and scoring that rank, as columns of long tables name them."""
        scoring = "deployed" if self.metric.deployed else "shared"
        return {"protocol": self.headline.name, "metric": self.metric.name, "scoring": scoring}

    @property
    def protocols(self):
        """Protocols of the run, in the order of tables."""
        return protocols_of(set(self.cells["protocol"]))


def build_report(folder, *, rank_by=DEFAULT, replicates=REPLICATES, seed=0):
    """Compute all tables of a run folder from its plan, records and predictions alone.

    Parameters
    ----------
    folder : path-like
        The run folder.
    rank_by : str or Metric, default "balanced_accuracy"
        Metric by which models are ranked and compared.
    replicates : int, default 1000
        Bootstrap replicates.
    seed : int, default 0
        Seed of the bootstrap.

    Returns
    -------
    Report

    Raises
    ------
    UsageError
        The folder is no run folder, a file in it is damaged, by name, or there is no such metric.
    """
    return report_of(read_run(folder), rank_by=rank_by, replicates=replicates, seed=seed)


def report_of(run, *, rank_by=DEFAULT, replicates=REPLICATES, seed=0):
    """As `build_report`, of a `Run` that was read already."""
    metric = get_metric(rank_by)
    drawn, draws = {"replicates": replicates, "seed": seed}, Draws(replicates, seed)
    metric = metrics_of(run.suite).get(metric.name, metric)
    headline = headline_protocol({record["protocol"] for record in run.records})
    others = [(protocol, each) for protocol, _, each in every_choice(run, metric)]
    scored = score_cells(run, headline.name, metric, others)
    scores = bootstrap(scored.targets, draws=draws)
    # Only a model of one source can be judged within it.
    own = bootstrap(scored.own, draws=draws) if headline.name == "pairwise" else None
    cells, board = scored.table, leaderboard(scored.table, scores, metric)
    families = compare_sides(board, cells, scores, own, run, metric)
    whole = board["model"][board["rank"].notna() & (board["section"] == "inductive")]
    means = combinations(cells, metric)
    ranking = metric.sign * means["score"].xs(headline.name, level="protocol").unstack("model")
    confusion, classes = scored.confusions.tables(cells)
    ranked = means.xs(headline.name, level="protocol")
    counts = scored.counts.table(set(ranked.index[ranked["complete"]]), **drawn)
    mistakes, suspects = scored.mistakes.tables(scored.images.hashes)
    ceiling = human_ceiling(run, metric, **drawn)
    intervals, by_target = intervals_of(scored, board, run, metric, draws)
    return Report(
        run=run,
        cells=cells,
        calibration=scored.calibration,
        calibration_means=calibration_means(scored.calibration, list(board["model"])),
        board=board,
        matrices={model: matrix(means, model, run.suite["datasets"]) for model in board["model"]},
        families=families,
        ranks=rank_tests(ranking[list(whole)]),
        headline=headline,
        metric=metric,
        protocol_line=_protocol_line(run, headline, metric, replicates),
        notes=notes(run, cells, board, metric) + notes_of(ceiling, metric),
        conclusion=conclusion(families, headline, bool(run.plan["synthetic"]), metric),
        confusion=confusion,
        classes=classes,
        differential=counts.assign(protocol=headline.name)[["protocol", *counts.columns]],
        ceiling=ceiling,
        curves=curves(run, dict(zip(board["model"], board["gap"], strict=True)), metric, **drawn),
        reliability=scored.reliability.table(cells),
        mistakes=mistakes,
        suspects=suspects,
        components=components_table(scored, board, headline.name, metric, **drawn),
        resampled=scored.resampled,
        intervals=intervals,
        by_target=by_target,
    )


def write_report(folder, *, rank_by=None, **options):
    """Compute all tables of a run folder and write them into it.

    Writes `cells.csv`, `calibration.csv`, `confusion.csv`, `classes.csv`, `differential.csv`, `reliability.csv`,
    `intervals.csv`, `sides.csv`, `components.csv`, `leaderboard.csv`, `.md`, `.tex` and `.json`, `matrices.md`, one
    `matrix_<model>.csv` per model, `ceiling.csv` where people labelled a dataset more than once, `curve_<protocol>.csv`
    where others of the run are steps away from it, what to cite, `CITATION.bib` and `CITATION.md`, and `manifest.json`,
    which seals them and all that they were computed from.

    Parameters
    ----------
    folder : path-like
        The run folder.
    rank_by : str or Metric, optional
        Metric by which models are ranked; default what the tables are ranked by that are there, see `ranked_by`.
    **options
        As for `build_report`.

    Returns
    -------
    Report
    """
    check_writable(Path(folder) / "leaderboard.md")
    report = build_report(folder, rank_by=rank_by or ranked_by(folder), **options)
    tables = render(report)
    sealing = manifest.write_manifest(report.run, tables)
    digest = manifest.digest_of(sealing)
    for name, text in tables.items():
        atomic_write(report.run.folder / name, text.replace(manifest.NO_DIGEST, digest))
    atomic_write(report.run.folder / manifest.NAME, sealing)
    return replace(report, digest=digest)


def render(report):
    """The files of a report, not yet written.

    Parameters
    ----------
    report : Report

    Returns
    -------
    dict of str -> str
        File name to content.
    """
    files = {
        "cells.csv": _csv(pd.concat([report.cells, report.resampled], ignore_index=True)),
        "calibration.csv": _csv(report.calibration),
        "confusion.csv": _csv(_told(report.confusion, report)),
        "classes.csv": _csv(_told(report.classes, report)),
        "differential.csv": _csv(_told(report.differential, report)),
        "reliability.csv": _csv(_told(report.reliability, report)),
        "intervals.csv": _csv(_told(report.intervals, report)),
        "sides.csv": _csv(_told(report.by_target, report)),
        "components.csv": _csv(_told(report.components, report)),
        "leaderboard.csv": _csv(_stamped(report.board, report)),
        "leaderboard.md": as_markdown(report),
        "matrices.md": matrices_as_markdown(report),
        "leaderboard.tex": as_latex(report),
        "CITATION.bib": citation.as_bibtex(report.run),
        "CITATION.md": citation.as_markdown(report.run),
        "leaderboard.json": json.dumps(as_json(report), indent=1, ensure_ascii=False) + "\n",
    }
    if len(report.ceiling):
        files["ceiling.csv"] = _csv(_told(report.ceiling, report))
    files |= {f"curve_{base}.csv": _csv(_told(table, report)) for base, table in report.curves.items()}
    for model, name in file_names(report.matrices).items():
        files[f"matrix_{name}.csv"] = _csv(report.matrices[model].reset_index().assign(synthetic=report.synthetic))
    return files


def file_names(models):
    """Names that are safe in a file name, all different, and not too long for something before and behind them.

    Parameters
    ----------
    models : iterable of str

    Returns
    -------
    dict of str -> str

    Examples
    --------
    >>> file_names(["svm", "mobilenet_v2+svm", "mobilenet_v2:svm"])
    {'svm': 'svm', 'mobilenet_v2+svm': 'mobilenet_v2-svm', 'mobilenet_v2:svm': 'mobilenet_v2-svm-2'}
    """
    names = {}
    for model in models:
        plain = name = fitting_name(re.sub(r"[^A-Za-z0-9._-]", "-", model), limit=LONGEST_NAME)
        number = 1
        while name in names.values():
            number += 1
            name = f"{plain}-{number}"
        names[model] = name
    return names


def as_json(report):
    """The leaderboard for programs.

    Parameters
    ----------
    report : Report

    Returns
    -------
    dict
        Plain values; NaN is None.
    """
    return _plain(
        {
            "synthetic": report.synthetic,
            "protocol_line": report.protocol_line,
            "manifest_sha256": report.digest,
            "suite": report.run.suite,
            "ranked_by": report.headline.column,
            "metric": report.metric.name,
            "groups_unknown": report.run.plan["groups_unknown"],
            "notes": report.notes,
            "conclusion": report.conclusion,
            "families": report.families,
            "rank_tests": report.ranks,
            "leaderboard": report.board.to_dict("records"),
            "contaminated": {model: seen.split() for model, seen in _seen(report).items() if seen},
            "components": report.components.to_dict("records"),
            "human_ceiling": report.ceiling.to_dict("records"),
            "differential_count": _mean_errors(report.differential),
            "calibration": report.calibration_means.to_dict("index"),
            "matrices": {model: table.to_dict("index") for model, table in report.matrices.items()},
        }
    )


def _mean_errors(differential):
    """Mean absolute error of the differential count, in percentage points: target to model to class."""
    means = differential.groupby(["test", "model", "class"])["absolute_error_points"].mean()
    return {
        test: {model: group.droplevel(["test", "model"]).to_dict() for model, group in of.groupby("model")}
        for test, of in means.groupby("test")
    }


def _protocol_line(run, headline, metric, replicates):
    suite = run.suite
    return (
        f"suite {suite['name']}; level {suite['level']}; datasets {', '.join(suite['datasets'])}; "
        f"seeds {', '.join(map(str, suite['seeds']))}; budget {suite['budget']['name']}; {metric.title}, shared "
        f"scoring, classes with {suite['min_test_images']} test images or more; ranked by {headline.column}; "
        f"{LEVEL:.0%} interval: bootstrap over test images within classes, B = {replicates}, clustered by group "
        "where known, Student's t"
    )


def _seen(report):
    return dict(zip(report.board["model"], report.board["contaminated_targets"], strict=True))


def _stamped(table, report):
    """A table with the facts that every file carries, as columns, so that it stays a table."""
    return table.assign(synthetic=report.synthetic, protocol_line=report.protocol_line, notes=" | ".join(report.notes))


def _told(table, report):
    """A long table with whether its images are phantoms, which it says first."""
    return table.assign(synthetic=report.synthetic)[["synthetic", *table.columns]]


def _csv(table):
    return to_csv(table, float_format=DIGITS)


def _plain(value):
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case tuple() if hasattr(value, "_asdict"):
            return _plain(value._asdict())
        case list() | tuple():
            return [_plain(item) for item in value]
        case np.generic():
            return _plain(value.item())
        case float() if np.isnan(value):
            return None
        case _:
            return None if value is pd.NA else value

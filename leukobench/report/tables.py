"""Writes the tables of a run folder. Each of them says under which protocol its figures arose."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from leukobench.files import atomic_write, check_writable, fitting_name
from leukobench.report import citation, manifest
from leukobench.report.build import build_report
from leukobench.report.latex import as_latex
from leukobench.report.markdown import as_markdown, matrices_as_markdown
from leukobench.report.reader import ranked_by
from leukobench.text import to_csv

DIGITS = "%.6f"
LONGEST_NAME = 200  # characters of a model's name in the name of a file


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

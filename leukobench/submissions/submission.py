"""A submission: what a run scored, in one small file that is bound to its suite, its images and its predictions."""

import json
import re
from itertools import groupby
from typing import Annotated, Any, Literal, NotRequired

import pandas as pd
from pydantic import ConfigDict, Field, TypeAdapter
from typing_extensions import TypedDict

from leukobench.errors import UsageError
from leukobench.files import content_hash
from leukobench.metrics.catalogue import DEFAULT
from leukobench.readback import read_json
from leukobench.report.build import report_of
from leukobench.report.columns import SAME_CLASSES, TIMES
from leukobench.report.reader import read_run
from leukobench.report.verify import verify
from leukobench.running.records import sealed
from leukobench.running.setting import dataset_of

FORMAT = 1
DIGITS = 6  # of scores, as in the tables of a run
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")
# Of a suite, what decides what its scores mean; whoever differs in one of them is in another table.
MEANING = ("name", "version", "level", "preset", "min_source_images", "min_test_images", "datasets")
SPENT = ("protocols", "seeds", "budget")
CARD = ("family", "side", "augmented", "ensemble", "counts_as", "transductive", "contamination", "developed_on")
INPUTS = ("model_version", "recipe", "representation")
SOFTWARE = ("leukobench", "commit", "dirty", "python", "platform", "processor", "gpu", "packages")
SCORES = [DEFAULT.name, f"deployed_{DEFAULT.name}", SAME_CLASSES, "macro_f1", "accuracy"]
COLUMNS = ["protocol", "train", "test", "seed", "status", "undefined_classes", *SCORES]
_INNERMOST = re.compile(r"\[\n\s+([^\[\]{}]*?)\n\s*\]")
_INDENT = re.compile(r"\n *")

CLOSED = ConfigDict(strict=True, extra="forbid")
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Short = Annotated[str, Field(min_length=1, max_length=200)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None
Row = tuple[Short, Short, Short, int, Short, Annotated[str, Field(max_length=200)], Share, Share, Share, Share, Share]


class Data(TypedDict):
    """The images of a dataset, and whether they are too few to train on."""

    __pydantic_config__ = CLOSED
    images: Annotated[int, Field(ge=1)]
    digest: Digest
    target_only: NotRequired[Literal[True]]


class Model(TypedDict):
    """A model: its card, the interval of the mean that ranks, its scores, and its seeds where the suite has more."""

    __pydantic_config__ = CLOSED
    card: dict[str, Any]
    seeds: NotRequired[list[int]]
    interval: Annotated[tuple[float, float], Field(strict=False)] | None
    cells: list[Annotated[Row, Field(strict=False)]]


class Submission(TypedDict):
    """A whole file."""

    __pydantic_config__ = CLOSED
    format: Literal[1]
    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
    note: Annotated[str, Field(max_length=1000)]
    synthetic: bool
    suite: dict[str, Any]
    data: dict[str, Data]
    predictions: Digest
    manifest: Digest
    environments: list[dict[str, Any]]
    columns: Annotated[list[str], Field(min_length=len(COLUMNS), max_length=len(COLUMNS))]
    models: Annotated[dict[Short, Model], Field(min_length=1)]
    seal: Digest


SCHEMA = TypeAdapter(Submission)


def submission_of(folder, name, note=""):
    """What a run folder has to submit.

    Records and predictions are verified first, and the scores computed from them, whichever version wrote the tables.

    Parameters
    ----------
    folder : path-like
        A finished run folder, or a published copy of one.
    name : str
        Of the submission: small letters, digits and ``._-``.
    note : str, default ""
        What a reader should know of it, such as who made it and what to cite.

    Returns
    -------
    dict
        Plain values of the schema `Submission`, sealed.

    Raises
    ------
    UsageError
        The folder is not what a run wrote, or has run cells without a record.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"'{name}' is no name of a submission", "take small letters, digits and ._-, at most 60")
    verdict = verify(folder, tables=False)
    if verdict.wrong:
        first, rest = verdict.wrong[0], len(verdict.wrong) - 1
        raise UsageError(
            f"{folder} is not what a run wrote ({first}{f'; and {rest} more' * bool(rest)})",
            "`leukobench report` makes its tables again, and what an early version wrote without seals is run again; "
            "`leukobench verify` names all that differs",
        )
    if verdict.missing:
        raise UsageError(f"{verdict.missing} planned run cells of {folder} have no record", "run the rest of it first")
    run = read_run(folder)
    by_model = {model: list(records) for model, records in groupby(sorted(run.records, key=_model), _model)}
    report = report_of(run, rank_by=DEFAULT)
    cells, intervals = report.cells, report.board.set_index("model")[["ci_low", "ci_high"]].round(DIGITS)
    return sealed(
        {
            "format": FORMAT,
            "name": name,
            "note": note,
            "synthetic": bool(run.plan["synthetic"]),
            "suite": {key: run.suite[key] for key in (*MEANING, *SPENT) if key in run.suite},
            "data": _data(run.store.read_samples(), run.plan),
            "predictions": predictions_digest(run.records),
            "manifest": verdict.digest,
            "environments": _environments(run.records),
            "columns": COLUMNS,
            "models": {
                model: {
                    "card": _card(by_model[model]),
                    **_seeds(by_model[model], run.suite["seeds"]),
                    "interval": None if low != low else [float(low), float(high)],
                    "cells": _rows(cells[cells["model"] == model]),
                }
                for model, low, high in intervals.itertuples()
            },
        }
    )


def predictions_digest(records):
    """Digest of all predictions of a run: over fingerprint and checksum of each run cell that went well.

    Parameters
    ----------
    records : list of dict
        Of the run.

    Returns
    -------
    str
    """
    fine = [[each["fingerprint"], each["predictions_checksum"]] for each in records if each["status"] == "ok"]
    return content_hash(sorted(fine), 64)


def as_text(submission):
    """A submission as the text of its file: JSON in which each run cell is a line."""
    text = json.dumps(submission, indent=1, ensure_ascii=False)
    return _INNERMOST.sub(lambda found: f"[{_INDENT.sub(' ', found[1])}]", text) + "\n"


def read_submission(path):
    """Read a submission.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict

    Raises
    ------
    UsageError
        The file is no submission.
    """
    try:
        return read_json(path, SCHEMA, "submission", "write it again with `leukobench submit`")
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(f"there is no file {path}", "`leukobench submit DIR --out FILE` writes one") from None


def cells_of(submission):
    """The scores of a submission as the table from which a leaderboard follows, see `report.leaderboard`.

    Parameters
    ----------
    submission : dict

    Returns
    -------
    DataFrame
        The columns of `cells.csv` that a leaderboard needs. Times are not told: they are of other machines.
    """
    tables = []
    for model, told in submission["models"].items():
        table, card = pd.DataFrame(told["cells"], columns=COLUMNS), told["card"]
        datasets = table["test"].map(dataset_of)
        tables.append(
            table.assign(
                model=model,
                family=card.get("family") or "",
                transductive=bool(card.get("transductive")),
                contaminated=datasets.isin(card.get("contamination") or []),
                developed_on=datasets.isin(card.get("developed_on") or []),
                fingerprint=[f"{model} {' '.join(map(str, row[:2]))} {row[3]}" for row in told["cells"]],
                **dict.fromkeys(TIMES, float("nan")),
            )
        )
    return pd.concat(tables, ignore_index=True).astype(dict.fromkeys(SCORES, float))


def _model(record):
    return record["model"]


def _rows(cells):
    rows = cells[COLUMNS].round(DIGITS).astype(object)
    rows = rows.where(rows.notna(), None)
    rows["undefined_classes"] = rows["undefined_classes"].fillna("")
    rows["seed"] = rows["seed"].astype(int)
    return json.loads(rows.to_json(orient="values"))


def _data(samples, plan):
    """Number and digest of the images of each dataset: of what was looked at, and as what."""
    rows = samples[["sha256", "class"]].astype(str)
    trained = {name for cell in plan["cells"] for name in cell.get("sources", plan["suite"]["datasets"])}
    return {
        name: {"images": len(table), "digest": content_hash(sorted(table.to_numpy().tolist()), 64)}
        | ({} if name in trained else {"target_only": True})
        for name, table in rows.groupby(samples["dataset"])
    }


def _card(records):
    """What tables and readers must know of a model, from its records."""
    first = records[0]
    inputs = {key: first["inputs"][key] for key in INPUTS if key in first.get("inputs", {})}
    return {key: first[key] for key in CARD if key in first} | inputs


def _seeds(records, all_of_them):
    """The seeds of a model, as of joined runs, where they are not all of the suite's: a seed is not lost silently."""
    own = sorted({each["seed"] for each in records})
    return {} if own == sorted(all_of_them) else {"seeds": own}


def _environments(records):
    """What the run cells were made with, each once."""
    made = [{key: each.get("provenance", {}).get(key) for key in SOFTWARE} for each in records]
    return list({content_hash(each): each for each in made}.values())

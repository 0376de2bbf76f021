"""A run folder, read back: the plan, one record per planned run cell, and the predictions on demand."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from leukobench.errors import UsageError
from leukobench.evaluation.archive import open_archive
from leukobench.evaluation.metrics import check_probabilities

PROTOCOLS = ("within", "pairwise", "lodo", "merged")
PLANNED = ("fingerprint", "protocol", "train", "model", "seed")
COLUMNS = ["test", "sha256", "group", "true"]


@dataclass(frozen=True)
class Run:
    """What a run folder holds.

    Parameters
    ----------
    folder : Path
    plan : dict
        `plan.json`: the suite, the planned cells, whether the images are synthetic, datasets with unknown groups.
    records : list of dict
        One per planned run cell, in the order of the plan; a cell that has not run yet has status "missing".
    """

    folder: Path
    plan: dict
    records: list

    @property
    def suite(self):
        """The suite as it was planned, a dict."""
        return self.plan["suite"]

    def predictions(self, record):
        """Predictions of a run cell whose status is "ok".

        Parameters
        ----------
        record : dict
            One of `records`.

        Returns
        -------
        keys : pyarrow.Table
            Columns test, sha256, group and true, one row per image.
        probabilities : ndarray of float64, shape (n, k)
            One column per class in `record["head_classes"]`.

        Raises
        ------
        UsageError
            The file is missing, truncated, or is not what its record says.
        """
        table = self.prediction_table(record)
        try:
            keys = table.select(COLUMNS)
            columns = [table[f"p_{name}"].to_numpy() for name in record["head_classes"]]
            probabilities = np.column_stack(columns).astype(float, copy=False)
            check_probabilities(probabilities)
        except (KeyError, ValueError, pa.ArrowException) as error:
            raise _damaged(self._path(record), error) from error
        return keys, probabilities

    def prediction_table(self, record):
        """All columns of a run cell's predictions, as a pyarrow.Table; raises as `predictions` does."""
        try:
            archive = open_archive(self.folder)
            if archive and not self._path(record).exists():
                return archive.predictions(record["fingerprint"])
            with pq.ParquetFile(self._path(record), pre_buffer=False) as file:  # five times as fast as read_table
                return file.read(use_threads=False)
        except (OSError, KeyError, ValueError, pa.ArrowException) as error:
            raise _damaged(self._path(record), error) from error

    def _path(self, record):
        return self.folder / "predictions" / f"{record['fingerprint']}.parquet"


def read_run(folder):
    """Read a run folder.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    Run

    Raises
    ------
    UsageError
        No run folder, or a file in it that is truncated or not what the plan says, by name.
    """
    folder = Path(folder)
    plan = read_plan(folder)
    return Run(folder, plan, [read_record(folder, cell, plan["suite"]["datasets"]) for cell in plan["cells"]])


def read_plan(folder):
    """Content of a run folder's `plan.json`; raises as `read_run` does."""
    path = Path(folder) / "plan.json"
    if not path.is_file():
        raise UsageError(f"{folder} is no run folder: it has no plan.json", "name the --out folder of a run")
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        [cell[key] for cell in plan["cells"] for key in PLANNED], plan["suite"]["datasets"]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a readable plan ({_reason(error)})", "run again into a new --out") from error
    return plan


def targets_of(cell, datasets):
    """Datasets on which a run cell is scored, where the cell does not name them itself.

    Parameters
    ----------
    cell : dict
        With protocol and train.
    datasets : list of str
        All datasets of the suite.

    Returns
    -------
    list of str

    Examples
    --------
    >>> targets_of({"protocol": "pairwise", "train": "cvb"}, ["cvb", "raabin", "munich"])
    ['raabin', 'munich']
    >>> targets_of({"protocol": "lodo", "train": "all-cvb"}, ["cvb", "raabin", "munich"])
    ['cvb']
    """
    train = cell["train"]
    return {
        "within": [train],
        "pairwise": [name for name in datasets if name != train],
        "lodo": [train.removeprefix("all-")],
        "merged": list(datasets),
    }[cell["protocol"]]


def read_record(folder, cell, datasets):
    """The record of a planned cell, with everything the plan says about it; raises as `read_run` does."""
    record = written_record(folder, cell["fingerprint"]) or {"status": "missing"}
    differing = [key for key in PLANNED if key in record and record[key] != cell[key]]
    if differing:
        raise _damaged(_record_path(folder, cell["fingerprint"]), f"differs from the plan in {', '.join(differing)}")
    record = cell | record
    record["targets"] = record.get("targets") or targets_of(cell, datasets)
    return record


def written_record(folder, fingerprint):
    """The record of a run cell as it was written, or None where there is none; raises as `read_run` does."""
    path = _record_path(folder, fingerprint)
    try:
        record = json.loads(path.read_bytes())
        [record[key] for key in (*PLANNED, *(["head_classes"] if record["status"] == "ok" else []))]  # all there
    except FileNotFoundError:
        archive = open_archive(folder)
        return archive and archive.record(fingerprint)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error
    return record


def _record_path(folder, fingerprint):
    return Path(folder) / "cells" / f"{fingerprint}.json"


def _damaged(path, reason):
    what = "record" if path.suffix == ".json" else "table of predictions"
    hint = f"delete cells/{path.stem}.json and run again into the same --out"
    return UsageError(f"{path} is not a readable {what} ({_reason(reason)})", hint)


def _reason(error):
    return f"no {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]

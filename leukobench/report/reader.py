"""A run folder, read back: the plan, one record per planned run cell, and the predictions on demand."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter

from leukobench.errors import UsageError
from leukobench.metrics.catalogue import DEFAULT, get_metric
from leukobench.metrics.scoring import check_probabilities
from leukobench.readback import DamagedFile, read_json, understanding
from leukobench.running.protocols import protocols_of
from leukobench.running.store import RunFolder

PLANNED = ("fingerprint", "protocol", "train", "model", "seed")
COLUMNS = ["test", "sha256", "group", "true"]
KEYS = pa.schema([(name, pa.string()) for name in COLUMNS])
# The side of a family, of runs of version 0.1, which did not write the side itself.
SIDES = {"control": "control", "classical": "classical", "embedding": "deep", "fine-tuned": "deep", "fused": "both"}


class Design(NamedTuple):
    """Where a model stands in the design, and what it counts as."""

    family: str
    augmented: bool
    ensemble: bool
    counts_as: str

    @property
    def cell(self):
        """Cell of the design."""
        return self[:3]


@dataclass(frozen=True)
class Run:
    """What a run folder holds.

    Parameters
    ----------
    store : RunFolder
        The folder, as the run wrote it.
    plan : dict
        `plan.json`: the suite, the planned cells, whether the images are synthetic, datasets with unknown groups.
    records : list of dict
        One per planned run cell, in the order of the plan; a cell that has not run yet has status "missing".
    """

    store: RunFolder
    plan: dict
    records: list

    @property
    def suite(self):
        """The suite as it was planned, a dict."""
        return self.plan["suite"]

    @property
    def sides(self):
        """The side that each model is on, of classical and deep, a dict."""
        return {record["model"]: record.get("side") or SIDES.get(record.get("family"), "") for record in self.records}

    @property
    def designs(self):
        """Factors by which models are compared, a dict of model to its `Design`; without those of older runs."""
        known = [record for record in self.records if "counts_as" in record]
        return {
            record["model"]: Design(record["family"], record["augmented"], record["ensemble"], record["counts_as"])
            for record in known
        }

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
        path = self.store.predictions_path(record["fingerprint"])
        with understanding(path, "table of predictions", "run again into the same --out"):
            keys = table.select(COLUMNS).cast(KEYS)
            columns = [table[f"p_{name}"].to_numpy() for name in record["head_classes"]]
            probabilities = np.column_stack(columns).astype(float, copy=False)
            check_probabilities(probabilities)
        return keys, probabilities

    def prediction_table(self, record):
        """All columns of a run cell's predictions, as a pyarrow.Table; raises as `predictions` does."""
        return self.store.prediction_table(record["fingerprint"])

    @property
    def folder(self):
        """Where it is, a Path."""
        return self.store.path


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
    store = RunFolder(folder)
    plan = store.read_plan()
    return Run(store, plan, [read_record(store, cell, plan["suite"]["datasets"]) for cell in plan["cells"]])


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
    (protocol,) = protocols_of([cell["protocol"]])
    return next((list(targets) for train, _, targets in protocol.fits(datasets) if train == cell["train"]), [])


def ranked_by(folder):
    """The metric that the tables of a run folder are ranked by: a choice of whoever wrote them, which no record holds.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    Metric
        Balanced accuracy where there is no readable table.

    Raises
    ------
    UsageError
        The metric is not known here.
    """
    try:
        name = read_json(Path(folder) / "leaderboard.json", TypeAdapter(dict), "table").get("metric", DEFAULT.name)
    except (OSError, DamagedFile):
        return DEFAULT
    try:
        return get_metric(str(name))
    except UsageError:
        raise UsageError(
            f"leaderboard.json: ranked by '{name}', a metric that is not known",
            "name the file that adds it before the command, --use my_metric.py; `report --rank-by` ranks by another",
        ) from None


def read_record(store, cell, datasets):
    """The record of a planned cell, with everything the plan says about it; raises as `read_run` does."""
    record = store.written_record(cell["fingerprint"]) or {"status": "missing"}
    differing = [key for key in PLANNED if key in record and record[key] != cell[key]]
    if differing:
        name = f"{cell['fingerprint']}.json"
        raise DamagedFile(
            f"{store.path / 'cells' / name} is not a readable record (differs from the plan in {', '.join(differing)})",
            f"delete cells/{name} and run again into the same --out",
        )
    record = cell | record
    record["targets"] = record.get("targets") or targets_of(cell, datasets)
    return record

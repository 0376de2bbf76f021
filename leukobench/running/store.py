"""The result store: the folder that holds a run, written so that a kill loses nothing that was finished."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from leukobench.errors import UsageError
from leukobench.files import atomic_write, content_hash, locked
from leukobench.readback import DamagedFile, read_json, read_table, understanding
from leukobench.running.archive import open_archive
from leukobench.running.records import checksum, sealed
from leukobench.running.schema import AGAIN, FILES, RECORD, SAMPLES

log = logging.getLogger(__name__)

LONGEST_NAME = 150  # characters of a representation's name in a file name, which file systems end at 255 bytes


@dataclass(frozen=True)
class RunFolder:
    """A run on disk.

    `plan.json` and `environment.json` say what was asked for and where it ran; `samples.parquet` holds the images and
    `rows/` their representations; `cells/<fingerprint>.json` and `predictions/<fingerprint>.parquet` hold one record
    each per run cell; `journal/` keeps the Optuna trials of cells that are not finished, `logs/` what a cell printed.

    Parameters
    ----------
    path : Path
        The folder; it is made by what is written first.

    Examples
    --------
    >>> import tempfile
    >>> folder = RunFolder(tempfile.mkdtemp())
    >>> folder.read_record("0123") is None
    True
    """

    path: Path

    def __post_init__(self):
        object.__setattr__(self, "path", Path(self.path))

    def write_json(self, name, content):
        """Write a JSON file of the run folder atomically, sealed against changes by hand."""
        atomic_write(self.path / name, json.dumps(sealed(content), indent=1, ensure_ascii=False) + "\n")

    def read_json(self, name):
        """Content of a file that `schema.FILES` names, or None where there is none.

        Raises
        ------
        DamagedFile
            Where it is no JSON, or not of its schema.
        """
        try:
            return read_json(self.path / name, *FILES[name])
        except FileNotFoundError:
            return None

    def read_plan(self):
        """Content of `plan.json`; raises as `read_json` does, and a UsageError where this is no run folder."""
        plan = self.read_json("plan.json")
        if plan is None:
            raise UsageError(f"{self.path} is no run folder: it has no plan.json", "name the --out folder of a run")
        return plan

    def write_samples(self, samples):
        """Write the images of the run."""
        atomic_write(self.path / "samples.parquet", samples.to_parquet)

    def read_samples(self):
        """The images of the run; DamagedFile where they cannot be what `write_samples` wrote."""
        path = self.path / "samples.parquet"
        table = read_table(path, "table of images", AGAIN)
        with understanding(path, "table of images", AGAIN):
            samples = table.to_pandas()
            samples.astype(SAMPLES)
        return samples

    def rows_path(self, name):
        """File of a representation's rows, one per row of `samples.parquet`: `<kind>-<what>.npy`, safe and its own.

        What a file name cannot hold, such as the path of an ONNX file, is quoted as in an address; a name that is too
        long is cut and told apart by its hash.
        """
        file = quote(name.replace(":", "-", 1), safe="@+&")  # no kind holds a "-"
        if len(file) > LONGEST_NAME:
            file = f"{file[:LONGEST_NAME]}-{content_hash(name)}"
        return self.path / "rows" / f"{file}.npy"

    def write_rows(self, name, rows):
        """Write the rows of a representation, shape (n, p), for the workers."""

        def save(path):
            # np.save says of a full disk how many numbers it took, and not why.
            array = np.ascontiguousarray(rows)
            with open(path, "wb") as file:
                np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
                file.write(array.data)

        atomic_write(self.rows_path(name), save)

    def read_rows(self, name):
        """Rows of a representation, mapped from the file so that workers share them."""
        with understanding(self.rows_path(name), "table of rows", AGAIN):
            return np.load(self.rows_path(name), mmap_mode="r")

    def predictions_path(self, fingerprint):
        """File of the predictions of a run cell that went well."""
        return self.path / "predictions" / f"{fingerprint}.parquet"

    def log_path(self, fingerprint):
        """File of what a run cell printed; there is none where it printed nothing."""
        return self.path / "logs" / f"{fingerprint}.log"

    def journal_path(self, fingerprint, number):
        """File of the Optuna trials of an outer fold; it goes when the cell has its record."""
        return self.path / "journal" / f"{fingerprint}-{number}.log"

    def checkpoint_path(self, fingerprint, number):
        """File that the fit of an outer fold goes on from after a kill; it goes with the trials of the cell."""
        return self.path / "journal" / f"{fingerprint}-{number}.checkpoint"

    def cell_lock(self, fingerprint):
        """Lock of one run cell, not waited for: a process that does not get it leaves the cell alone."""
        return locked(self.path / "locks" / fingerprint, wait=False)

    def written_record(self, fingerprint):
        """Record of a run cell as it was written, or None where it has none.

        Raises
        ------
        DamagedFile
            Where it is no JSON or lacks what a record has.
        """
        try:
            return read_json(self.path / "cells" / f"{fingerprint}.json", RECORD, "record", _made_again(fingerprint))
        except FileNotFoundError:
            archive = open_archive(self.path)
            return archive and archive.record(fingerprint)

    def read_record(self, fingerprint):
        """Record of a run cell that a run can go on from, or None where it has none.

        A record that is damaged, or whose predictions are, is named in the log and counts as none: it is left where it
        is, and replaced when the cell has run again. A damaged archive is more than one cell's, and raises.
        """
        if not (self.path / "cells" / f"{fingerprint}.json").exists():
            return self.written_record(fingerprint)
        try:
            record = self.written_record(fingerprint)
            if record["status"] == "ok":
                self._check_predictions(fingerprint)
        except DamagedFile as error:
            log.warning("%s: the cell is run again", error.message)
            return None
        return record

    def prediction_table(self, fingerprint):
        """Predictions of a run cell that went well, as a pyarrow.Table; DamagedFile where they are not readable."""
        path = self.predictions_path(fingerprint)
        what, hint = "table of predictions", _made_again(fingerprint)
        try:
            return read_table(path, what, hint)
        except FileNotFoundError as error:
            archive = open_archive(self.path)
            if archive and fingerprint in archive.rows:
                return archive.predictions(fingerprint)
            raise DamagedFile(f"{path} is not a readable {what} (there is no such file)", hint) from error

    def rounded(self, fingerprint):
        """Whether the predictions of a run cell are those of `publish`, rounded, so that they are not the record's."""
        archive = open_archive(self.path)
        return bool(archive and archive.rounded and not self.predictions_path(fingerprint).exists())

    def _check_predictions(self, fingerprint):
        """Look at the end of a file of predictions, where a table that was cut or never written shows."""
        path = self.predictions_path(fingerprint)
        if not path.exists():
            self.prediction_table(fingerprint)
        else:
            with open(path, "rb") as file, understanding(path, "table of predictions", _made_again(fingerprint)):
                pq.read_metadata(file)

    def write_record(self, record, predictions=None):
        """Write what a run cell gave: predictions first, so that a record means that all is there.

        Parameters
        ----------
        record : dict
            With its "fingerprint".
        predictions : pandas.DataFrame or pyarrow.Table, optional
            Of a cell that went well.

        Returns
        -------
        dict
            The record as it was written, with the checksum of its predictions.
        """
        fingerprint = record["fingerprint"]
        if predictions is not None:
            arrow = isinstance(predictions, pa.Table)
            table = predictions if arrow else pa.Table.from_pandas(predictions, preserve_index=False)
            file = self.predictions_path(fingerprint)
            atomic_write(file, lambda beside: pq.write_table(table, beside, write_page_checksum=True))
            record = record | {"predictions_checksum": checksum(table)}
        self.write_json(f"cells/{fingerprint}.json", record)
        for journal in self.path.glob(f"journal/{fingerprint}-*"):
            journal.unlink()
        return record


def _made_again(fingerprint):
    return f"delete cells/{fingerprint}.json and run again into the same --out"

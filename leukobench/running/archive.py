"""A run folder's records in two parquet files, in place of thousands of small ones."""

import functools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from leukobench.readback import parse_json, read_table, understanding
from leukobench.running.schema import RECORD

LOST = "take it from a copy; without one, delete it and run again into the same --out"
RECORDS = "records.parquet"
COLUMNS = ["fingerprint", "record", "columns", "row_group"]
KEYS = ("test", "sha256", "group", "true")


class Archive:
    """Records and predictions of a compacted run folder, by fingerprint.

    `records.parquet` has one row per run cell: fingerprint, record as JSON, the columns of its predictions, and the row
    group that holds them (-1 where it failed) in the file that the metadata names. The classes of all heads stand side
    by side there; those that a cell does not have are empty in its row group.

    Parameters
    ----------
    folder : path-like
        The run folder.
    """

    def __init__(self, folder):
        self.records_path = Path(folder) / RECORDS
        table = read_table(self.records_path, "archive", LOST)
        with self._understanding():
            # A name alone: the file lies beside the records, wherever a folder that somebody sent would point.
            self.path = Path(folder) / Path(table.schema.metadata[b"predictions"].decode()).name
            self.rows = {row.pop("fingerprint"): row for row in table.select(COLUMNS).to_pylist()}

    def record(self, fingerprint):
        """The record of a run cell, or None where the archive has none; DamagedFile where it is none."""
        if fingerprint not in self.rows:
            return None
        with self._understanding():
            return parse_json(self.rows[fingerprint]["record"].encode(), RECORD)

    def predictions(self, fingerprint):
        """Predictions of a run cell that went well, as a pyarrow.Table with its own columns in their order."""
        row = self.rows[fingerprint]
        with understanding(self.path, "archive of predictions", LOST):
            return self._file.read_row_group(row["row_group"], row["columns"], use_threads=False).select(row["columns"])

    def _understanding(self):
        return understanding(self.records_path, "archive", LOST)

    @functools.cached_property
    def _file(self):
        if not self.path.is_file():
            raise ValueError("there is no such file")
        return pq.ParquetFile(self.path, pre_buffer=False, page_checksum_verification=True)


@functools.lru_cache(maxsize=4)
def _opened(folder, changed):
    return Archive(folder)


def open_archive(folder):
    """The archive of a run folder, opened once per process, or None where the folder was never compacted."""
    try:
        return _opened(str(folder), (Path(folder) / RECORDS).stat().st_mtime_ns)
    except FileNotFoundError:
        return None


def predictions_schema(classes):
    """Columns of the predictions of all cells whose heads are made of some classes.

    Parameters
    ----------
    classes : iterable of str
        Names of probability columns, `p_<class>`.

    Returns
    -------
    pyarrow.Schema
    """
    return pa.schema([(name, pa.string()) for name in KEYS] + [(name, pa.float64()) for name in sorted(set(classes))])


def widened(table, schema):
    """Predictions with every column of the schema, those they do not have empty."""
    given = set(table.column_names)
    columns = [
        table[name].cast(kind) if name in given else pa.nulls(len(table), kind)
        for name, kind in zip(schema.names, schema.types, strict=True)
    ]
    return pa.table(columns, schema=schema)

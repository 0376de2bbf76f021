"""A run folder's records in two parquet files, in place of thousands of small ones."""

import functools
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

RECORDS = "records.parquet"
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
        table = pq.read_table(Path(folder) / RECORDS)
        self.path = Path(folder) / table.schema.metadata[b"predictions"].decode()
        self.rows = {row.pop("fingerprint"): row for row in table.to_pylist()}

    def record(self, fingerprint):
        """The record of a run cell, or None where the archive has none."""
        return json.loads(self.rows[fingerprint]["record"]) if fingerprint in self.rows else None

    def predictions(self, fingerprint):
        """Predictions of a run cell that went well, as a pyarrow.Table with its own columns in their order."""
        row = self.rows[fingerprint]
        return self._file.read_row_group(row["row_group"], row["columns"], use_threads=False).select(row["columns"])

    @functools.cached_property
    def _file(self):
        return pq.ParquetFile(self.path, pre_buffer=False)


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

"""A run folder's records in two parquet files, in place of thousands of small ones."""

import functools
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from leukobench.files import atomic_write
from leukobench.readback import parse_json, read_table, understanding
from leukobench.running.schema import RECORD

LOST = "take it from a copy; without one, delete it and run again into the same --out"
RECORDS = "records.parquet"
COLUMNS = ["fingerprint", "record", "columns", "row_group"]
KEYS = ("test", "sha256", "group", "true")
ROUNDED, IMAGE = "rounded", "image"  # of the copies that `publish` makes: how, and rows of samples.parquet
PACKED = {"compression": "zstd", "write_page_checksum": True}


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
            self.rounded = ROUNDED.encode() in table.schema.metadata
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
            table = self._file.read_row_group(row["row_group"], row["columns"], use_threads=False)
            table = table.select(row["columns"])
            return self._with_images(table) if self.rounded else table

    def _with_images(self, table):
        """Rounded predictions as those of a run: images by name, rows that sum to one as they did."""
        shares = np.exp(np.column_stack([table[name].to_numpy().astype(float) for name in table.column_names[1:]]))
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        keys = self._images.take(table[IMAGE])
        columns = dict(zip(table.column_names[1:], shares.T, strict=True))
        return pa.table({name: keys[name] for name in KEYS} | {name: pa.array(p) for name, p in columns.items()})

    @functools.cached_property
    def _images(self):
        samples = read_table(self.records_path.parent / "samples.parquet", "table of images", LOST)
        names = dict(zip(KEYS, ("dataset", "sha256", "group", "class"), strict=True))
        return pa.table({key: samples[name].cast(pa.string()) for key, name in names.items()})

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


def write_archive(folder, records, columns, metadata):
    """Write `records.parquet`, whose rows name the row groups of a file of predictions that is there already.

    Parameters
    ----------
    folder : Path
        The run folder.
    records : dict of str to dict
        Fingerprint to record.
    columns : dict of str to list of str
        Fingerprint to the columns of its predictions, in the order of their row groups.
    metadata : dict of str to str
        "predictions", the file, and `ROUNDED` where they are.
    """
    places = {name: number for number, name in enumerate(columns)}
    rows = {
        "fingerprint": list(records),
        "record": [json.dumps(record, ensure_ascii=False) for record in records.values()],
        "columns": [columns.get(name, []) for name in records],
        "row_group": [places.get(name, -1) for name in records],
    }
    table = pa.table(rows).replace_schema_metadata(metadata)
    atomic_write(Path(folder) / RECORDS, lambda path: pq.write_table(table, path, **PACKED))


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

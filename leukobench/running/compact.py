"""Puts the records of a run folder into two parquet files: thousands of small ones are slow to copy and to keep."""

import shutil

import pyarrow.parquet as pq

from leukobench.errors import UsageError
from leukobench.files import atomic_write, content_hash, locked
from leukobench.running.archive import PACKED, open_archive, predictions_schema, widened, write_archive
from leukobench.running.store import RunFolder

LOOSE = ("cells", "predictions", "locks", "rows")  # what is left out once the records are in


def compact(folder):
    """Move all records and predictions of a run folder into `records.parquet` and `predictions-<hash>.parquet`.

    Nothing is lost: report, verify, merge and a further run read the archive, and a later record of a cell stands
    beside it until the folder is compacted again. Representations are laid out anew by the next run.

    Parameters
    ----------
    folder : path-like
        The run folder.

    Returns
    -------
    int
        Number of records in the archive.

    Raises
    ------
    UsageError
        While a process runs in the folder, and where a record or its predictions are damaged: nothing is then changed.
    """
    store = RunFolder(folder)
    store.read_plan()
    with locked(store.path / "locks" / "running", wait=False) as alone:
        if not alone:
            raise UsageError(f"a process runs in {folder}", "compact it when the run is over")
        known = {path.stem for path in store.path.glob("cells/*.json")}
        if archive := open_archive(store.path):
            if archive.rounded:
                raise UsageError(f"{folder} is a rounded copy, as small as it gets", "compact the run folder itself")
            known |= set(archive.rows)
        records = {name: store.written_record(name) for name in sorted(known)}
        fine = [name for name, record in records.items() if record["status"] == "ok"]
        target = f"predictions-{content_hash([records[name].get('seal') for name in fine])}.parquet"
        columns = _write_predictions(store, target, {name: records[name]["head_classes"] for name in fine})
        write_archive(store.path, records, columns, {"predictions": target})
        for path in store.path.glob("predictions-*.parquet"):
            if path.name != target:
                path.unlink()
        for name in LOOSE:  # records first: what a failure leaves behind is then no record without predictions
            if (store.path / name).is_dir():
                shutil.rmtree(store.path / name)
    return len(records)


def _write_predictions(store, target, heads):
    """One row group per run cell; gives the columns of each."""
    schema = predictions_schema(f"p_{name}" for head in heads.values() for name in head)
    columns = {}

    def write(path):
        with pq.ParquetWriter(path, schema, **PACKED) as writer:
            for name in heads:
                table = store.prediction_table(name)
                columns[name] = table.column_names
                writer.write_table(widened(table, schema), row_group_size=max(len(table), 1))

    atomic_write(store.path / target, write)
    return columns

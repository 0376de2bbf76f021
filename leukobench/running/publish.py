"""A small copy of a run folder, to be published beside its tables: all predictions in one parquet file, rounded."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from leukobench.errors import UsageError
from leukobench.files import atomic_write, check_writable
from leukobench.running.archive import IMAGE, ROUNDED, write_archive
from leukobench.running.store import RunFolder

COPIED = ("environment.json", "representations.json", "samples.parquet", "plan.json")  # the plan last: it makes a run


def publish(folder, out):
    """Write a copy of a run folder that `report` and `verify` read, a few megabytes small.

    Records are those of the run, to the letter. Of each probability the natural logarithm is kept in half precision
    (float16: relative 5e-4, so that probabilities near one and near zero keep their order), and rows are brought back
    to a sum of one when they are read. Images are numbers of rows of `samples.parquet`. Rounding may make or break a
    tie, so tables of the copy differ a little from those of the run.

    Parameters
    ----------
    folder : path-like
        The run folder; it stays as it is.
    out : path-like
        Folder of the copy, which holds no other run.

    Returns
    -------
    int
        Number of records.

    Raises
    ------
    UsageError
        Where `out` holds another run, the folder is such a copy itself, or something in it is damaged.
    """
    store, target = RunFolder(folder), RunFolder(out)
    plan = store.read_plan()
    if (target.path / "plan.json").exists() and target.read_plan() != plan:
        raise UsageError(f"{out} holds another run", "name another folder with --out")
    check_writable(out, folder=True)
    records = {name: found for name in _planned(plan) if (found := store.written_record(name)) is not None}
    if any(store.rounded(name) for name in records):
        raise UsageError(f"{folder} is a rounded copy already", "take the run folder itself")
    samples = store.read_samples()
    places = {image: row for row, image in enumerate(zip(samples["dataset"], samples["sha256"], strict=True))}
    fine = {name: record for name, record in records.items() if record["status"] == "ok"}
    heads = sorted({f"p_{label}" for record in fine.values() for label in record["head_classes"]})
    schema = pa.schema([(IMAGE, pa.int32()), *((name, pa.float16()) for name in heads)])
    packed = {"compression": "zstd", "compression_level": 19, "write_page_checksum": True, "use_dictionary": False}
    packed |= {"column_encoding": {IMAGE: "DELTA_BINARY_PACKED"} | dict.fromkeys(heads, "BYTE_STREAM_SPLIT")}
    columns = {}

    def write(path):
        with pq.ParquetWriter(path, schema, **packed) as writer:
            for name, record in fine.items():
                own = [f"p_{label}" for label in record["head_classes"]]
                columns[name] = [IMAGE, *own]
                table = _rounded(store.prediction_table(name), places, own, schema)
                writer.write_table(table, row_group_size=max(len(table), 1))

    predictions = "predictions.parquet"
    atomic_write(target.path / predictions, write)
    write_archive(target.path, records, columns, {"predictions": predictions, ROUNDED: "logarithms, float16"})
    for name in COPIED:
        if (store.path / name).exists():
            atomic_write(target.path / name, lambda path, name=name: shutil.copyfile(store.path / name, path))
    return len(records)


def _planned(plan):
    return [cell["fingerprint"] for cell in plan["cells"]]


def _rounded(table, places, own, schema):
    images = zip(table["test"].to_pylist(), table["sha256"].to_pylist(), strict=True)
    rows = np.array([places[image] for image in images], np.int32)
    order = np.argsort(rows, kind="stable")
    columns = {IMAGE: pa.array(rows[order])}
    with np.errstate(divide="ignore"):  # of no probability at all it is minus infinity, which has a half float too
        columns |= {name: pa.array(np.log(table[name].to_numpy())[order].astype(np.float16)) for name in own}
    return pa.table([columns.get(name, pa.nulls(len(rows), schema.field(name).type)) for name in schema.names], schema)

"""Rows of the cache are deleted where they are proved to be damaged, and never since the machine cannot read them."""

import contextlib
import errno
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leukobench.cache import TableCache
from leukobench.readback import DamagedFile, read_table

KEY = {"name": "features:core", "version": "1"}
IDS = [f"id{i}" for i in range(6)]


@pytest.fixture
def cache(tmp_path):
    """A table in two shards, of four rows and of two."""
    table = pd.DataFrame(np.arange(12.0).reshape(6, 2), index=IDS, columns=["area", "perimeter"])
    cache = TableCache(tmp_path)
    cache.save(KEY, table[:4])
    cache.save(KEY, table[4:])
    return cache


@pytest.fixture
def shards(cache):
    """Files of the two shards, that of four rows first."""
    return sorted(cache.table_folder(KEY).glob("*.parquet"), key=lambda path: -pq.read_metadata(path).num_rows)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ESTALE])
def test_what_the_machine_cannot_read_is_left_alone(cache, shards, monkeypatch, code):
    def fail(path, *rest, **options):
        raise OSError(code, os.strerror(code), str(path))

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", fail)
        patch.setattr("io.open", fail)
        with pytest.raises(OSError, match=os.strerror(code)) as error:
            cache.load(KEY, IDS)
    assert error.value.errno == code
    assert error.value.filename == str(min(shards))
    assert list(cache.load(KEY, IDS).index) == IDS


@pytest.mark.parametrize(
    "error", [pa.lib.ArrowMemoryError("malloc failed"), MemoryError(), pa.ArrowException("thread")]
)
def test_a_lack_of_memory_or_threads_is_no_damage(cache, shards, monkeypatch, error):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(pq, "ParquetFile", fail)
    with pytest.raises(type(error)):
        cache.load(KEY, IDS)
    assert all(path.exists() for path in shards)


def rewritten(change):
    """A way to spoil a shard: by what `change` makes of its table."""

    def spoil(path):
        pq.write_table(change(pq.read_table(path)), path)

    return spoil


COLUMNS = {"columns": json.dumps(["area", "perimeter"])}
SPOILT = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:200]),
    "zeros": lambda path: path.write_bytes(bytes(1000)),
    "a flipped value": lambda path: path.write_bytes(path.read_bytes()[:60] + b"\xff" + path.read_bytes()[61:]),
    "no metadata": rewritten(lambda table: table.replace_schema_metadata(None)),
    "other columns": rewritten(lambda table: table.select(["id"])),
    "one name too few": rewritten(lambda table: table.replace_schema_metadata({"columns": '["area"]'})),
    "names that are none": rewritten(lambda table: table.replace_schema_metadata({"columns": '{"area": 1}'})),
    "no list": rewritten(
        lambda table: pa.table({"id": table["id"], "row": [1.0] * 4}).replace_schema_metadata(COLUMNS)
    ),
    "text": rewritten(
        lambda table: pa.table({"id": table["id"], "row": [["a", "b"]] * 4}).replace_schema_metadata(COLUMNS)
    ),
    "pandas' own": rewritten(lambda table: pa.Table.from_pandas(pd.DataFrame({"area": [1.0]}, index=["id0"]))),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_damaged_shard_is_named_removed_and_costs_its_rows_alone(cache, shards, kind, caplog):
    SPOILT[kind](shards[0])
    assert list(cache.load(KEY, IDS).index) == IDS[4:]
    assert shards[0].name in caplog.text
    assert [path.exists() for path in shards] == [False, True]


def test_of_shards_without_a_row_that_is_asked_for_no_values_are_read(cache, shards):
    SPOILT["text"](shards[0])
    assert list(cache.load(KEY, IDS[4:]).index) == IDS[4:]
    assert shards[0].exists()


def test_a_damaged_shard_that_cannot_be_removed_is_left_out(cache, shards, monkeypatch):
    SPOILT["cut"](shards[0])

    def refuse(path, *rest, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(os, "unlink", refuse)
    assert list(cache.load(KEY, IDS).index) == IDS[4:]


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_are_rows_or_damage(shards, seed):
    rng = np.random.default_rng(seed)
    whole = np.frombuffer(shards[0].read_bytes(), np.uint8)
    for _ in range(10):
        spoilt = whole.copy()
        spoilt[rng.integers(len(whole), size=3)] = rng.integers(256, size=3)
        shards[0].write_bytes(spoilt.tobytes())
        with contextlib.suppress(DamagedFile):
            assert len(read_table(shards[0])) == 4


WITHOUT_THREADS = """
import resource, sys
from pathlib import Path
from leukobench.cache import TableCache
pages = int(Path("/proc/self/statm").read_text().split()[0])
room = pages * resource.getpagesize() + (4 << 20)  # the stack of a thread takes twice as much
resource.setrlimit(resource.RLIMIT_AS, (room, room))
print(len(TableCache(sys.argv[1]).load({"name": "features:core", "version": "1"}, sys.argv[2:])))
"""


def test_reading_needs_no_thread(cache):
    """Arrow waits for good for threads of its own that cannot be begun, deaf to SIGTERM."""
    command = [sys.executable, "-c", WITHOUT_THREADS, str(cache.folder), *IDS]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert found.stdout == "6\n", found.stderr

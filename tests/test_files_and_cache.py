import os

import numpy as np
import pandas as pd
import pytest

from leukobench.cache import TableCache, cache_folder
from leukobench.files import atomic_write, content_hash, locked

KEY = {"name": "features:core", "version": "1"}


@pytest.fixture
def table():
    return pd.DataFrame(
        np.random.default_rng(0).normal(size=(50, 3)), index=[f"id{i}" for i in range(50)], columns=list("abc")
    )


def test_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "plan.json"
    atomic_write(path, "old")

    def fail(beside):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        atomic_write(path, fail)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["plan.json"]


def test_lock_is_exclusive_and_ends_with_the_block(tmp_path):
    path = tmp_path / "a" / "lock"
    with locked(path), locked(path, wait=False) as other:
        assert not other
    with locked(path, wait=False) as mine:
        assert mine


def test_hash_follows_content_not_order():
    assert content_hash({"a": 1, "b": [2]}) == content_hash({"b": [2], "a": 1}) != content_hash({"a": 1, "b": [3]})


def test_rows_come_back_in_the_order_asked_for(tmp_path, table):
    cache = TableCache(tmp_path)
    cache.save(KEY, table[:30])
    cache.save(KEY, table[20:])
    wanted = ["id40", "id3", "unknown", "id25"]
    pd.testing.assert_frame_equal(cache.load(KEY, wanted), table.loc[["id40", "id3", "id25"]])
    assert cache.load(KEY | {"version": "2"}, wanted).empty


@pytest.mark.parametrize("damage", ["truncate", "flip"])
def test_corrupt_shard_is_named_removed_and_costs_only_its_rows(tmp_path, table, caplog, damage):
    cache = TableCache(tmp_path)
    cache.save(KEY, table[:30])
    shard = next(cache.table_folder(KEY).glob("*.parquet"))
    cache.save(KEY, table[30:])
    content = bytearray(shard.read_bytes())
    if damage == "truncate":
        content = content[: len(content) // 2]
    else:
        content[60] ^= 0xFF
    shard.write_bytes(content)
    assert list(cache.load(KEY, table.index).index) == list(table.index[30:])
    assert shard.name in caplog.text
    assert not shard.exists()


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path

"""The index: columns, statuses, traps, and the same answer every time."""

import shutil

import numpy as np
import pandas as pd
import pytest

from leukobench.datasets import DATASETS, build_index, coverage, find_data_root, index_hash, summarise, write_index
from leukobench.datasets.examine import brightness
from leukobench.datasets.index import COLUMNS
from leukobench.errors import UsageError

BASOPHILS = "barcelona/PBC_dataset_normal_DIB/basophil"
EOSINOPHILS = "barcelona/PBC_dataset_normal_DIB/eosinophil"


@pytest.fixture
def trapped(official):
    """A root of two datasets with every trap that a real one holds."""
    root = official("barcelona")
    official("cvb")
    whole = (root / BASOPHILS / "BA_7.jpg").read_bytes()
    (root / BASOPHILS / "BA_20.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    (root / BASOPHILS / ".DS_1.jpg").write_bytes(b"\0\0\0\1Bud1")
    (root / BASOPHILS / "BA_30.jpg").write_bytes(whole)
    shutil.copy(root / EOSINOPHILS / "EO_7.jpg", root / EOSINOPHILS / "EO_8.jpg")
    shutil.copy(root / EOSINOPHILS / "EO_7.jpg", root / BASOPHILS / "BA_40.jpg")
    shutil.copy(root / BASOPHILS / "BA_12.jpg", root / "cvb/Dataset 2/010.bmp")  # a basophil of CVB
    return root


def test_columns_and_dtypes_are_always_the_same(trapped):
    for names in (None, ["cvb"]):
        index = build_index(trapped, names)
        assert {name: str(dtype) for name, dtype in index.dtypes.items()} == COLUMNS
    assert (index["height"] == 11).all()
    assert not index["synthetic"].any()


def test_statuses(trapped):
    index = build_index(trapped).set_index("path")
    status = index["status"]
    assert status[f"{BASOPHILS}/BA_20.jpg"] == "truncated"
    assert status[f"{BASOPHILS}/.DS_1.jpg"] == "not_an_image"
    assert status[f"{BASOPHILS}/BA_30.jpg"] == "ok", "the first in sorted order stays"
    assert status[f"{BASOPHILS}/BA_7.jpg"] == "duplicate"
    assert index["reason"][f"{BASOPHILS}/BA_7.jpg"] == f"the same bytes as {BASOPHILS}/BA_30.jpg"
    for path in (f"{EOSINOPHILS}/EO_7.jpg", f"{EOSINOPHILS}/EO_8.jpg"):
        assert status[path] == "conflicting_label"
        assert index["reason"][path] == f"the same bytes with another label: {BASOPHILS}/BA_40.jpg (BA)"
    assert "EO_7.jpg (EO)" in index["reason"][f"{BASOPHILS}/BA_40.jpg"]
    assert status["cvb/Dataset 2/010.bmp"] == "duplicate"
    assert index["reason"]["cvb/Dataset 2/010.bmp"] == f"the same bytes as {BASOPHILS}/BA_12.jpg"
    assert set(index[status == "ok"]["reason"]) == {""}
    assert (index[status != "ok"]["reason"] != "").all()
    assert status.value_counts()["ok"] == len(index) - 7


def test_a_copy_elsewhere_counts_only_when_both_are_read(trapped):
    index = build_index(trapped, ["cvb"]).set_index("path")
    assert index["status"]["cvb/Dataset 2/010.bmp"] == "ok"


def test_a_file_that_vanishes_is_unreadable(official, monkeypatch):
    root = official("cvb")
    read = DATASETS["cvb"].read

    def read_then_lose(root):
        records = read(root)
        records[0].path.unlink()
        return records

    monkeypatch.setattr(DATASETS["cvb"], "read", read_then_lose)
    row = build_index(root).iloc[0]
    assert (row["status"], row["reason"]) == ("unreadable", "No such file or directory")
    assert pd.isna(row["sha256"])
    assert row["code"] == "NE"


def test_order_and_hash_do_not_depend_on_threads_or_names(trapped):
    index = build_index(trapped, jobs=1)
    assert index["path"].is_monotonic_increasing
    pd.testing.assert_frame_equal(index, build_index(trapped, ["cvb", "barcelona", "cvb"], jobs=4))
    assert index_hash(index) == index_hash(index.sample(frac=1, random_state=0))


@pytest.mark.parametrize(("column", "value"), [("code", "NE"), ("group", "s1"), ("status", "duplicate"), ("path", "x")])
def test_the_hash_sees_every_fact_it_covers(trapped, column, value):
    index = build_index(trapped)
    changed = index.copy()
    changed.loc[3, column] = value
    assert index_hash(changed) != index_hash(index)


def test_the_hash_leaves_out_what_is_only_measured(trapped):
    index = build_index(trapped)
    assert index_hash(index.assign(mean_brightness=0.0)) == index_hash(index)


def test_progress_is_told(official):
    seen = []
    build_index(official("cvb"), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 10) for done in range(1, 11)]


def test_a_phantom_root_is_marked(official):
    root = official("cvb")
    (root / "PHANTOM.json").write_text("{}")
    assert build_index(root)["synthetic"].all()


def test_brightness():
    image = np.zeros((10, 10, 3), np.uint8)
    assert brightness(image) == (0, 0)
    image[:5] = 255
    assert brightness(image) == pytest.approx((0.5, 0.5))
    image[:] = (255, 0, 0)
    assert brightness(image) == pytest.approx((0.299, 0.2126))
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    share = noise / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    expected = (share @ [0.299, 0.587, 0.114]).mean(), (linear @ [0.2126, 0.7152, 0.0722]).mean()
    assert brightness(noise) == pytest.approx(expected, abs=1e-12)


def test_summary_and_coverage(trapped):
    index = build_index(trapped)
    table = summarise(index)
    assert table["total"].sum() == len(index)
    assert table.loc[("barcelona", "BA", "BA")].to_dict() == {
        "ok": 2,
        "not_an_image": 0,
        "truncated": 1,
        "duplicate": 1,
        "conflicting_label": 1,
        "total": 5,
    }
    assert table.loc[("barcelona", ".DS", "-"), "not_an_image"] == 1
    assert coverage(index) == {"barcelona": "30 of 17,092", "cvb": "10 of 100"}


@pytest.mark.parametrize(
    ("format", "read"),
    [("csv", pd.read_csv), ("parquet", pd.read_parquet), ("pkl", pd.read_pickle)],
)
def test_write(trapped, tmp_path, format, read):
    index = build_index(trapped)
    written = write_index(index, tmp_path / f"index.{format}")
    back = read(written)
    assert list(back) == list(index)
    assert back["path"].tolist() == index["path"].tolist()
    assert back["height"].isna().sum() == 2
    if format != "csv":
        pd.testing.assert_frame_equal(back, index)
    assert write_index(index, tmp_path / "index.dat", format).stat().st_size == written.stat().st_size
    assert not list(tmp_path.glob(".index*")), "nothing is left beside"


def test_write_errors(trapped, tmp_path):
    index = build_index(trapped, ["cvb"])
    with pytest.raises(UsageError, match="known: csv, parquet, pkl"):
        write_index(index, tmp_path / "index.xlsx")
    (tmp_path / "taken").write_text("a file, no folder")
    with pytest.raises(UsageError, match=r"cannot write .*index.csv"):
        write_index(index, tmp_path / "taken/index.csv")


def test_a_missing_or_empty_root_is_explained(tmp_path, official):
    with pytest.raises(UsageError, match=r"no data root .*give --data DIR"):
        build_index(tmp_path / "none")
    with pytest.raises(UsageError, match=r"no images under .*barcelona, cvb"):
        build_index(tmp_path)
    (tmp_path / "raabin/Train/Basophil").mkdir(parents=True)
    with pytest.raises(UsageError, match="no images under"):
        build_index(tmp_path)
    official("cvb")
    assert set(build_index(tmp_path)["dataset"]) == {"cvb"}
    with pytest.raises(UsageError, match=r"no images of raabin, munich under .*data ls"):
        build_index(tmp_path, ["raabin", "cvb", "munich"])
    with pytest.raises(UsageError, match="did you mean 'munich'"):
        build_index(tmp_path, ["munch"])


def test_data_root_order(official, tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setattr("platformdirs.user_data_dir", lambda name: str(home / name))
    monkeypatch.delenv("LEUKOBENCH_DATA", raising=False)
    with pytest.raises(UsageError, match=r"give --data DIR, set LEUKOBENCH_DATA, or put datasets into .*leukobench"):
        find_data_root()
    assert find_data_root(default=None) is None
    root = official("cvb")
    shutil.copytree(root / "cvb", home / "leukobench/cvb")
    shutil.copytree(root / "cvb", tmp_path / "other/cvb")
    assert find_data_root() == find_data_root(default=None) == home / "leukobench"
    monkeypatch.setenv("LEUKOBENCH_DATA", str(tmp_path / "other"))
    assert find_data_root() == tmp_path / "other"
    assert find_data_root(str(root)) == root


def test_a_named_root_must_hold_something(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"no folder .*--data must name"):
        find_data_root(tmp_path / "none", default=None)
    monkeypatch.setenv("LEUKOBENCH_DATA", str(tmp_path))
    with pytest.raises(UsageError, match=r"no dataset under .*LEUKOBENCH_DATA must name"):
        find_data_root()

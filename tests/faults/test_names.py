"""Names in any bytes and spelling, links, loops, hidden and closed folders: alike wherever they are met."""

import os
import re
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from leukobench.cache import TableCache
from leukobench.datasets import build_index, get_dataset, own_datasets, present_datasets, write_index
from leukobench.datasets.walk import image_files, image_tree, subfolders
from leukobench.errors import UsageError
from leukobench.files import atomic_write
from leukobench.inference.reading import read_images
from leukobench.inputs import as_words, locate, spell
from leukobench.report.tables import file_names
from leukobench.running.computing import compute_missing
from leukobench.running.representations import load_rows

LATIN = os.fsdecode("Käfig".encode("latin-1"))
NFC, NFD = (unicodedata.normalize(form, "Stäbe") for form in ("NFC", "NFD"))


@pytest.fixture
def put(tmp_path):
    """Function that writes a picture, each a new one, below the data root, which it gives."""
    count = iter(range(1, 100))

    def write(path):
        path = tmp_path / "root" / path
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((12, 12, 3), next(count), np.uint8)).save(path)
        return tmp_path / "root"

    return write


@pytest.mark.parametrize("name", [LATIN, "Käfig", NFD, "a b", "\\xe9", f"\\x41{LATIN}", "new\nline", "'\"", "x" * 240])
def test_a_spelled_name_is_text_and_finds_its_file(put, name):
    root = put(f"{name}.png")
    spelled = spell(f"{name}.png")
    assert spelled.encode()
    assert locate(root, spelled).read_bytes()
    assert spell(locate(root, spelled).name) == spelled


def test_names_that_are_no_text_pass_through_index_tables_features_and_predict(put, tmp_path):
    put(f"ward7/{LATIN}/1.png")
    root = put(f"ward7/NE/{LATIN}.png")
    with pytest.raises(UsageError, match=re.escape(r"'K\\xe4fig' is no cell type")):
        build_index(root)
    (root / "ward7/dataset.toml").write_text(r"labels = {'K\xe4fig' = '-'}")
    index = build_index(root)
    assert index["path"].tolist() == ["ward7/K\\xe4fig/1.png", "ward7/NE/K\\xe4fig.png"]
    assert index["status"].tolist() == ["unlabelled", "ok"]
    for ending in ("csv", "parquet"):
        assert write_index(index, tmp_path / f"index.{ending}").stat().st_size
    assert pd.read_csv(tmp_path / "index.csv")["path"].tolist() == index["path"].tolist()
    images, _ = read_images([root / "ward7"])
    assert images["error"].tolist() == ["", ""]
    cache = TableCache(tmp_path / "cache")
    for table, where in ((index, root), (images, root / "ward7")):
        compute_missing(["features:background"], table, where, cache=cache)
        assert len(load_rows("features:background", table, cache)) == 2


def test_accents_count_alike_however_a_disk_writes_them(put):
    put(f"Klinik {NFD}/{NFD}/a.png")
    root = put(f"Klinik {NFD}/NE/{NFD}-7_1.png")
    assert NFC != NFD
    (root / f"Klinik {NFD}" / "dataset.toml").write_text(
        f"group = '^(?P<group>[^_]+)_'\n[labels]\n\"{NFC}\" = 'BNE'", encoding="utf-8"
    )
    assert own_datasets(root) == [f"Klinik {NFC}"]
    assert get_dataset(f"Klinik {NFD}", root).card == get_dataset(f"Klinik {NFC}", root).card
    index = build_index(root, [f"Klinik {NFC}"])
    assert sorted(index["code"]) == ["BNE", "NE"]
    assert index["group"].dropna().tolist() == [f"{NFC}-7"]
    assert index["folder"].tolist() == ["NE", NFC]
    assert all((root / path).is_file() for path in index["path"])


@pytest.fixture
def linked(put, tmp_path):
    """A dataset with hidden folders, links to folders inside and outside of it, and loops."""
    root = put("ward7/NE/1.png")
    put("ward7/.thumbnails/2.png")
    put("ward7/NE/.hidden.png")
    put("ward7/EO/.cache/3.png")
    (root / "ward7/EO/loop").symlink_to("../../ward7")
    (root / "ward7/A neutrophil").symlink_to("NE")
    (root / "ward7/circle").symlink_to("circle")
    put("../elsewhere/4.png")
    (root / "ward7/LY").symlink_to(tmp_path / "elsewhere")
    return root


def test_index_and_predict_find_the_same_files(linked):
    expected = ["ward7/LY/4.png", "ward7/NE/.hidden.png", "ward7/NE/1.png"]
    index = build_index(linked)
    assert index["path"].tolist() == expected
    assert (index["status"] == "ok").all()
    assert read_images([linked])[0]["path"].tolist() == expected
    assert read_images([linked / "ward7" / "LY"])[0]["path"].tolist() == ["4.png"]


def test_a_folder_goes_by_its_own_name_and_not_by_a_links(linked):
    assert [path.name for path in subfolders(linked / "ward7")] == ["EO", "LY", "NE"]
    (linked / "ward8").symlink_to("ward7")
    assert present_datasets(linked) == ["ward7"]


def test_two_links_to_one_folder_are_one(put, tmp_path):
    root = put("ward7/NE/1.png")
    put("../elsewhere/4.png")
    for name in ("LY", "MO"):
        (root / "ward7" / name).symlink_to(tmp_path / "elsewhere")
    assert build_index(root)["path"].tolist() == ["ward7/LY/4.png", "ward7/NE/1.png"]
    assert len(image_tree(root)) == 2


@pytest.fixture
def locked(monkeypatch):
    """Function that takes the right to read a folder away, from root too."""
    scandir, closed = os.scandir, set()

    def scan(folder):
        if os.fspath(folder) in closed:
            raise PermissionError(13, "Permission denied", os.fspath(folder))
        return scandir(folder)

    monkeypatch.setattr("leukobench.datasets.walk.os.scandir", scan)
    return lambda folder: closed.add(os.fspath(folder))


def test_a_folder_that_cannot_be_read_is_named(put, locked):
    root = put("ward7/NE/1.png")
    put("ward8/NE/1.png")
    put("ward7/EO/2.png")
    locked(root / "ward7" / "EO")
    for read in (build_index, lambda folder: read_images([folder])):
        with pytest.raises(UsageError, match=r"cannot read the folder .*ward7/EO: Permission denied; give yourself"):
            read(root)
    assert len(build_index(root, ["ward8"])) == 1


def test_one_dataset_that_cannot_be_read_leaves_the_others_in_the_list(put, locked, say):
    root = put("ward8/NE/1.png")
    put("ward7/NE/2.png")
    put("merged/NE/3.png")
    locked(root / "ward7" / "NE")
    code, text = say("data", "ls", "--data", root)
    assert code == 0
    assert text.count("see below") == 2
    assert f"ward7: cannot read the folder {root}/ward7/NE: Permission denied; " in text
    assert "merged: a dataset cannot be called 'merged': tables of results have that name for themselves; " in text


def test_a_folder_that_nobody_asked_for_may_be_closed(put, locked):
    root = put("ward7/NE/1.png")
    (root / "lost+found").mkdir()
    locked(root / "lost+found")
    assert present_datasets(root) == ["ward7"]
    assert len(build_index(root)) == 1


def test_a_missing_folder_is_an_empty_one(tmp_path):
    for listed in (subfolders, image_files, image_tree):
        assert listed(tmp_path / "none") == []
    (tmp_path / "file").touch()
    assert image_tree(tmp_path / "file") == []


def test_the_files_of_models_with_long_names_can_be_written(tmp_path):
    models = [f"onnx:{'networks/' * 40}{name}.onnx" for name in "ab"] + ["x" * 240, "ä" * 240]
    names = file_names(models)
    assert len(set(names.values())) == len(models)
    for name in names.values():
        atomic_write(tmp_path / f"matrix_{name}.csv", "")


def test_words_are_composed_and_paths_are_not():
    assert as_words(NFD) == NFC
    assert spell(Path("a") / NFD) == f"a/{NFD}"

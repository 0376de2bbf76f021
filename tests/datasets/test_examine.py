"""Facts of files that did not change are kept, and only of these."""

import os

import numpy as np
import pytest

from leukobench.datasets import build_index, examine
from leukobench.datasets.index import index_hash


@pytest.fixture
def read(monkeypatch, tmp_path):
    """What is read, by a cache of its own that keeps whatever is found."""
    paths, whole = [], examine.examine
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(examine, "WORTH_KEEPING", 1)
    monkeypatch.setattr(examine, "examine", lambda path, *how: [paths.append(path.name), whole(path, *how)][1])
    return paths


def test_only_what_changed_is_read_again(read, tmp_path, write_picture):
    root = tmp_path / "root"
    for name in ("LY/1.png", "LY/2.png", "SNE/3.png"):
        write_picture(root / "ward" / name, (30, 40, 3))
    (root / "ward/SNE/4.png").write_text("no picture")
    first = build_index(root)
    assert sorted(read) == ["1.png", "2.png", "3.png", "4.png"]
    read.clear()
    again = build_index(root)
    assert read == ["4.png"], "what could not be used is looked at each time"
    assert again.equals(first)
    assert index_hash(again) == index_hash(first)
    read.clear()
    old = (root / "ward/LY/2.png").stat()
    pixels = write_picture(root / "ward/LY/5.png", (30, 40, 3)).read_bytes()
    (root / "ward/LY/2.png").write_bytes(pixels[:-1] + b"x")
    os.utime(root / "ward/LY/2.png", ns=(old.st_atime_ns, old.st_mtime_ns))
    changed = build_index(root).set_index("path")
    assert sorted(read) == ["2.png", "4.png", "5.png"]
    assert changed.at["ward/LY/2.png", "sha256"] != first.set_index("path").at["ward/LY/2.png", "sha256"]


def test_a_look_without_measures_keeps_nothing_but_takes_what_is_kept(read, tmp_path, write_picture):
    path = write_picture(tmp_path / "a.png", (30, 40, 3))
    for _ in range(2):
        [facts] = examine.examine_all([path], measured=False)
        assert (facts["status"], facts["height"], facts["structure"]) == ("ok", 30, None)
    [known] = examine.examine_all([path])
    assert known["sha256"] == facts["sha256"]
    assert examine.examine_all([path], measured=False)[0]["mean_brightness"] == known["mean_brightness"]
    assert read == ["a.png"] * 3


def test_facts_survive_the_cache_to_the_bit(tmp_path, write_picture):
    facts = examine.examine(write_picture(tmp_path / "a.png", (50, 60, 3)))
    (back,) = examine._unpack(examine._pack([facts]))
    structure = facts.pop("structure"), back.pop("structure")
    assert back == facts
    np.testing.assert_array_equal(*structure)

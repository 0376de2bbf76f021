"""One file must not take down the machine: regular files only, bounded in bytes before reading and in pixels before
decoding, each with a status and a reason, and never more in memory than a stated number of pixels."""

import io
import os
import pickle
import re
import socket
import struct
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from leukobench import inputs
from leukobench.cache import TableCache
from leukobench.datasets import build_index
from leukobench.errors import UsageError
from leukobench.imaging import io as imaging
from leukobench.imaging.io import ImageError, decode_image, read_image
from leukobench.inference.reading import read_images
from leukobench.running import computing, representations
from leukobench.running.computing import compute_missing
from leukobench.running.representations import load_rows

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
SIDES = ((256, 50, 60_000), (257, 40, 20_000))  # tags of a TIFF's width and height, what they say, and shall say


def png(width, height, rows):
    """A PNG of a few bytes that says how large it is, and unpacks to some rows of zeros."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(bytes((1 + 3 * width) * rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def saved(kind, **options):
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, kind, **options)
    return file.getvalue()


def enlarged(kind):
    """A file of 50 x 40 pixels whose header says that they are 60,000 x 20,000."""
    if kind == "PNG":
        return png(60_000, 20_000, rows=1)
    sizes = {"BMP": ("<II", (50, 40), (60_000, 20_000)), "JPEG": (">HH", (40, 50), (20_000, 60_000))}
    tags = [("<HHII", (tag, 4, 1, small), (tag, 4, 1, large)) for tag, small, large in SIDES]
    data = saved(kind)
    for form, small, large in tags if kind == "TIFF" else [sizes[kind]]:
        assert data.count(struct.pack(form, *small)) == 1
        data = data.replace(struct.pack(form, *small), struct.pack(form, *large))
    return data


@pytest.fixture
def strange(tmp_path, monkeypatch):
    """A data root with one cell, and a file of every kind that must not be opened, read or decoded."""
    monkeypatch.setattr(imaging, "MAX_BYTES", 200_000)
    cells = tmp_path / "ward7" / "NE"
    cells.mkdir(parents=True)
    Image.fromarray(PIXELS).save(cells / "cell.png")
    os.mkfifo(cells / "pipe.jpg")
    (cells / "zero.png").symlink_to("/dev/zero")
    (cells / "nowhere.png").symlink_to("none.png")
    (cells / "circle.png").symlink_to("circle.png")
    (cells / "kernel.tif").symlink_to("/proc/kmsg")
    with open(cells / "sparse.bmp", "wb") as file:
        file.truncate(60 * 2**30)
    (cells / "bomb.png").write_bytes(png(6000, 6000, rows=6000))
    (cells / "folder.png").mkdir()
    place = os.getcwd()
    os.chdir(cells)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.bmp")
    os.chdir(place)
    return tmp_path


EXPECTED = {
    "bomb.png": ("too_large", "6,000 x 6,000 pixels, and at most 32,000,000 are read"),
    "cell.png": ("ok", ""),
    "circle.png": ("unreadable", "Too many levels of symbolic links"),
    "kernel.tif": ("unreadable", None),
    "nowhere.png": ("unreadable", "No such file or directory"),
    "pipe.jpg": ("unreadable", "no regular file, but a pipe or a device"),
    "socket.bmp": ("unreadable", None),
    "sparse.bmp": ("too_large", "64,424,509,440 bytes, and at most 200,000 are read"),
    "zero.png": ("unreadable", "no regular file, but a pipe or a device"),
}


def test_the_index_names_each_with_its_reason(strange):
    index = build_index(strange).assign(name=lambda table: table["path"].str.removeprefix("ward7/NE/"))
    found = index.set_index("name")[["status", "reason"]].T.to_dict("list")
    assert found.keys() == EXPECTED.keys()
    for name, (status, reason) in EXPECTED.items():
        assert found[name] == [status, found[name][1] if reason is None else reason], name
        assert (found[name][1] == "") == (status == "ok")


def test_predict_names_the_same(strange):
    images = read_images([strange])[0].set_index("path")["error"]
    images.index = images.index.str.removeprefix("ward7/NE/")
    assert images.str.partition(":")[0].replace("", "ok").to_dict() == {k: v[0] for k, v in EXPECTED.items()}


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "JPEG"])
def test_pixels_are_counted_by_the_header_before_any_are_made(kind):
    assert decode_image(saved(kind)).shape == (40, 50, 3)
    with pytest.raises(ImageError, match="60,000 x 20,000 pixels, and at most 32,000,000 are read") as caught:
        decode_image(enlarged(kind))
    assert caught.value.kind == "too_large"


def test_the_limit_itself_passes(monkeypatch):
    monkeypatch.setattr(imaging, "MAX_PIXELS", 2000)
    assert decode_image(saved("PNG")).shape == (40, 50, 3)
    monkeypatch.setattr(imaging, "MAX_PIXELS", 1999)
    with pytest.raises(ImageError, match="at most 1,999"):
        decode_image(saved("PNG"))


def test_a_progressive_jpeg_does_not_go_over_its_pixels_for_hours():
    plain = saved("JPEG", progressive=True)
    assert decode_image(plain).shape == (40, 50, 3)
    last = plain[plain.rindex(b"\xff\xda") : -2]  # a few bytes, which a bomb holds by the thousand
    with pytest.raises(ImageError, match="scans, and at most 100 are read") as caught:
        decode_image(plain[:-2] + 100 * last + plain[-2:])
    assert caught.value.kind == "too_large"


def test_a_file_that_grows_while_it_is_read_is_not_read_for_ever(tmp_path, monkeypatch):
    path = tmp_path / "log.png"
    path.write_bytes(b"x" * 100)
    stat = os.fstat

    def before_it_grew(handle):
        facts = list(stat(handle))
        facts[6] = 10
        return os.stat_result(facts)

    monkeypatch.setattr("leukobench.inputs.os.fstat", before_it_grew)
    with pytest.raises(ImageError, match="changes while it is read"):
        read_image(path)


def test_a_file_that_has_nothing_to_give_yet_is_not_waited_for(tmp_path, monkeypatch):
    class Silent(io.FileIO):
        def read(self, size=-1):
            return None  # as /proc/kmsg does without waiting, once its messages are read

    (tmp_path / "log.png").write_bytes(b"")
    monkeypatch.setattr(inputs, "open", lambda path, mode, opener: Silent(path), raising=False)
    with pytest.raises(ImageError, match="unreadable: nothing can be read from it now"):
        read_image(tmp_path / "log.png")


def test_what_is_wrong_with_an_image_reaches_another_process_whole():
    error = pickle.loads(pickle.dumps(ImageError("too_large", "many pixels")))
    assert (error.kind, error.reason, str(error)) == ("too_large", "many pixels", "too_large: many pixels")


@pytest.fixture
def indexed(tmp_path):
    """A data root of seven small cells, and its index."""
    cells = tmp_path / "ward7" / "NE"
    cells.mkdir(parents=True)
    for number in range(7):
        Image.fromarray(np.roll(PIXELS, number, axis=0)).save(cells / f"{number}.png")
    return tmp_path, build_index(tmp_path)


def test_no_more_pixels_are_held_than_stated(indexed, tmp_path, monkeypatch):
    root, index = indexed
    held = []

    def compute(images, masks, um_per_px):
        held.append(len(images))
        return pd.DataFrame(np.array([[image.sum()] for image in images], float))

    summed = representations.Representation("features:sum", {"name": "sum"}, False, compute)
    for module in (computing, representations):
        monkeypatch.setattr(module, "get_representation", lambda *_, **options: summed)
    monkeypatch.setattr(computing, "BATCH_PIXELS", 3 * 40 * 50)
    cache = TableCache(tmp_path / "cache")
    measured = compute_missing(["features:sum"], index, root, cache=cache)
    assert held == [3, 3, 1]
    assert measured["features:sum"]["images"] == 7
    expected = [[float(read_image(root / path).sum())] for path in index["path"]]
    np.testing.assert_array_equal(load_rows("features:sum", index, cache), expected)


NAME = "features:background"


def test_a_file_that_changed_since_the_index_is_not_cached_under_its_old_digest(indexed, tmp_path):
    root, index = indexed
    Image.fromarray(PIXELS[::-1].copy()).save(root / index["path"][2])
    cache, lost = TableCache(tmp_path / "cache"), {}
    compute_missing([NAME], index, root, cache=cache, lost=lost)
    assert lost == {index["path"][2]: "the file is no longer the one that was indexed"}
    kept = index.drop(index=2)
    assert len(load_rows(NAME, kept, cache)) == 6
    with pytest.raises(RuntimeError, match="1 rows"):
        load_rows(NAME, index, cache)
    with pytest.raises(UsageError, match=r"ward7/NE/2.png cannot be read as it was indexed: the file is no longer"):
        compute_missing([NAME], index, root, cache=cache)


def test_features_are_written_for_the_others_and_the_changed_one_is_named(indexed, tmp_path, monkeypatch, say):
    root, index = indexed
    monkeypatch.setattr("leukobench.datasets.build_index", lambda *_, **__: index)
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(tmp_path / "cache"))
    (root / index["path"][3]).unlink()
    out = tmp_path / "features.parquet"
    code, text = say("features", "extract", "--data", root, "--out", out, "--jobs", "1")
    assert code == 0
    assert f"changed: {index['path'][3]}: No such file or directory" in text
    assert pd.read_parquet(out)["path"].tolist() == index["path"].drop(3).tolist()


def test_the_documents_tell_the_limits():
    text = (Path(__file__).resolve().parents[2] / "docs/datasets.md").read_text(encoding="utf-8")
    limits = {"MAX_BYTES": imaging.MAX_BYTES / 2**20, "MAX_TEXT_BYTES": inputs.MAX_TEXT_BYTES / 2**20}
    limits |= {"MAX_PIXELS": imaging.MAX_PIXELS / 1e6, "BATCH_PIXELS": computing.BATCH_PIXELS / 1e6}
    assert f"{imaging.MAX_SCANS} scans (`MAX_SCANS`)" in text
    for name, limit in limits.items():
        assert re.search(rf"{limit:g} (MiB|million pixels)[^.]*\(`{name}`\)", text), name

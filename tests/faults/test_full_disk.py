"""A full or read-only disk is a sentence with the file and the reason, before long work or with its result kept."""

import contextlib
import errno
import os
import re
import resource
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leukobench.datasets.phantom import write_phantom
from leukobench.errors import UsageError, sentence
from leukobench.files import ROOM, atomic_write, check_writable, keep_result
from leukobench.running.store import RunFolder

NO_ROOM = {errno.ENOSPC: "No space left on device", errno.EROFS: "Read-only file system", errno.EIO: "Input/output"}


@pytest.fixture
def fill(monkeypatch):
    """Function that makes the disk of a folder fail: what is written there cannot be synchronised."""

    def begin(folder, code=errno.ENOSPC, after=0):
        real, left = os.fsync, [after]

        def fsync(file):
            if os.readlink(f"/proc/self/fd/{file}").startswith(f"{folder}{os.sep}"):
                left[0] -= 1
                if left[0] < 0:
                    raise OSError(code, os.strerror(code))
            return real(file)

        monkeypatch.setattr(os, "fsync", fsync)

    return begin


@contextlib.contextmanager
def short(size):
    """Let this process write so many bytes per file inside the block: the system itself then refuses more.

    The limit is gone before pytest writes of the test, which may be into a file.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("data") / "phantom", per_class=12, domains=["barcelona"], jobs=1)


TABLE = pd.DataFrame({"a": np.random.default_rng(0).random(5000)})
WRITERS = {
    "bytes": bytes(30000),
    "parquet of pandas": TABLE.to_parquet,
    "parquet of arrow": lambda path: pq.write_table(pa.table({"a": TABLE["a"].to_numpy()}), path),
    "csv": TABLE.to_csv,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_whoever_writes_the_file_is_named(tmp_path, writer):
    path = tmp_path / "table"
    with short(8192), pytest.raises(OSError, match="File too large") as error:
        atomic_write(path, WRITERS[writer])
    assert (error.value.filename, error.value.errno) == (str(path), errno.EFBIG)
    assert os.listdir(tmp_path) == []


def test_rows_that_do_not_fit_say_why(tmp_path):
    store = RunFolder(tmp_path)
    with short(8192), pytest.raises(OSError, match="File too large") as error:
        store.write_rows("features:core", TABLE.to_numpy())
    assert error.value.filename == str(store.rows_path("features:core"))


@pytest.mark.parametrize("rows", [np.eye(3), np.eye(4)[:, ::2], np.zeros((0, 3)), np.ones((2, 3, 4), np.float32).T])
def test_rows_come_back_as_they_were(tmp_path, rows):
    store = RunFolder(tmp_path)
    store.write_rows("features:core", rows)
    np.testing.assert_array_equal(store.read_rows("features:core"), rows)
    assert store.read_rows("features:core").dtype == rows.dtype


def test_a_result_that_cannot_be_written_is_kept_elsewhere(tmp_path, fill):
    fill(tmp_path / "full")
    with pytest.raises(UsageError, match="No space left on device") as error:
        keep_result(tmp_path / "full" / "table.csv", "a,b\n")
    spare = re.fullmatch("the result is kept in (.*)", error.value.hint)[1]
    with open(spare) as file:
        assert file.read() == "a,b\n"
    shutil.rmtree(os.path.dirname(spare))


def test_what_can_be_written_is_known_before(tmp_path):
    (tmp_path / "file").write_text("")
    for path in ("new", "file", "folder/that/is/made/table.csv"):
        check_writable(tmp_path / path)
    check_writable(tmp_path, folder=True)
    assert os.listdir(tmp_path) == ["file"]
    for path, folder in [("", False), ("file/below", False), ("file", True)]:
        with pytest.raises(UsageError, match=r"cannot write .* is no"):
            check_writable(tmp_path / path, folder)
    with short(ROOM - 1), pytest.raises(UsageError, match=r"cannot write .*File too large"):
        check_writable(tmp_path / "new")


@pytest.mark.parametrize("code", NO_ROOM)
@pytest.mark.parametrize("command", ["report", "compact", "diagnose"])
def test_commands_on_a_run_folder_say_so_and_change_nothing(finished, say, fill, command, code):
    before = {path.relative_to(finished): path.read_bytes() for path in finished.rglob("*.*") if path.is_file()}
    fill(finished, code)
    assert_said(say(command, finished), NO_ROOM[code], finished)
    assert {path.relative_to(finished): path.read_bytes() for path in finished.rglob("*.*") if path.is_file()} == before


def test_merge_says_so_and_leaves_no_run(finished, say, fill, tmp_path):
    fill(tmp_path / "both", after=2)
    assert_said(say("merge", finished, "--out", tmp_path / "both"), "No space left on device", tmp_path / "both")
    assert not (tmp_path / "both" / "plan.json").exists()


@pytest.mark.parametrize("full", ["out", "cache"])
def test_run_names_the_disk_that_is_full(phantom, say, fill, tmp_path, monkeypatch, full):
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(tmp_path / "cache"))
    fill(tmp_path / full)
    options = ["--datasets", "barcelona", "--models", "prior", "--protocols", "within", "--jobs", 1]
    said = say("run", "--data", phantom, "--out", tmp_path / "out", *options)
    assert_said(said, "No space left on device", tmp_path / full)
    assert str(tmp_path / ("out" if full == "cache" else "cache")) not in said[1]
    assert "start the same command again" in said[1]


def test_phantom_names_its_root(tmp_path):
    with short(2000), pytest.raises(OSError, match="File too large") as error:
        write_phantom(tmp_path / "new", per_class=1, domains=["cvb"], jobs=1)
    assert sentence(error.value).startswith(f"File too large ({tmp_path / 'new'}); put it right")
    assert os.listdir(tmp_path) == [".new.lock"]


COMMANDS = {
    "index": ["data", "index", "--data", "PHANTOM", "--out", "OUT/index.csv"],
    "features": ["features", "extract", "--data", "PHANTOM", "--out", "OUT/features.parquet", "--jobs", 1],
    "predict": ["predict", "PHANTOM", "--model", "prior", "--train", "barcelona", "--data", "PHANTOM", "--jobs", 1]
    + ["--out", "OUT/predictions.csv"],
    "save": ["predict", "PHANTOM", "--model", "prior", "--train", "barcelona", "--data", "PHANTOM", "--jobs", 1]
    + ["--out", "elsewhere.csv", "--save", "OUT/model.zip"],
}


# How many files are tried before the work begins: predict tries that of its page, too.
TRIED = dict.fromkeys(COMMANDS, 1) | {"predict": 2}


@pytest.mark.parametrize(
    ("command", "after"), [*((name, 0) for name in TRIED), *TRIED.items(), ("predict", TRIED["predict"] + 1)]
)
def test_long_work_is_not_begun_or_its_result_is_kept(phantom, say, fill, tmp_path, monkeypatch, command, after):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "out"
    folder.mkdir()
    fill(folder, after=after)
    places = {"PHANTOM": str(phantom), "OUT": str(folder)}
    arguments = [re.sub("PHANTOM|OUT", lambda found: places[found[0]], str(part)) for part in COMMANDS[command]]
    code, text = say(*arguments)
    assert_said((code, text), "No space left on device", folder)
    begun = "barcelona" in text or "index" in text.replace("index.csv", "")
    assert begun == bool(after)
    spare = re.search("the result is kept in (.*)", text)
    assert bool(spare) == bool(after)
    if spare:
        assert os.path.getsize(spare[1]) > 0
        shutil.rmtree(os.path.dirname(spare[1]))


def assert_said(said, words, place):
    """The command ended with one sentence that names the file and what the system says."""
    code, text = said
    assert code == 2, text
    assert words in text
    assert str(place) in text
    assert "Traceback" not in text

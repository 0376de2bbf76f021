"""Datasets from the network, by a server of this machine that misbehaves in every way."""

import http.server
import io
import json
import threading
import time
import zipfile
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from leukobench.cli import app
from leukobench.datasets import DATASETS, DatasetCard, download, register, unregister
from leukobench.datasets.card import Download
from leukobench.datasets.fetch import LOADING, LOCK, add, fetch
from leukobench.errors import UsageError


def archive(**files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in files.items():
            file.writestr(name, text)
    return data.getvalue()


CONTENT = archive(
    **{"release-1/cells/NE/1.png": "one" * 9000, "release-1/cells/LY/2.png": "two", "release-1/x.txt": ""}
)


class Server(http.server.BaseHTTPRequestHandler):
    """Plays what is left of `script`, then serves `content`; with ranges, or without them."""

    protocol_version = "HTTP/1.1"
    script, asked, content, ranges, tag = [], [], CONTENT, True, '"a"'

    def do_GET(self):
        self.asked.append((self.path, self.headers.get("Range")))
        step = self.script.pop(0) if self.script else "serve"
        if isinstance(step, int):
            self.send_response(step)
            for name, value in {302: [("Location", "/moved")], 429: [("Retry-After", "0")]}.get(step, []):
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        start = 0
        same = self.headers.get("If-Range") in (None, self.tag)
        if self.ranges and same and (asked := self.headers.get("Range")):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        self.send_header("Content-Length", str(len(self.content) - start))
        self.send_header("ETag", self.tag)
        self.end_headers()
        data = self.content[start:]
        if step == "break":
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            self.connection.close()
        elif step == "slow":
            for place in range(0, len(data), 50):
                self.wfile.write(data[place : place + 50])
                time.sleep(0.002)
        elif step == "silent":
            time.sleep(0.4)
            self.connection.close()
        else:
            self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def served(address, monkeypatch):
    """The server's script and state, and a function that registers a dataset whose archive it serves."""
    monkeypatch.setattr(download, "PACE", 0.001)
    monkeypatch.setattr(download, "TIMEOUT", (1, 0.2))
    monkeypatch.setattr(download, "CHUNK", 64)
    Server.script, Server.asked, Server.content, Server.ranges, Server.tag = [], [], CONTENT, True, '"a"'
    made = []

    def dataset(*paths, parts=("cells",), **facts):
        each = Download("cells.zip", tuple(address + path for path in paths), parts=parts, **facts)
        card = DatasetCard(name="served", title="Served", folder="served", labels={"NE": "NE"}, downloads=(each,))
        register(SimpleNamespace(card=card, read=lambda root: []))
        made.append("served")
        return "served"

    yield dataset
    for name in set(made):
        unregister(name)


def files(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


WHOLE = [LOCK, "served/cells/LY/2.png", "served/cells/NE/1.png"]


@pytest.mark.parametrize(
    "script", [[], ["slow"], [503, 503], [429], [302], ["silent"], ["break"], ["break", 503, "break"]]
)
@pytest.mark.parametrize("ranges", [True, False])
def test_what_passes_is_waited_for_and_gone_on_with(served, tmp_path, script, ranges):
    Server.script, Server.ranges = list(script), ranges
    assert fetch(served("/cells.zip"), tmp_path) == []
    assert files(tmp_path) == WHOLE
    assert (tmp_path / "served/cells/NE/1.png").read_text() == "one" * 9000
    resumed = [asked for _, asked in Server.asked if asked]
    assert bool(resumed) == ("break" in script)
    Server.asked.clear()
    assert fetch("served", tmp_path) == []
    assert Server.asked == [], "what is there is not loaded again"


def test_a_broken_download_goes_on_in_the_next_call_unless_the_file_has_changed(served, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TRIES", 1)
    for tag in ('"a"', '"b"'):
        Server.script, Server.tag = ["break"], '"a"'
        name = served("/cells.zip")
        with pytest.raises(UsageError, match=r"cells.zip cannot be loaded \(.*broke off 1 times"):
            fetch(name, tmp_path / tag)
        have = (tmp_path / tag / LOADING / name / "cells.zip.part").stat().st_size
        assert 0 < have <= len(CONTENT) // 2
        Server.tag = tag
        fetch(name, tmp_path / tag)
        assert Server.asked[-1][1] == f"bytes={have}-"
        assert files(tmp_path / tag) == WHOLE


@pytest.mark.parametrize("code", [403, 404])
def test_a_refusal_is_named_at_once_and_a_mirror_is_tried(served, tmp_path, code):
    Server.script = [code]
    with pytest.raises(UsageError, match=rf"/cells.zip: {code} .*data add"):
        fetch(served("/cells.zip"), tmp_path)
    assert len(Server.asked) == 1
    Server.script = [code]
    fetch(served("/first.zip", "/second.zip"), tmp_path)
    assert [path for path, _ in Server.asked[1:]] == ["/first.zip", "/second.zip"]
    assert files(tmp_path) == WHOLE


def test_wrong_bytes_are_refused_and_nothing_of_them_stays(served, tmp_path):
    with pytest.raises(UsageError, match="other bytes than the checksum says"):
        fetch(served("/cells.zip", checksum="md5:" + "0" * 32), tmp_path)
    assert files(tmp_path) == []


def test_an_unknown_checksum_is_that_of_the_first_time(served, tmp_path):
    fetch(served("/cells.zip"), tmp_path)
    digest = json.loads((tmp_path / LOCK).read_text())["served"]["cells.zip"]
    assert digest.startswith("sha256:")
    for path in (tmp_path / "served/cells").rglob("*.png"):
        path.unlink()
    (tmp_path / "served/cells").rename(tmp_path / "old")
    Server.content = archive(**{"cells/NE/1.png": "another"})
    with pytest.raises(UsageError, match="other bytes than the checksum says"):
        fetch("served", tmp_path)
    (tmp_path / LOCK).write_text("{")
    with pytest.raises(UsageError, match=f"{LOCK} is damaged"):
        fetch("served", tmp_path)


def test_much_is_asked_for_first_and_must_fit_on_the_disk(served, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "ASK_FROM", 100)
    asked = []
    with pytest.raises(UsageError, match=f"has {len(CONTENT):,} bytes and was not loaded; say --yes"):
        fetch(served("/cells.zip"), tmp_path, agree=lambda size: asked.append(size))
    assert asked == [len(CONTENT)]
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(UsageError, match=r"bytes are needed for .*, and 10 are free"):
        fetch("served", tmp_path, agree=lambda size: True)
    assert files(tmp_path) == []


def test_a_damaged_archive_is_loaded_anew(served, tmp_path):
    Server.content = b"no archive at all"
    with pytest.raises(UsageError, match="is no archive"):
        fetch(served("/cells.zip"), tmp_path)
    assert files(tmp_path) == []
    Server.content = CONTENT
    assert fetch("served", tmp_path) == []
    assert files(tmp_path) == WHOLE


def test_progress_is_told(served, tmp_path):
    told, stages = [], []
    fetch(served("/cells.zip"), tmp_path, stage=stages.append, progress=lambda *facts: told.append(facts))
    assert (stages, told[-1]) == (["cells.zip"], (len(CONTENT), len(CONTENT)))


def test_what_a_person_brings(served, tmp_path):
    name = served(by_hand="ask for it")
    assert fetch(name, tmp_path) == ["served: ask for it; then `leukobench data add served cells.zip`"]
    brought = tmp_path / "Downloads"
    brought.mkdir()
    (brought / "cells (1).zip").write_bytes(CONTENT)
    root = tmp_path / "root"
    root.mkdir()
    assert add(name, brought / "cells (1).zip", root) == 2
    assert add(name, brought / "cells (1).zip", root) == 0, "what is there is kept"
    assert files(root) == WHOLE
    (brought / "cells.zip").write_bytes(archive(**{"cells/NE/3.png": "new"}))
    with pytest.raises(UsageError, match=r"cells.zip is sha256:.*it has changed or is damaged"):
        add(name, brought / "cells.zip", root)
    with pytest.raises(UsageError, match="no file"):
        add(name, brought / "nothing.zip", root)
    (tmp_path / "by hand/cells/BA").mkdir(parents=True)
    (tmp_path / "by hand/cells/BA/7.png").write_text("seven")
    assert add(name, tmp_path / "by hand", root) == 1


def test_what_a_source_turns_into_pictures_itself(served, tmp_path, monkeypatch):
    name = served("/cells.npz", "/cells.npz", parts=("28",), optional=True)
    taken = []
    monkeypatch.setattr(DATASETS[name], "convert", lambda *facts: taken.append(facts) or 7, raising=False)
    assert fetch(name, tmp_path) == []
    assert Server.asked == [], "what is optional is only taken where somebody brings it"
    (tmp_path / "cells.zip").write_bytes(b"arrays")
    assert add(name, tmp_path / "cells.zip", tmp_path) == 7
    assert taken == [(tmp_path / "cells.zip", tmp_path / "served")]


def test_the_command_line(served, tmp_path, monkeypatch):
    run = CliRunner().invoke
    told = run(app, ["data", "fetch", served("/cells.zip"), "--data", str(tmp_path)])
    assert told.exit_code == 0, told.output
    assert files(tmp_path) == WHOLE
    told = run(app, ["data", "fetch", "munich", "--data", str(tmp_path)])
    assert told.exit_code == 1
    assert "Aspera" in told.output
    assert "data add munich" in told.output
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "cvb").mkdir()
    told = run(app, ["data", "ls", "--data", str(tmp_path)])
    assert f"jiangxi: leukobench data fetch jiangxi --data {tmp_path}" in told.output

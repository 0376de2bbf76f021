"""Archives that want to do harm, and those that do not."""

import io
import stat
import tarfile
import zipfile

import pytest

from leukobench.datasets import unpack as unpacking
from leukobench.datasets.unpack import unpack
from leukobench.errors import UsageError


@pytest.fixture
def zipped(tmp_path):
    def write(entries):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in entries.items():
                file.writestr(name, data)
        return path

    return write


@pytest.fixture
def tarred(tmp_path):
    def write(*infos):
        path = tmp_path / "a.tar.gz"
        with tarfile.open(path, "w:gz") as file:
            for info in infos:
                info.size = 3 if info.isreg() else 0
                file.addfile(info, io.BytesIO(b"abc") if info.isreg() else None)
        return path

    return write


def link(name, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["../out.png", "/tmp/out.png", "a/../../out.png", "..\\out.png", "C:\\out.png"])
def test_nothing_leads_out_of_the_folder(zipped, tarred, tmp_path, name):
    for path in (zipped({"good.png": "x", name: "bad"}), tarred(tarfile.TarInfo("good.png"), tarfile.TarInfo(name))):
        with pytest.raises(UsageError, match=r"leads out of its folder.*nothing was unpacked"):
            unpack(path, tmp_path / "to", ())
        assert everything(tmp_path / "to") == []


def test_links_devices_and_encrypted_files_are_refused(zipped, tarred, tmp_path):
    for info in (link("a"), link("a", tarfile.LNKTYPE), link("a", tarfile.CHRTYPE), link("a", tarfile.FIFOTYPE)):
        with pytest.raises(UsageError, match="a link or device: 'a'"):
            unpack(tarred(info), tmp_path / "to", ())
    entry = zipfile.ZipInfo("a")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(UsageError, match="holds a link: 'a'"):
        unpack(zipped({entry: "/etc/passwd"}), tmp_path / "to", ())
    path = zipped({"a": "x"})
    data = path.read_bytes()
    place = data.index(b"PK\x01\x02") + 8
    path.write_bytes(data[:place] + b"\x01" + data[place + 1 :])
    with pytest.raises(UsageError, match="encrypted"):
        unpack(path, tmp_path / "to", ())
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a").symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match="holds a link"):
        unpack(tmp_path / "folder", tmp_path / "to", ())


def test_bombs_and_what_does_not_fit_are_refused(zipped, tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "SMALL", 1000)
    with pytest.raises(UsageError, match="no pictures shrink like that"):
        unpack(zipped({"a": bytes(10**6)}), tmp_path / "to", ())
    with pytest.raises(UsageError, match=r"900 bytes are needed.*, and 10 are free"):
        unpack(zipped({"a": bytes(900)}), tmp_path / "to", (), room=10)
    monkeypatch.setattr(unpacking, "MOST_FILES", 1)
    with pytest.raises(UsageError, match="unpacks to 2 files"):
        unpack(zipped({"a": "", "b": ""}), tmp_path / "to", ())


def test_parts_are_found_on_any_depth_and_what_is_there_is_kept(zipped, tmp_path):
    path = zipped({"x-1/y/Train/NE/1.jpg": "1", "x-1/README": "", "__MACOSX/Train/._1.jpg": "", "x-1/Train.csv": "a"})
    (tmp_path / "to/Train/NE").mkdir(parents=True)
    assert unpack(path, tmp_path / "to", ("Train", "Train.csv")) == 2
    (tmp_path / "to/Train/NE/1.jpg").write_text("mine")
    assert unpack(path, tmp_path / "to", ("Train",)) == 0
    assert everything(tmp_path / "to") == ["Train.csv", "Train/NE/1.jpg"]
    assert (tmp_path / "to/Train/NE/1.jpg").read_text() == "mine"
    with pytest.raises(UsageError, match="holds none of Test; is it the right file"):
        unpack(path, tmp_path / "to", ("Test",))


def test_damaged_archives_leave_no_half_files(zipped, tmp_path):
    path = zipped({"a.bin": bytes(range(256)) * 40})
    data = bytearray(path.read_bytes())
    data[60:70] = bytes(10)
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"a.bin cannot be unpacked.*get it anew"):
        unpack(path, tmp_path / "to", ())
    assert everything(tmp_path / "to") == []
    path.write_bytes(b"no archive")
    with pytest.raises(UsageError, match="is no archive"):
        unpack(path, tmp_path / "to", ())


def test_rar_needs_a_tool_and_takes_one(tmp_path, monkeypatch):
    path, tools = tmp_path / "Train.rar", tmp_path / "bin"
    path.write_bytes(b"Rar!\x1a\x07")
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(UsageError, match=r"no tool unpacks .*Train.rar; install unrar"):
        unpack(path, tmp_path / "to", ("Train",))
    tool = tools / "unrar"
    tool.write_text(
        '#!/bin/sh\nfor place; do :; done\n/bin/mkdir -p "${place}Train/NE"; echo 1 > "${place}Train/NE/1.jpg"\n'
    )
    tool.chmod(0o755)
    assert unpack(path, tmp_path / "to", ("Train",)) == 1
    assert everything(tmp_path / "to") == ["Train/NE/1.jpg"]
    tool.write_text("#!/bin/sh\necho CRC failed >&2\nexit 3\n")
    with pytest.raises(UsageError, match=r"unrar cannot unpack .*: CRC failed"):
        unpack(path, tmp_path / "to", ("Train",))

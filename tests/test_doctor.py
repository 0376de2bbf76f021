"""What is missing is named with the command that gets it; what is kept is listed and deleted, and nothing else."""

import re
import sys
from importlib import import_module
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from leukobench.cli import app
from leukobench.cli.caches import KINDS
from leukobench.errors import UsageError
from leukobench.features.backends import check_device
from leukobench.running.environment import _facts


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Run a command on a machine without data; gives code and text."""
    for name, value in {"LEUKOBENCH_CACHE": tmp_path / "cache", "XDG_DATA_HOME": tmp_path / "none"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("LEUKOBENCH_DATA", raising=False)

    def run(*arguments):
        done = CliRunner().invoke(app, [*map(str, arguments)])
        return done.exit_code, done.output

    return run


def test_the_doctor_names_what_is_missing_and_what_to_do(call, monkeypatch, tmp_path):
    doctor = import_module("leukobench.cli.doctor")
    monkeypatch.setattr(doctor, "_installed", lambda name: name not in ("torch", "matplotlib"))
    code, text = call("doctor")
    assert code == 0
    for line in (
        "not installed: torch",
        "to do: pip install 'leukobench[deep]'",
        "to do: pip install 'leukobench[report]'",
        "found: none: runs are on drawn images",
        "to do: leukobench data fetch cvb",
    ):
        assert line in text
    (tmp_path / "root/ward7/LY").mkdir(parents=True)
    (tmp_path / "root/ward7/LY/1.png").write_bytes(b"")
    assert "dataset ward7\n    found: there, your own" in call("doctor", "--data", tmp_path / "root")[1]


@pytest.mark.parametrize(
    ("driver", "cupy", "message", "hint"),
    [
        (False, None, "no driver of an NVIDIA GPU is here", "leave the device out"),
        (True, None, "CuPy is not installed", "pip install 'leukobench[gpu-cuda12]'"),
        (True, SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False)), "finds none", "nvidia-smi"),
    ],
)
def test_what_lacks_for_a_gpu_is_said_with_what_to_do(call, monkeypatch, driver, cupy, message, hint):
    monkeypatch.setattr(import_module("leukobench.cli.doctor"), "has_driver", lambda: driver)
    monkeypatch.setattr("leukobench.running.environment._facts", _facts.__wrapped__)
    monkeypatch.setattr("leukobench.devices.has_driver", lambda: driver)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(UsageError, match=message) as error:
        check_device("cuda")
    assert hint in error.value.hint
    text = call("doctor")[1].partition("GPU\n")[2].partition("\nextra")[0]
    assert message in text
    assert (hint in text) == driver


def test_the_cache_is_listed_and_deleted_and_nothing_else(call, tmp_path):
    for name in ("tables/x/a", "weights/w", "mine/b"):
        path = tmp_path / "cache" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(2_000_000))
    code, text = call("cache", "ls")
    assert (code, bool(re.search("tables +2.0", text)), "4.0 MB in" in text, "mine" in text) == (0, True, True, False)
    assert call("cache", "clear")[0] == 1
    assert (tmp_path / "cache/tables/x/a").exists()
    code, text = call("cache", "clear", "--yes")
    assert (code, text.splitlines()[-1]) == (0, "deleted: tables")
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["mine", "weights"]
    assert call("cache", "clear", "weights", "--yes")[0] == 0
    assert "nothing to delete" in call("cache", "clear", "--yes")[1]


def test_every_kind_that_is_kept_is_listed(pytestconfig):
    texts = [path.read_text("utf-8") for path in (pytestconfig.rootpath / "leukobench").rglob("*.py")]
    assert {kind for text in texts for kind in re.findall(r'cache_folder\(\) / "(\w+)"', text)} == {*KINDS}

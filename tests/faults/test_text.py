"""Text from outside must not act: not on a terminal, not in Markdown, not in a spreadsheet."""

import io
import os
import subprocess
import sys

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console
from rich.table import Table

from leukobench.cli import main
from leukobench.files import atomic_write, fitting_name
from leukobench.progress import ProgressReport
from leukobench.text import Terminal, from_csv, markdown, markdown_table, to_csv, visible

HOSTILE = [
    "[/opt/lib/x.so]",
    "[copy] 1.png",
    "[labels]",
    ":smile:",
    "a\x1b[31mb",
    "a\nok: b",
    "b\u202egpj.exe",
    "\udce9.jpg",
]
FORMULAS = ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''-", "=a\rb"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_shows_text_as_it_is_and_in_one_line(text):
    console = Terminal(file=io.StringIO(), width=60, force_terminal=True)
    console.say(f"{text}: a failure")
    table = Table("name", title=text)
    table.add_row(text)
    console.print(table)
    line, *rows = console.file.getvalue().splitlines()
    assert line == f"{visible(text)}: a failure"
    assert sum(visible(text) in row for row in rows) == 2
    assert all(character.isprintable() for character in visible(text))


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("text", HOSTILE)
def test_progress_survives_what_it_names(text, terminal):
    shown = io.StringIO()
    with ProgressReport(Console(file=shown, force_terminal=terminal, width=100)) as progress:
        progress.stage(text, 1)
        progress.note(f"error: {text}")
        progress.advance(1, text)
    assert f"error: {visible(text)}" in shown.getvalue()
    assert "a\x1b" not in shown.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_mistake_is_told_with_the_name_that_it_is_about(text, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["leukobench", "status", text])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {visible(text)} is no run folder")


@given(st.text())
def test_markdown_shows_a_cell_as_it_stands(text):
    shown = visible(text).strip(" ")
    cell = MarkdownIt().parseInline(markdown(text).strip(" "))[0].children
    assert {token.type for token in cell} <= {"text", "text_special"}
    assert "".join(token.content for token in cell) == shown


def test_markdown_tables_keep_their_columns():
    table = pd.DataFrame({"a|b": ["x|y", "a\n| c |"], "<b>": ["`|`", "[x](y)"]})
    html = MarkdownIt().enable("table").render(markdown_table(table))
    assert (html.count("<th>"), html.count("<td>")) == (2, 4)
    assert "&lt;b&gt;" in html
    assert "<a " not in html


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_a_csv_is_a_formula_and_all_come_back(text):
    table = pd.DataFrame({"n": [-1], text: [text], "x": [-0.5]})
    written = to_csv(table)
    assert "\n-1," in written.replace('"', "")
    raw = pd.read_csv(io.StringIO(written))
    assert not {raw.columns[1][0], raw.iat[0, 1][0]} & set("=+-@\t\r")
    pd.testing.assert_frame_equal(from_csv(raw), table)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_lacks_a_character_shows_its_number(encoding, tmp_path):
    command = [sys.executable, "-m", "leukobench", "status", "µ†\udce9"]
    environment = os.environ | {"PYTHONIOENCODING": encoding, "NO_COLOR": "1", "COLUMNS": "40"}
    ended = subprocess.run(command, env=environment, capture_output=True, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"error: ")
    assert ended.stderr.count(b"\n") == 1


def test_a_name_as_long_as_a_file_system_takes_can_be_written_beside_its_picture(tmp_path):
    name = "µ" * 125 + ".jpg"
    for made in (name, fitting_name(name, ".png")):
        atomic_write(tmp_path / made, b"picture")
    assert len(list(tmp_path.iterdir())) == 2
    assert fitting_name(name, ".png") != fitting_name(name[:-5] + "x.jpg", ".png")

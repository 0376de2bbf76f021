"""The table of LaTeX and what to cite: nothing of a name is a command, and all that was used is named."""

import json
import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylatexenc.latex2text import LatexNodes2Text
from pylatexenc.latexwalker import LatexWalker

from leukobench.datasets import DATASETS
from leukobench.report import write_report
from leukobench.report.latex import latex
from leukobench.running.credits import credits
from leukobench.running.suite import load_suite
from tests.report.conftest import FAMILIES, RunMaker

NASTY = r"\input{/etc/passwd}%$x_1^2$ & #1 ~ {a} <b> [C=1] -- 'x' `y` | é 血"
NOTE = "Who 2019, Where 1:5-9, doi 10.1000/a_b.c; licence & more"
CREDITS = {
    "datasets": {
        "a": {"title": NASTY, "note": NOTE, "licence": "CC BY 4.0", "url": "https://doi.org/10.1000/a_b.c"},
        "b": {"title": "B", "note": "", "licence": "unknown", "url": ""},
    },
    "backbones": {"net": {"title": "net", "note": "Sandler 2018, arXiv 1801.04381", "licence": "BSD", "url": ""}},
    "models": {"perfect": {"title": "Trees.", "note": "", "licence": "", "url": ""}},
}
PDFLATEX = shutil.which("pdflatex")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    FAMILIES[NASTY] = "classical"
    truth = {name: ["LY"] * 10 + ["MO"] * 10 for name in ("a", "b")}
    folder = tmp_path_factory.mktemp("run") / "run"
    maker = RunMaker(folder, truth, ("perfect", "prior"), lambda *facts: facts[4], synthetic=True, credits=CREDITS)
    plan = maker.write() / "plan.json"
    plan.write_text(plan.read_text().replace('"name": "tiny"', '"name": "' + NASTY.replace("\\", "\\\\") + '"'))
    write_report(folder, replicates=5)
    return folder


@given(st.text())
def test_text_stands_as_it_is(text):
    """No sign of a text is a command: what is parsed back has the same letters, but those beyond Latin 1."""
    escaped = latex(text)
    LatexWalker(escaped, tolerant_parsing=False).get_latex_nodes()
    assert escaped.isascii() or max(escaped) <= "\xff"
    assert not re.search(r"(?<!\\)[$&#%_^~]", escaped)


def test_what_every_reader_of_latex_knows_reads_back():
    signs = "a_b & 50% $x #1 {c} [C=1] vote@augmented+coral: 1/2 (!)"
    assert LatexNodes2Text().latex_to_text(latex(signs)) == signs


def test_the_table_is_whole(folder):
    text = (folder / "leaderboard.tex").read_text()
    lines = text.splitlines()
    rows = [line for line in lines if line.endswith(r"\\")]
    aligned = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)[1]
    assert len(rows) == 3  # the heading and two models
    assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {len(aligned)}
    assert lines.count(r"\midrule") == 2  # the control stands apart
    assert (
        r"\caption{\textbf{SYNTHETIC (phantom) images.} Leaderboard: suite \textbackslash{}input\{/etc/passwd\}" in text
    )


@pytest.mark.skipif(not PDFLATEX, reason="pdflatex is not installed (Debian: texlive-latex-recommended)")
@pytest.mark.parametrize("taken", [False, True])
def test_it_compiles_alone_and_within_a_paper(folder, tmp_path, taken):
    shutil.copy(folder / "leaderboard.tex", tmp_path)
    packages = r"\usepackage{booktabs,graphicx,textcomp}\usepackage[T1]{fontenc}"
    paper = rf"\documentclass{{article}}{packages}\begin{{document}}A \input{{leaderboard}} B\end{{document}}"
    (tmp_path / "paper.tex").write_text(paper)
    name = "paper" if taken else "leaderboard"
    command = [PDFLATEX, "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Output written" in done.stdout


def test_everything_that_was_used_is_named(folder):
    text = (folder / "CITATION.md").read_text()
    for word in ("leukobench", "datasets", "a_b.c", "Sandler 2018", ": Trees. no publication"):
        assert word.replace("datasets", "dataset a") in text.replace("\\", "")
    bibtex = (folder / "CITATION.bib").read_text()
    assert re.findall(r"^@misc\{(.*),$", bibtex, re.M) == ["leukobench", "dataset-a", "backbone-net"]
    assert "  doi = {10.1000/a\\_b.c}," in bibtex
    assert "  eprint = {1801.04381}," in bibtex
    assert bibtex.count("{") - bibtex.count(r"\{") == bibtex.count("}") - bibtex.count(r"\}")
    assert NASTY not in bibtex


def test_a_run_that_kept_no_credits_names_its_datasets(make_run):
    folder = make_run({n: ["LY"] * 10 + ["MO"] * 10 for n in "ab"}, ["perfect"], lambda *facts: facts[4])
    plan = json.loads((folder / "plan.json").read_text())
    del plan["credits"]
    (folder / "plan.json").write_text(json.dumps(plan))
    write_report(folder, replicates=5)
    text = (folder / "CITATION.md").read_text()
    assert "- **dataset a**: a. the plan of this run keeps no publication" in text
    assert "- **model perfect**" in text


def test_the_suites_credit_their_datasets_networks_and_models(tmp_path):
    found = credits(load_suite("cross-dataset", datasets=[*DATASETS][:5]), tmp_path)
    assert all(facts["note"] and facts["licence"] for facts in found["datasets"].values())
    assert all(facts["note"] for facts in found["backbones"].values())
    assert "10.1038/s41598-021-98599-0" in found["models"]["tavakoli2021"]["note"]
    assert {"barcelona", "munich", "raabin", "cvb", "jiangxi"} == {*found["datasets"]}

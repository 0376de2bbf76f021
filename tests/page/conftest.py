"""A real browser and one run with names that want to be markup."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest

from leukobench.page import write_page
from leukobench.report import build_report
from tests.report.conftest import RunMaker

MARKUP = "<img src=x onerror=alert(1)>"
QUOTED = 'it\'s "quoted" & </script><b>bold</b>'
MODELS = ("perfect", "half", QUOTED, "net+head", "joined", "adapted", "pretrained", "prior")
TRUTH = {
    "alpha": ["LY"] * 12 + ["MO"] * 12 + [MARKUP] * 12,
    "beta": ["LY"] * 12 + ["MO"] * 12 + [MARKUP] * 12,
    MARKUP: ["LY"] * 12 + ["MO"] * 12 + [MARKUP] * 12,
}
WRONG = {"perfect": 0, "half": 6, QUOTED: 3, "net+head": 2, "joined": 1, "adapted": 2, "pretrained": 1, "prior": 24}


def answer(model, protocol, train, test, true, seed):
    """Each model errs on its own number of images, fewer within; on the last image all of them do."""
    wrong = WRONG[model] // (2 if protocol == "within" else 1)
    return ["LY" if i < 12 + wrong else name for i, name in enumerate(true[:-1])] + ["MO"]


@pytest.fixture(scope="package")
def report(tmp_path_factory):
    """Report of a run of phantoms with hostile names."""
    folder = tmp_path_factory.mktemp("page") / "run"
    seen = {"pretrained": ["beta"]}
    protocols = ("within", "pairwise", "lodo", "merged")
    made = RunMaker(folder, TRUTH, MODELS, answer, protocols=protocols, contamination=seen, synthetic=True)
    return build_report(made.write(), replicates=50)


@pytest.fixture(scope="package")
def page_file(report):
    """Its page."""
    return write_page(report)


@pytest.fixture(scope="package")
def browser():
    """Headless Chromium, or a skip that says what is lacking."""
    api = pytest.importorskip("playwright.sync_api", reason="the extra 'test' is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium: apt-get install chromium")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser):
    """Function that opens a file at a width; at the end nothing may have been said, asked for or run by strangers."""
    contexts, said, asked = [], [], []

    def open_at(path, width=1600, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_at
    for context in contexts:
        context.close()
    outside = [url for url in asked if not url.startswith(("data:", "blob:", "file:")) or url.count("/run/") > 1]
    assert not said
    assert not outside
    assert sum(url.startswith("file:") for url in asked) == len(contexts)


@pytest.fixture(scope="package")
def large(report):
    """The same report grown to 17,000 scored cells: many models over many laboratories."""
    laboratories = [f"laboratory_{i:02d}" for i in range(23)]
    models = [f"model_{i:02d}" for i in range(32)]
    base = report.cells[report.cells["protocol"] == "pairwise"].iloc[[0]]
    places = [(a, b, m) for a in laboratories for b in laboratories if a != b for m in models]
    keys = pd.DataFrame(places, columns=["train", "test", "model"])
    cells = base.loc[base.index.repeat(len(keys))].reset_index(drop=True).assign(**keys)
    draw = np.random.default_rng(0)
    scores = [name for name in cells if cells[name].dtype == float]
    cells[scores] = draw.random((len(cells), len(scores)))
    board = report.board.loc[report.board.index[:1].repeat(len(models))].reset_index(drop=True)
    board = board.assign(model=models, rank=pd.array(range(1, 33), "Int64"), ci_low=0.4, ci_high=0.6)
    run = dataclasses.replace(
        report.run, plan={**report.run.plan, "suite": {**report.run.suite, "datasets": laboratories}}
    )
    return dataclasses.replace(report, run=run, cells=cells, board=board)

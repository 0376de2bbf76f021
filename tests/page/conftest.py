"""A real browser, and runs with names that want to be markup."""

import dataclasses
import hashlib
import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest

from leukobench.page import render_page, write_page
from leukobench.report import build_report
from tests.report.conftest import RunMaker

MARKUP = "<img src=x onerror=alert(1)>"
QUOTED = 'it\'s "quoted" & </script><b>bold</b>'
MODELS = ("perfect", "half", QUOTED, "net+head", "joined", "adapted", "pretrained", "prior")
CLASSES = ["LY"] * 12 + ["MO"] * 12 + [MARKUP] * 12
TRUTH = {"alpha": CLASSES, "beta": CLASSES, MARKUP: CLASSES}
WRONG = {"perfect": 0, "half": 6, QUOTED: 3, "net+head": 2, "joined": 1, "adapted": 2, "pretrained": 1, "prior": 24}
DIAGNOSIS = {
    "warning": f"After the fact {MARKUP}",
    "notes": [MARKUP],
    "sections": {
        "probe": {
            "title": "Which dataset is it?",
            "protocol": f"How {MARKUP} was done.",
            "uses": "everything",
            "table": [{"representation": MARKUP, "linear": 0.98765, "classes": 5}],
        }
    },
}


def answer(model, protocol, train, test, true, seed):
    """Each model errs on its own number of images, fewer within; on the last image all of them do."""
    wrong = WRONG[model] // (2 if protocol == "within" else 1)
    return ["LY" if i < 12 + wrong else name for i, name in enumerate(true[:-1])] + ["MO"]


@pytest.fixture(scope="package")
def report(tmp_path_factory):
    """Report of a run of phantoms with hostile names, which was diagnosed."""
    folder = tmp_path_factory.mktemp("page") / "run"
    seen = {"pretrained": ["beta"]}
    protocols = ("within", "pairwise", "lodo", "merged")
    made = RunMaker(folder, TRUTH, MODELS, answer, protocols=protocols, contamination=seen, synthetic=True)
    made.write()
    (folder / "diagnosis.json").write_text(json.dumps(DIAGNOSIS))
    return build_report(folder, replicates=50)


@pytest.fixture(scope="package")
def data(report, tmp_path_factory):
    """Data root with a drawn cell for each mistaken image, and the report with their hashes."""
    root = tmp_path_factory.mktemp("data")
    hashes, paths = {}, []
    for i, sha in enumerate(dict.fromkeys([*report.suspects["sha256"], *report.mistakes["sha256"]])):
        image = np.full((80, 80, 3), 230, np.uint8)
        cv2.circle(image, (40, 40), 24, (215, 180, 190), -1)
        cv2.circle(image, (36, 40), 14, (130, 40, 90 + i), -1)
        content = cv2.imencode(".png", image)[1].tobytes()
        paths.append(f"{i} {MARKUP.replace('/', '')}.png")
        (root / paths[-1]).write_bytes(content)
        hashes[sha] = hashlib.sha256(content).hexdigest()
    samples = pd.DataFrame({"dataset": "alpha", "path": paths, "sha256": [*hashes.values()], "um_per_px": 0.1})
    samples.assign(**{"group": "a", "class": "LY"}).to_parquet(report.run.folder / "samples.parquet")
    places = pd.MultiIndex.from_product([["perfect", "half"], ["pairwise", MARKUP, "blur", "blur-1"]])
    curve = places.to_frame(index=False, name=["model", "step"]).assign(train="", score=0.5, low=0.4, high=0.6)
    named = {name: getattr(report, name).replace({"sha256": hashes}) for name in ("mistakes", "suspects")}
    ceiling = pd.DataFrame({"dataset": ["beta"], "readings": "first, second", "scoring": "shared", "n": 9, "mcc": 0.77})
    ceiling = pd.concat([ceiling, ceiling.assign(scoring="deployed", mcc=0.66)])
    return root, dataclasses.replace(report, curves={"pairwise": curve}, ceiling=ceiling, **named)


@pytest.fixture(scope="package")
def page_file(data):
    """The page, with pictures."""
    root, report = data
    return write_page(report, root)


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, or a skip that says what is lacking; Playwright's event loop must not outlive its module."""
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
    assert not said
    assert [url for url in asked if not url.startswith(("data:", "blob:", "file:"))] == []
    assert sum(url.startswith("file:") for url in asked) == len(contexts)


@pytest.fixture(scope="package")
def large(report):
    """The page of the same report grown to 17,000 scored cells: many models over many laboratories."""
    laboratories = [f"laboratory_{i:02d}" for i in range(23)]
    models = [f"model_{i:02d}" for i in range(34)]
    draw = np.random.default_rng(0)

    def grown(table, **keys):
        keys = pd.MultiIndex.from_product(keys.values(), names=[*keys]).to_frame(index=False)
        table = table.loc[table.index[:1].repeat(len(keys))].reset_index(drop=True).assign(**keys)
        floats = [name for name in table if table[name].dtype == float]
        table[floats] = draw.random((len(table), len(floats)))
        return table[table["train"] != table["test"]] if {"train", "test"} <= {*keys} else table

    def of(table):
        return table[table["protocol"] == "pairwise"]

    metrics, scorings = report.intervals["metric"].unique(), ["shared", "deployed"]
    records = [
        {"protocol": "pairwise", "model": name, "side": ("classical", "deep", "both")[i % 3]}
        for i, name in enumerate(models)
    ]
    pairs = {"train": laboratories, "test": laboratories, "model": models}
    plan = report.run.plan | {"suite": report.run.suite | {"datasets": laboratories}}
    return render_page(
        dataclasses.replace(
            report,
            run=dataclasses.replace(report.run, plan=plan, records=records),
            cells=grown(of(report.cells), **pairs),
            calibration=grown(of(report.calibration), **pairs),
            calibration_means=report.calibration_means.iloc[[0] * len(models)].set_axis(models),
            board=grown(report.board, model=models).assign(rank=pd.array(range(1, 35), "Int64")),
            confusion=grown(
                of(report.confusion),
                **pairs | {"train": laboratories[:1], "scoring": ["shared", "deployed"]},
                true=list("ABCDE"),
                predicted=list("ABCDE"),
            ),
            reliability=grown(of(report.reliability), **pairs | {"train": laboratories[1:2], "test": laboratories[:1]}),
            mistakes=grown(report.mistakes, test=laboratories, model=models, sha256=[f"{i:064d}" for i in range(6)]),
            differential=report.differential.iloc[:0],
            suspects=grown(report.suspects, test=laboratories, sha256=[f"{i:064d}" for i in range(6)]),
            intervals=grown(of(report.intervals), metric=metrics, scoring=scorings, model=models),
            by_target=grown(
                of(report.by_target),
                metric=metrics,
                scoring=scorings,
                way=["mean", "chosen"],
                test=laboratories,
                side=["classical", "deep", "difference"],
            ),
        )
    )

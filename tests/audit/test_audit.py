"""The audit finds what was hidden in a data root, and nothing else among its errors and warnings."""

import base64
import re

import cv2
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from leukobench.audit import audit, find_suspects, findings_table
from leukobench.audit.checks import _cramers_v
from leukobench.audit.page import write_page
from leukobench.cli import app
from leukobench.datasets import build_index
from leukobench.datasets.index import COLUMNS
from leukobench.datasets.phantom import write_phantom


def index_of(**columns):
    """An index of sound pictures of one laboratory, with some columns given."""
    n = len(next(iter(columns.values())))
    plain = {
        "dataset": "a",
        "path": [f"a/{k:03}.png" for k in range(n)],
        "status": "ok",
        "reason": "",
        "synthetic": False,
    }
    plain |= {"height": 40, "width": 40, "mean_brightness": np.linspace(0.5, 0.6, n), "um_per_px": 0.1}
    facts = dict.fromkeys(COLUMNS) | plain | columns
    codes = columns.get("code", ["LY"] * n)
    facts |= {name: codes for name in ("code", "native_label", "L5") if name not in columns}
    return pd.DataFrame(facts).astype(COLUMNS)


def kinds(index, *severities):
    return [each.kind for each in audit(index) if not severities or each.severity in severities]


def test_a_sound_laboratory_has_neither_errors_nor_warnings():
    rng = np.random.default_rng(0)
    index = index_of(
        code=rng.choice(["LY", "MO", "SNE"], 120), group=rng.choice(["s1", "s2", "s3", "s4"], 120).astype(object)
    )
    assert kinds(index, "error", "warning", "look") == []


@pytest.mark.parametrize(("codes", "found"), [(["SNE", "NE"], []), (["SNE", "EO"], ["label conflict"])])
def test_labels_conflict_by_the_tree(codes, found):
    index = index_of(code=codes + ["LY"] * 20, same_cell=["a/000.png"] * 2 + [None] * 20)
    assert kinds(index, "error") == found
    assert kinds(index, "warning") == ["near-duplicate"]


def test_a_hidden_batch_is_told_by_its_size_and_class():
    codes = ["LY"] * 50 + ["MO"] * 50
    batch = audit(index_of(code=codes, width=[40] * 60 + [44] * 40))
    found = next(each for each in batch if each.kind == "hidden batch")
    assert found.files == tuple(f"a/{k:03}.png" for k in range(60, 100))
    assert "40 of it MO" in found.sentence
    assert "hidden batch" not in kinds(index_of(code=codes, width=[40, 44] * 50)), "sizes that say nothing of the class"
    assert "hidden batch" not in kinds(index_of(code=codes, width=list(range(40, 140)))), "cut out by hand"


def test_classes_tied_to_slides():
    groups = ["s1"] * 30 + ["s2", "s3"] * 15
    found = {each.kind: each for each in audit(index_of(code=["NE"] * 30 + ["LY"] * 30, group=groups))}
    assert "NE in 1" in found["class tied to group"].sentence
    assert found["class of one group"].files == tuple(f"a/{k:03}.png" for k in range(30))


def test_one_dark_picture_is_named():
    found = [
        each for each in audit(index_of(mean_brightness=[0.1, *np.linspace(0.6, 0.7, 59)])) if each.kind == "brightness"
    ]
    assert [each.files for each in found] == [("a/000.png",)]


def test_cramers_v_is_unbiased_where_nothing_is_tied():
    rng = np.random.default_rng(0)
    values = [_cramers_v(rng.integers(0, 20, 100), rng.integers(0, 5, 100)) for _ in range(40)]
    assert np.mean(values) < 0.1
    assert _cramers_v([0, 0, 1, 1] * 50, ["a", "a", "b", "b"] * 50) == pytest.approx(1, abs=0.01)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    """Two phantom laboratories, in whose first a lymphocyte lies among the neutrophils and one file is no image."""
    root = tmp_path_factory.mktemp("root")
    write_phantom(root, per_class=12, seed=3, domains=["barcelona", "cvb"])
    index = build_index(root)
    lymphocytes = index[(index["dataset"] == "barcelona") & (index["L5"] == "LY")]["path"].tolist()
    eosinophil = index[(index["dataset"] == "barcelona") & (index["L5"] == "EO")]["path"].iloc[0]
    wrong = root / eosinophil
    wrong = wrong.with_name(wrong.name.split("_")[0] + "_999999.jpg")
    (root / lymphocytes[5]).rename(wrong)
    (root / lymphocytes[0]).with_name("LY_1.jpg").write_text("no picture")
    return root, wrong.relative_to(root).as_posix()


@pytest.fixture(scope="module")
def suspects(phantoms):
    root, _ = phantoms
    index = build_index(root, names=["barcelona", "cvb"])
    return find_suspects(root, index)


def test_a_wrong_label_is_suspected(phantoms, suspects):
    assert phantoms[1] in [path for each in suspects for path in each.files]
    assert sum(len(each.files) for each in suspects) <= 3


def test_the_page_shows_the_cells_and_escapes_their_names(phantoms, suspects, tmp_path):
    root, _ = phantoms
    index = build_index(root, names=["barcelona"])
    index.loc[0, ["path", "status", "reason"]] = ["<img src=x onerror=alert(1)>", "truncated", "<b>bold</b>"]
    write_page(tmp_path / "audit.html", root, audit(index, suspects))
    page = (tmp_path / "audit.html").read_text()
    assert "<img src=x" not in page
    assert "<b>bold" not in page
    pictures = [base64.b64decode(data) for data in re.findall(r"data:image/webp;base64,([^\"]+)", page)]
    assert max(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[0] for data in pictures) == 96
    assert "http" not in page


def test_strict_fails_and_the_table_names_the_files(phantoms, tmp_path):
    command = ["data", "audit", "--data", str(phantoms[0]), "--no-suspects", "--csv", str(tmp_path / "found.csv")]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert CliRunner().invoke(app, [*command, "--strict"]).exit_code == 1
    table = pd.read_csv(tmp_path / "found.csv")
    assert list(table.columns) == list(findings_table([]).columns)
    row = table[table["kind"] == "not_an_image"]
    assert row["path"].str.endswith("LY_1.jpg").tolist() == [True]


@pytest.mark.real
def test_every_trap_of_the_releases_is_found_and_nothing_false_is_on_top(data_root):
    found = audit(build_index(data_root))
    top = [(each.severity, each.kind, each.dataset) for each in found if each.severity in ("error", "warning")]
    assert top == [
        ("error", "label conflict", "barcelona"),
        ("warning", "not_an_image", "barcelona"),
        *[("warning", "near-duplicate", "jiangxi")] * 3,
        *[("warning", "hidden batch", "barcelona")] * 2,
        ("warning", "class tied to group", "raabin"),
        ("warning", "class of one group", "raabin"),
    ]
    notes = {(each.kind, each.dataset): each for each in found if each.severity in ("look", "note")}
    assert notes["rare class", "jiangxi"].sentence.startswith("1 BA:")
    assert notes["rare class", "cvb"].sentence.startswith("3 BA:")
    assert notes["duplicate", "jiangxi"].files == ("jiangxi/Dataset 1/139.bmp",)
    assert {dataset for kind, dataset in notes if kind == "groups unknown"} == {"barcelona", "cvb", "jiangxi", "munich"}

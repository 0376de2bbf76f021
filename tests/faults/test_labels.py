"""Labels that lie on one branch of the tree do not contradict each other, and no dataset takes a name of the tables."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leukobench.datasets import DATASETS, LEVELS, build_index, get_dataset
from leukobench.datasets.card import DatasetCard
from leukobench.datasets.names import LONGEST_NAME, RESERVED, check_name
from leukobench.datasets.taxonomy import CELL_TYPES, subsumes
from leukobench.errors import UsageError
from leukobench.running.plan import combinations
from leukobench.running.suite import load_suite

RESULTS = Path(__file__).resolve().parents[2] / "results"


@pytest.fixture
def put(tmp_path):
    """Function that writes one of two pictures as `<dataset>/<class>/<name>.png`; gives the data root."""

    def write(where, picture=0):
        path = tmp_path / f"{where}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((12, 12, 3), 40 + picture, np.uint8)).save(path)
        return tmp_path

    return write


def said(root):
    table = build_index(root).set_index("path")
    return {path.removesuffix(".png"): (row["status"], row["reason"]) for path, row in table.iterrows()}


def test_the_finer_label_of_one_branch_stays(put):
    put("a/neutrophil/1")
    found = said(put("b/SNE/1"))
    assert found["b/SNE/1"] == ("ok", "")
    assert found["a/neutrophil/1"] == ("duplicate", "the same bytes as b/SNE/1.png, whose label SNE is finer")


def test_of_several_with_the_finest_label_the_first_stays(put):
    for where in ("a/NE/1", "b/SNE/1", "b/SNE/2", "c/NE/1"):
        put(where)
    found = said(put("c/SNE/1"))
    assert [path for path, (status, _) in found.items() if status == "ok"] == ["b/SNE/1"]
    assert found["c/SNE/1"] == ("duplicate", "the same bytes as b/SNE/1.png")


@pytest.mark.parametrize("labels", [("SNE", "EO"), ("SNE", "BNE"), ("NE", "SNE", "BNE"), ("LY", "LYA"), ("NE", "IG")])
def test_labels_that_exclude_each_other_conflict(put, labels):
    for number, label in enumerate(labels):
        root = put(f"lab{number}/{label}/1")
    put("lab0/MO/2", picture=1)
    found = said(root)
    assert found.pop("lab0/MO/2") == ("ok", "")
    assert {status for status, _ in found.values()} == {"conflicting_label"}
    assert all("the same bytes with another label: lab" in reason for _, reason in found.values())


def test_what_holds_what_is_what_the_levels_say():
    for coarse, fine in itertools.product(CELL_TYPES, repeat=2):
        joins = any(CELL_TYPES[fine].level.get(level) == coarse for level in LEVELS)
        assert subsumes(coarse, fine) == (coarse == fine or joins)
        if subsumes(coarse, fine) and subsumes(fine, coarse):
            assert coarse == fine


@pytest.mark.parametrize(
    "name",
    [*sorted(RESERVED), "Merged", "all-cvb", "a,b", " a", "a\nb", "a\u202eb", "..", "a/b", "x" * (LONGEST_NAME + 1)],
)
def test_a_name_that_cannot_be_a_datasets_is_refused(name):
    with pytest.raises(UsageError, match=r"a dataset cannot be called .*; rename its folder"):
        check_name(name)
    with pytest.raises(UsageError, match="datasets"):
        load_suite("cross-dataset", datasets=["cvb", name])


def test_a_folder_of_such_a_name_is_refused_and_others_are_read(put):
    put("ward 7/NE/1")
    root = put("merged/NE/1", picture=1)
    with pytest.raises(UsageError, match="cannot be called 'merged': tables of results have that name"):
        build_index(root)
    assert len(build_index(root, ["ward 7"])) == 1
    assert get_dataset("ward 7", root).card.name == check_name("ward 7")


def test_every_name_that_results_use_beside_datasets_is_reserved():
    suite = load_suite("cross-dataset", datasets=["cvb", "raabin"])
    used = {train for _, train, _, _ in combinations(suite)} - {*suite.datasets}
    # Runs of one's own, under results/runs, may hold datasets of one's own.
    for path in (path for path in RESULTS.rglob("matrix_*.csv") if RESULTS / "runs" not in path.parents):
        with path.open(newline="", encoding="utf-8") as lines:
            header, *rows = csv.reader(lines)
        used |= {*header, *(row[0] for row in rows)}
    used -= {*DATASETS}
    assert {"merged", "all others", "all-cvb"} <= used
    for name in used:
        with pytest.raises(UsageError, match="tables of results"):
            check_name(name)


@pytest.mark.parametrize("um_per_px", [float("inf"), float("nan"), 0, -0.1, 1e9, "0.1", True, [0.1]])
def test_what_is_no_pixel_size_is_refused_by_every_card(put, um_per_px):
    with pytest.raises(UsageError, match=r"ward7: um_per_px = .*is no pixel size"):
        DatasetCard(name="ward7", title="", folder="ward7", labels={}, um_per_px=um_per_px)
    root = put("ward7/NE/1")
    written = str(um_per_px).lower() if not isinstance(um_per_px, str) else f'"{um_per_px}"'
    (root / "ward7/dataset.toml").write_text(f"um_per_px = {written}")
    with pytest.raises(UsageError, match=r"dataset.toml: um_per_px = .*is no pixel size"):
        build_index(root)


def test_the_documents_name_every_reserved_name():
    text = (RESULTS.parent / "docs/datasets.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in RESERVED)
    assert f"more than {LONGEST_NAME} characters" in text

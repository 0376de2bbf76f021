"""How far people agree, from the label file to the tables."""

import json

import numpy as np
import pytest
from sklearn import metrics as oracle

from leukobench.datasets.munich import LAYOUT, second_labels
from leukobench.datasets.opinions import count_opinions
from leukobench.report import write_report

LINES = (
    [("NGS", "NGS", "NGB")] * 6 + [("NGB", "NGS", "NGB")] * 5 + [("LYT", "MYO", "LYT")] * 3 + [("LYT", "UNC", "LYT")]
)
LINES += [("LYT", "LYT", "MON")] * 7 + [("MON", "MON", "MON")] * 4 + [("MYO", "MON", "UNC")] * 2
PAIR = "original against second annotator"


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "munich" / LAYOUT
    folder.mkdir(parents=True)
    lines = [
        " ".join([f"{labels[0]}/{labels[0]}_{i:04d}.tiff", labels[0], *labels[1:]]) for i, labels in enumerate(LINES)
    ]
    (folder / "annotations.dat").write_text("\n".join([*lines, "BAS/BAS_0001.tiff BAS nan nan"]))
    return tmp_path


def test_only_images_that_were_labelled_again_count(root):
    assert sorted(second_labels(root)) == sorted(LINES)


def test_opinions_are_counted_at_the_level(root):
    found = count_opinions(root, ["munich", "cvb"], "L5")
    assert list(found) == ["munich"]
    assert found["munich"][PAIR] == {"LY": {"LY": 7, "other": 4}, "MO": {"MO": 4}, "NE": {"NE": 11}}
    assert found["munich"]["second annotator against second annotator again"]["MO"] == {"MO": 4, "other": 2}
    assert count_opinions(root, ["munich"], "L15")["munich"][PAIR]["BNE"] == {"SNE": 5}


def test_a_dataset_without_a_second_reading_has_none(tmp_path):
    (tmp_path / "ward7" / "neutrophil").mkdir(parents=True)
    assert count_opinions(tmp_path, ["munich", "barcelona", "ward7"], "L5") == {}


def test_agreement_is_that_of_scikit_learn_and_in_every_table(root, make_run):
    truth = {name: ["LY"] * 10 + ["MO"] * 10 for name in ("munich", "cvb")}
    opinions = count_opinions(root, ["munich"], "L5")
    folder = make_run(truth, ["half"], lambda *args: args[4], opinions=opinions)
    report = write_report(folder, replicates=100)
    table = report.ceiling.set_index(["readings", "scoring"])
    true = np.repeat(["LY", "LY", "MO", "NE"], [7, 4, 4, 11])
    called = np.repeat(["LY", "other", "MO", "NE"], [7, 4, 4, 11])
    row = table.loc[(PAIR, "deployed")]
    assert row["kappa"] == pytest.approx(oracle.cohen_kappa_score(true, called), abs=1e-10)
    assert row["accuracy"] == pytest.approx(oracle.accuracy_score(true, called), abs=1e-10)
    assert row["balanced_accuracy"] == pytest.approx((7 / 11 + 1) / 2)  # four monocytes are rare
    assert row["ci_low"] < row["balanced_accuracy"] < row["ci_high"]
    assert (row["n"], row["rare_classes"]) == (26, "MO")
    assert table.loc[(PAIR, "shared"), ["n", "accuracy"]].tolist() == [22, 1.0]
    assert "auroc" not in table
    assert f"| munich | {PAIR} | deployed | 26 |" in (folder / "leaderboard.md").read_text()
    assert json.loads((folder / "leaderboard.json").read_text())["human_ceiling"][1]["n"] == 26
    (note,) = [line for line in report.notes if line.startswith("people")]
    assert note.startswith(
        "people: on munich the second annotator agrees with the labels by a balanced accuracy of 1.000"
    )
    assert (folder / "ceiling.csv").read_text().startswith("synthetic,dataset,readings,scoring,n,classes")


def test_a_run_without_second_labels_says_nothing_of_people(make_run):
    truth = {name: ["LY"] * 10 + ["MO"] * 10 for name in "ab"}
    folder = make_run(truth, ["half"], lambda *args: args[4])
    assert write_report(folder, replicates=5).ceiling.empty
    assert not (folder / "ceiling.csv").exists()
    assert "People" not in (folder / "leaderboard.md").read_text()

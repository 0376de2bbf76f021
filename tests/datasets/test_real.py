"""The real images of the data root: every count, and every trap that its README names."""

import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from leukobench.datasets import DATASETS, apply_preset, build_index, coverage, summarise
from leukobench.datasets.munich import read_second_labels

ANNOTATIONS = "munich/AML-Cytomorphology_LMU/annotations.dat"
COMBINATIONS = [(0, 1), (0, 2), (1, 2)]  # original, second annotator, second annotator again
pytestmark = pytest.mark.real

FILES = {
    "barcelona": {
        "BA": 407,
        "EO": 401,
        "ERB": 400,
        "IG": 75,
        "MMY": 108,
        "MY": 108,
        "PMY": 108,
        "LY": 400,
        "MO": 400,
        "NEUTROPHIL": 25,
        "SNE": 187,
        "BNE": 188,
        "PLATELET": 400,
        ".DS": 1,
    },
    "cvb": {"1": 33, "2": 37, "3": 15, "4": 12, "5": 3},
    "jiangxi": {"1": 176, "2": 53, "3": 48, "4": 22, "5": 1},
    "munich": {
        "BAS": 15,
        "EBO": 12,
        "EOS": 15,
        "KSC": 12,
        "LYA": 11,
        "LYT": 16,
        "MMZ": 10,
        "MOB": 11,
        "MON": 16,
        "MYB": 13,
        "MYO": 16,
        "NGB": 11,
        "NGS": 15,
        "PMB": 11,
        "PMO": 11,
    },
    "raabin": {"Basophil": 60, "Eosinophil": 60, "Lymphocyte": 60, "Monocyte": 60, "Neutrophil": 60},
}
LEFT_OUT = {  # every file that must not be used, with its status
    "basophil/BA_685720.jpg": "duplicate",
    "basophil/BA_786369.jpg": "duplicate",
    "basophil/BA_80990.jpg": "duplicate",
    "basophil/BA_809918.jpg": "duplicate",
    "eosinophil/EO_225902.jpg": "conflicting_label",
    "neutrophil/BNE_191112.jpg": "conflicting_label",
    "neutrophil/.DS_169665.jpg": "not_an_image",
    "Dataset 1/139.bmp": "duplicate",
}


@pytest.fixture(scope="module")
def index(data_root):
    """The index of the project's own part of the releases; the counts below hold for no other part."""
    readme = data_root / "README.md"
    if not readme.is_file() or "3,200 and the release's own traps" not in readme.read_text(encoding="utf-8"):
        pytest.skip(f"{data_root} is not the part of the releases that these counts describe")
    return build_index(data_root)


@pytest.mark.parametrize("dataset", FILES)
def test_files_of_every_class(index, dataset):
    counts = index[index["dataset"] == dataset]["native_label"].value_counts()
    assert counts.to_dict() == FILES[dataset]


def test_statuses_of_every_class(index):
    table = summarise(index)
    assert table.drop(columns="total").sum().to_dict() == {
        "ok": 4095,
        "not_an_image": 1,
        "duplicate": 5,
        "conflicting_label": 2,
    }
    unclean = table[table["ok"] < table["total"]].reset_index(["native_label", "code"])
    assert unclean.reset_index()[["dataset", "native_label", "ok", "total"]].to_numpy().tolist() == [
        ["barcelona", ".DS", 0, 1],
        ["barcelona", "BA", 403, 407],
        ["barcelona", "BNE", 187, 188],
        ["barcelona", "EO", 400, 401],
        ["jiangxi", "2", 52, 53],
    ]


def test_every_trap_is_found(index):
    found = index[index["status"] != "ok"]
    assert {"/".join(path.split("/")[-2:]): status for path, status in found[["path", "status"]].to_numpy()} == LEFT_OUT
    reasons = dict(zip(found["path"].str.rsplit("/", n=1).str[-1], found["reason"], strict=True))
    assert reasons["139.bmp"] == "the same bytes as jiangxi/Dataset 1/112.bmp"
    assert "BNE_191112.jpg (BNE)" in reasons["EO_225902.jpg"]
    assert "EO_225902.jpg (EO)" in reasons["BNE_191112.jpg"]


def test_cells_that_were_photographed_twice(index):
    twice = index[index["same_cell"].notna()]
    pairs = twice.groupby("same_cell")["path"].agg(lambda paths: sorted(path[-7:-4] for path in paths))
    assert pairs.tolist() == [["157", "158"], ["166", "171"], ["167", "169"]]
    assert (twice["status"] == "ok").all()


def test_the_second_acquisition_of_barcelona(index):
    """Size and class are confounded: 360x360 is almost all IG, and every NEUTROPHIL is 366x369."""
    rows = index[(index["dataset"] == "barcelona") & (index["status"] != "not_an_image")]
    sizes = rows["width"].astype(str) + "x" + rows["height"].astype(str)
    assert sizes.value_counts().to_dict() == {"360x363": 3040, "360x360": 84, "366x369": 81, "360x361": 2}
    assert rows[sizes == "360x360"]["native_label"].value_counts().to_dict() == {"IG": 73, "ERB": 11}
    assert set(sizes[rows["native_label"] == "NEUTROPHIL"]) == {"366x369"}
    assert set(rows[sizes == "360x361"]["native_label"]) == {"IG"}


def test_sizes_of_the_others(index):
    sides = index.groupby("dataset")[["height", "width"]].agg(["min", "max"])
    for dataset, side in {"cvb": 300, "munich": 400, "raabin": 575}.items():
        assert set(sides.loc[dataset]) == {side}
    assert (sides.loc["jiangxi"].min(), sides.loc["jiangxi"].max()) == (88, 120)


def test_groups_are_known_for_raabin_only(index):
    assert set(index[index["group"].notna()]["dataset"]) == {"raabin"}
    raabin = index[index["dataset"] == "raabin"]
    assert raabin[["group", "field"]].notna().all(axis=None)
    assert set(raabin[raabin["code"] == "BA"]["group"]) == {"20190526", "20190527", "20190531", "20190604"}
    assert not raabin[raabin["code"] != "BA"]["group"].str.startswith("2019").any(), "basophils have their own slides"


def test_extra_columns(index):
    assert index[index["mask"].notna()]["dataset"].value_counts().to_dict() == {"jiangxi": 300, "cvb": 100}
    assert set(index[index["split"].notna()]["dataset"]) == {"barcelona", "raabin"}
    assert set(index[index["dataset"] == "barcelona"]["split"].dropna()) == {"train", "val", "test"}
    assert not index["synthetic"].any()
    assert index.groupby("dataset")["um_per_px"].first().dropna().to_dict() == {
        "barcelona": 0.1,
        "munich": 0.0725,
        "raabin": 0.058,
    }


def test_coverage_against_the_cards(index):
    assert coverage(index) == {
        "barcelona": "3,207 of 17,092",
        "cvb": "100 of 100",
        "jiangxi": "300 of 300",
        "munich": "195 of 18,365",
        "raabin": "300 of 16,633",
    }


def test_merged_leukopy(index):
    rows = apply_preset(index)
    table = pd.crosstab(rows["L11"], rows["dataset"])
    assert table.loc["BA"].to_dict() == {"barcelona": 403, "munich": 15, "raabin": 60}
    assert table.loc["PLT"].to_dict() == {"barcelona": 400, "munich": 0, "raabin": 0}
    assert len(table) == 11


@pytest.fixture(scope="module")
def second_labels(data_root):
    """Two second labels of every image of Munich, from the release's own label file."""
    if not (data_root / ANNOTATIONS).is_file():
        pytest.skip(f"no {ANNOTATIONS} under {data_root}")
    return read_second_labels(data_root / ANNOTATIONS)


def test_the_human_ceiling_of_munich(second_labels):
    """The figures that the card names."""
    labels = [(name.split("/")[0], *pair) for name, pair in second_labels.items() if pair[0]]
    assert len(labels) == 1905
    agreement = [sum(row[0] == row[turn] for row in labels) / 1905 for turn in (1, 2)]
    assert agreement == pytest.approx([0.849, 0.803], abs=0.0005)
    kappas = [cohen_kappa_score(*zip(*[(row[a], row[b]) for row in labels], strict=True)) for a, b in COMBINATIONS]
    assert kappas == pytest.approx([0.80, 0.75, 0.77], abs=0.005)


def test_the_card_of_munich_against_the_label_file(second_labels):
    folders = pd.Series([name.split("/")[0] for name in second_labels])
    assert folders.value_counts().to_dict() == DATASETS["munich"].card.counts

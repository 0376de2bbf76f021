"""What every registered dataset must offer: a new one is tested by being registered."""

from pathlib import Path

import numpy as np
import pytest

from leukobench.datasets import CELL_TYPES, DATASETS, bloodmnist, build_index, get_dataset
from leukobench.datasets.barcelona import ATTRIBUTES
from leukobench.datasets.raabin import slide_and_field
from leukobench.errors import UsageError
from leukobench.imaging.io import read_image

REPOSITORY = Path(__file__).resolve().parents[2]
TOTALS = {"barcelona": 17_092, "cvb": 100, "raabin": 10_175 + 4_339 + 2_119, "munich": 18_365, "jiangxi": 300}
TOTALS |= {"bloodmnist": 17_092, "bccd": 351, "lisc": None, "bone_marrow": 125_041}
NO_DOI = {"jiangxi", "bccd"}  # of repositories


@pytest.fixture(params=DATASETS)
def source(request):
    return DATASETS[request.param]


def test_the_registry_begins_with_the_five():
    assert list(DATASETS) == [
        "barcelona",
        "cvb",
        "raabin",
        "munich",
        "jiangxi",
        "bloodmnist",
        "bccd",
        "lisc",
        "bone_marrow",
    ]


def test_the_card_is_complete(source):
    card = source.card
    assert DATASETS[card.name] is source
    for fact in ("title", "folder", "url", "doi", "licence", "citation", "stain", "camera", "magnification"):
        if fact != "doi" or card.name not in NO_DOI:
            assert getattr(card, fact), fact
    assert card.licence != "unknown"
    assert card.um_per_px is None or 0.02 < card.um_per_px < 0.5
    assert card.notes
    assert card.downloads
    for each in card.downloads:
        assert each.checksum.startswith(("sha256:", "md5:")) or not each.checksum
        assert each.urls or each.by_hand
        assert all(url.startswith(("https://", "http://dl.raabindata.com/")) for url in each.urls)


def test_counts_and_labels_agree(source):
    card = source.card
    assert set(card.counts) in (set(card.labels), set())
    assert set(card.labels.values()) <= set(CELL_TYPES)
    assert (sum(card.code_counts().values()) or None) == card.total == TOTALS[card.name]
    for label, total in card.counts.items() if card.split_counts else ():
        assert sum(counts.get(label, 0) for counts in card.split_counts.values()) == total


def test_the_documentation_has_the_facts_of_the_card(source):
    card = source.card
    text = (REPOSITORY / "docs/datasets.md").read_text(encoding="utf-8")
    section = text.split(f"### {card.name}\n", 1)[1].split("\n### ", 1)[0]
    facts = [
        f"{card.total:,}" if card.total else "unknown",
        card.doi,
        card.licence,
        card.citation,
        card.stain,
        card.camera,
    ]
    facts += ["unknown" if card.um_per_px is None else f"{card.um_per_px}"]
    assert [fact for fact in facts if fact not in section] == []


def test_the_reader_reads_the_official_layout(source, official):
    card = source.card
    root = official(card.name)
    index = build_index(root, [card.name])
    assert set(index["native_label"]) == set(card.labels)
    assert set(index["code"]) == set(card.labels.values())
    assert (index["status"] == "ok").all(), index[["path", "reason"]]
    assert all((root / path).is_file() for path in index["path"])
    assert index["group"].notna().any() == bool(card.groups)
    assert index["mask"].notna().all() == card.masks
    assert all((root / path).is_file() for path in index["mask"].dropna())
    known = 20 / 28 if card.name == "bloodmnist" else card.um_per_px
    assert index["um_per_px"].isna().all() if known is None else (index["um_per_px"] == known).all()
    if card.split_counts:
        assert set(index["split"]) == set(card.split_counts)


def test_the_reader_takes_a_part(source, official):
    root = official(source.card.name)
    records = source.read(root)
    records[0].path.unlink()
    assert [record.path for record in source.read(root)] == [record.path for record in records[1:]]


def test_the_reader_finds_nothing_where_there_is_nothing(source, tmp_path):
    assert source.read(tmp_path) == []


def test_raabin_groups(official):
    index = build_index(official("raabin"))
    slides = index[index["split"] != "TestB"]
    assert set(slides["group"]) == {"95-9-15-1"}
    assert set(slides["field"]) == {f"95-9-15-1_{number}" for number in (8, 10)}
    assert index[index["split"] == "TestB"][["group", "field"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("stem", "slide", "field"),
    [
        ("20190526_163446_1", "20190526", "20190526_163446"),
        ("95-9-15-1_210_2", "95-9-15-1", "95-9-15-1_210"),
        ("a_b_12_0", "a_b", "a_b_12"),
        ("1024", None, None),
    ],
)
def test_slide_and_field(stem, slide, field):
    assert slide_and_field(stem, "Train") == (slide, "Train", field)


def test_bloodmnist_reads_the_largest_size_with_its_split(official, tmp_path):
    root = official("bloodmnist")
    index = build_index(root, ["bloodmnist"])
    assert index.groupby("split")["code"].nunique().to_dict() == {"train": 8, "val": 8, "test": 8}
    with np.load(root / "b.npz") as arrays:
        assert (read_image(root / "bloodmnist/28/val/3/00007.png") == arrays["val_images"][7]).all()
    assert bloodmnist.convert(root / "b.npz", root / "bloodmnist") == 0, "what is there is kept"
    (root / "bloodmnist/28/train").rename(root / "bloodmnist/train")
    (root / "bloodmnist/64").mkdir()
    (root / "bloodmnist/train").rename(root / "bloodmnist/64/train")
    assert {record.um_per_px for record in bloodmnist.read(root)} == {20 / 64}
    (root / "b.npz").write_bytes(b"PK")
    with pytest.raises(UsageError, match="no file of BloodMNIST"):
        bloodmnist.convert(root / "b.npz", root / "bloodmnist")


def test_lisc_leaves_fields_of_several_types_without_a_label(official, write_picture):
    root = official("lisc")
    write_picture(root / "lisc/Main Dataset/mixt/1.bmp")
    assert build_index(root).set_index("path").loc["lisc/Main Dataset/mixt/1.bmp", "status"] == "unlabelled"


def test_barcelona_takes_the_lists_and_attributes_of_wbcatt(official):
    root = official("barcelona")
    (root / "barcelona/WBCAtt").mkdir()
    path = "PBC_dataset_normal_DIB/ig/MMY_7.jpg"
    heads, values = ",".join(ATTRIBUTES), ",".join(f"is {name}" for name in ATTRIBUTES)
    (root / "barcelona/WBCAtt/pbc_attr_v1_val.csv").write_text(f"img_name,{heads},path\nMMY_7.jpg,{values},{path}\n")
    index = build_index(root)
    assert index.loc[index["split"].notna(), list(ATTRIBUTES)].iloc[0].to_dict() == {n: f"is {n}" for n in ATTRIBUTES}
    assert index.loc[index["split"].isna(), list(ATTRIBUTES)].isna().all(axis=None)
    assert index[index["split"].notna()][["path", "split"]].to_numpy().tolist() == [[f"barcelona/{path}", "val"]]


def test_barcelona_doubts_a_file_in_the_wrong_folder(official, write_picture):
    root = official("barcelona")
    write_picture(root / "barcelona/PBC_dataset_normal_DIB/basophil/SNE_1.jpg")
    write_picture(root / "barcelona/PBC_dataset_normal_DIB/basophil/CELL_1.jpg")
    index = build_index(root)
    reasons = index[index["status"] == "unlabelled"].set_index("native_label")["reason"]
    assert reasons["SNE"] == "prefix SNE_ belongs in folder 'neutrophil', the file lies in 'basophil'"
    assert reasons["CELL"].startswith("label 'CELL' is none of BA, EO")
    assert index[index["status"] == "unlabelled"][["code", "L5"]].isna().all(axis=None)


def test_munich_second_labels(official):
    root = official("munich")
    lines = ["NGS/NGS_0001.tiff NGS NGB UNC", "NGS/NGS_0002.tiff NGS nan nan"]
    (root / "munich/AML-Cytomorphology_LMU/annotations.dat").write_text("\n".join(lines))
    index = build_index(root)
    labelled = index[index["second_label"].notna()]
    assert labelled["path"].str.endswith("NGS_0001.tiff").tolist() == [True]
    assert labelled[["second_label", "second_label_repeat"]].to_numpy().tolist() == [["NGB", "UNC"]]


def test_a_picture_that_the_label_file_does_not_name(official, write_picture):
    root = official("cvb")
    write_picture(root / "cvb/Dataset 2/099.bmp")
    row = build_index(root).set_index("path").loc["cvb/Dataset 2/099.bmp"]
    assert (row["status"], row["reason"]) == ("unlabelled", "not named in Class Labels of Dataset 2.csv")


def test_an_unknown_name_gets_a_suggestion(tmp_path):
    with pytest.raises(UsageError, match=r"did you mean 'barcelona'.*barcelona, cvb, raabin, munich, jiangxi"):
        get_dataset("Barcelone")
    with pytest.raises(UsageError, match="unknown dataset 'zzz'; known: "):
        get_dataset("zzz", tmp_path)

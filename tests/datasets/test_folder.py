"""A laboratory's own images: class folders, `dataset.toml`, and what is refused."""

import numpy as np
import pytest

from leukobench.datasets import build_index, coverage, get_dataset, own_datasets, present_datasets
from leukobench.datasets.terms import cell_type
from leukobench.errors import UsageError


@pytest.fixture
def ward(tmp_path, write_picture):
    """A data root with the dataset `ward7`, and a function that writes its dataset.toml."""
    for name in ("SNE/a_1.png", "SNE/b_1.tif", "Lymphocytes/a_2.jpg", "band neutrophil/a_3.bmp", "debris/a_4.png"):
        write_picture(tmp_path / "ward7" / name)
    (tmp_path / "ward7/SNE/notes.txt").write_text("no picture")
    describe(tmp_path, "[labels]\ndebris = '-'")
    return tmp_path


def describe(root, text):
    (root / "ward7/dataset.toml").write_text(text)


def test_class_folders_become_labels(ward):
    index = build_index(ward)
    assert set(index["dataset"]) == {"ward7"}
    codes = dict(zip(index["path"], index["code"], strict=True))
    assert codes["ward7/SNE/a_1.png"] == codes["ward7/SNE/b_1.tif"] == "SNE"
    assert codes["ward7/Lymphocytes/a_2.jpg"] == "LY"
    assert codes["ward7/band neutrophil/a_3.bmp"] == "BNE"
    assert len(index) == 5
    assert index[["group", "um_per_px"]].isna().all(axis=None)
    assert coverage(index) == {"ward7": "4"}


def test_an_unknown_class_folder_is_refused_by_name_with_what_is_accepted(ward):
    describe(ward, "title = 'Ward 7'")
    with pytest.raises(UsageError, match=r"ward7/debris: 'debris' is no cell type; .*init-folder.*NE, SNE, BNE"):
        build_index(ward)


def test_what_is_left_out_or_lies_nowhere_says_so(ward, write_picture):
    write_picture(ward / "ward7/overview.png")
    rows = build_index(ward).set_index("path")
    assert rows.loc["ward7/debris/a_4.png", "reason"] == "left out by dataset.toml"
    assert rows.loc["ward7/overview.png", "reason"] == "lies in no class folder"
    assert (rows["status"] == "unlabelled").sum() == 2


def test_images_may_lie_deeper_in_a_class_folder(ward, write_picture):
    write_picture(ward / "ward7/SNE/slide 3/c_1.png")
    assert build_index(ward).set_index("path").loc["ward7/SNE/slide 3/c_1.png", "code"] == "SNE"


def test_dataset_toml(ward):
    describe(
        ward,
        """
        title = "Ward 7"
        licence = "internal"
        um_per_px = 0.1
        group = '^(?P<group>[^_]+)_'
        [labels]
        debris = "KSC"
        SNE = "NE"
        """,
    )
    card = get_dataset("ward7", ward).card
    assert (card.title, card.licence, card.um_per_px, card.total) == ("Ward 7", "internal", 0.1, None)
    index = build_index(ward)
    assert (index["status"] == "ok").all()
    assert index.groupby("folder")["code"].first().to_dict() == {
        "Lymphocytes": "LY",
        "SNE": "NE",
        "band neutrophil": "BNE",
        "debris": "KSC",
    }
    assert sorted(index["group"]) == ["a", "a", "a", "a", "b"]
    assert np.allclose(index["um_per_px"], 0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("um_per_px = ", "not a TOML file"),
        ("colour = 3", "unknown key 'colour'.*keys are title"),
        ("um_per_px = '0.1'", "no pixel size"),
        ("um_per_px = true", "no pixel size"),
        ("um_per_px = 0", "dataset.toml: um_per_px = 0 is no pixel size"),
        ("group = '(?P<group>'", "no regular expression"),
        ("group = 'a'", "names no group"),
        ("[labels]\ndebris = '-'\nSNE = '?'", r"dataset.toml, line 3: nobody has said what 'SNE' is; write NE, "),
        ("[labels]\ndebris = 'JUNK'", "unknown cell type 'JUNK' for 'debris'.*codes are NE"),
    ],
)
def test_a_wrong_dataset_toml_is_explained(ward, text, message):
    describe(ward, text)
    with pytest.raises(UsageError, match=message):
        build_index(ward)


def test_which_folders_count(ward, write_picture):
    write_picture(ward / "pictures/holiday/beach.png")
    write_picture(ward / "barcelona/BA/x_1.jpg")
    assert own_datasets(ward) == ["ward7"]
    assert present_datasets(ward) == ["barcelona", "ward7"]
    assert set(build_index(ward)["dataset"]) == {"ward7"}, "a registered name is never read as class folders"
    with pytest.raises(UsageError, match="'holiday' is no cell type"):
        build_index(ward, ["pictures"])


def test_a_suggestion_knows_own_folders(ward):
    with pytest.raises(UsageError, match="did you mean 'ward7'"):
        get_dataset("ward", ward)
    with pytest.raises(UsageError, match="unknown dataset"):
        get_dataset("../ward7", ward)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("NE", "NE"),
        ("sne", "SNE"),
        ("Neutrophils", "NE"),
        ("segmented-neutrophil", "SNE"),
        ("ATYPICAL LYMPHOCYTES", "LYA"),
        ("immature_granulocytes", "IG"),
        ("Platelet", "PLT"),
        ("smudge cells", "KSC"),
        ("neutro", "NE"),
        ("", None),
    ],
)
def test_names_of_class_folders(name, code):
    assert cell_type(name) == code

"""The label tree against the facts of the project's taxonomy, and the merged preset against its published counts."""

import numpy as np
import pandas as pd
import pytest

from leukobench.datasets import (
    CELL_TYPES,
    DATASETS,
    LEVELS,
    PRESETS,
    apply_preset,
    class_names,
    to_level,
)
from leukobench.errors import UsageError

TREE = """
NE   CL:0000775  NE  NE  -   -
SNE  CL:0000096  NE  NE  SNE SNE
BNE  CL:0000560  NE  NE  BNE BNE
EO   CL:0000771  EO  EO  EO  EO
BA   CL:0000767  BA  BA  BA  BA
LY   CL:0000542  LY  LY  LY  LY
LYA  CL:0000542  -   -   -   LYA
MO   CL:0000576  MO  MO  MO  MO
IG   -           -   IG  -   -
MMY  CL:0002192  -   IG  MMY MMY
MY   CL:0002193  -   IG  MY  MY
PMY  CL:0000836  -   IG  PMY PMY
PMB  CL:0000836  -   -   -   PMB
MYO  CL:0000835  -   -   -   MYO
MOB  CL:0000040  -   -   -   MOB
ERB  CL:0000765  -   ERB ERB ERB
PLT  CL:0000233  -   PLT PLT PLT
KSC  -           -   -   -   KSC
"""
ROWS = [[None if word == "-" else word for word in line.split()] for line in TREE.strip().splitlines()]
MERGED = {  # the original project's table: class to Barcelona, Munich, Raabin
    "BA": (1218, 79, 301),
    "BNE": (1633, 109, 0),
    "EO": (3117, 424, 1066),
    "ERB": (1551, 78, 0),
    "LY": (1214, 3937, 3609),
    "MMY": (1015, 15, 0),
    "MO": (1420, 1789, 795),
    "MY": (1137, 42, 0),
    "PLT": (2348, 0, 0),
    "PMY": (592, 70, 0),
    "SNE": (1646, 8484, 0),
}


@pytest.fixture(scope="module")
def full_releases():
    """An index as the full releases would give it, one row per image, from the cards' counts."""
    rows = [
        (name, code, "ok", *(to_level(code, level) for level in LEVELS))
        for name, source in DATASETS.items()
        for code, count in source.card.code_counts().items()
        for _ in range(count)
    ]
    return pd.DataFrame(rows, columns=["dataset", "code", "status", *LEVELS])


def test_every_cell_type_is_there_in_display_order():
    assert list(CELL_TYPES) == [row[0] for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_tree(row):
    code, cl, *classes = row
    assert [to_level(code, level) for level in ("L5", "L8", "L11", "L15")] == classes
    assert (CELL_TYPES[code].cl or None) == cl


def test_classes_of_each_level():
    assert LEVELS["L5"] == ("NE", "EO", "BA", "LY", "MO")
    assert LEVELS["L8"] == ("NE", "EO", "BA", "LY", "MO", "IG", "ERB", "PLT")
    assert LEVELS["L11"] == ("SNE", "BNE", "EO", "BA", "LY", "MO", "MMY", "MY", "PMY", "ERB", "PLT")
    assert set(LEVELS["L15"]) == set(DATASETS["munich"].card.labels.values()) | {"PLT"}
    assert list(class_names("L8").values())[5:] == ["immature granulocyte", "erythroblast", "platelet"]


@pytest.mark.parametrize("level", LEVELS)
def test_every_class_of_a_level_stands_for_itself(level):
    assert {to_level(code, level) for code in CELL_TYPES} - {None} == set(LEVELS[level])
    assert all(to_level(code, level) == code for code in LEVELS[level])


def test_nothing_is_guessed_finer():
    """A level above another is a coarsening of it, and a class of a level never takes in a coarser label."""
    for coarse, fine in (("L5", "L8"), ("L8", "L11"), ("L11", "L15")):
        for code in CELL_TYPES:
            finer = to_level(code, fine)
            assert finer is None or to_level(code, coarse) == to_level(finer, coarse)
    assert to_level("NE", "L11") is to_level("NE", "L15") is to_level("IG", "L11") is None


def test_options_are_off_until_asked_for():
    assert [to_level("LYA", level, ["LYA"]) for level in LEVELS] == ["LY", "LY", None, "LYA"]
    assert [to_level("PMB", level, ["PMB"]) for level in LEVELS] == [None, "IG", "PMY", "PMB"]
    assert to_level("LYA", "L5", ["PMB"]) is None
    with pytest.raises(UsageError, match="options are LYA, PMB"):
        to_level("LY", "L5", ["MYO"])


@pytest.mark.parametrize("unknown", [None, np.nan])
def test_no_label_gives_no_class(unknown):
    assert to_level(unknown, "L5") is None


def test_unknown_words_are_named():
    with pytest.raises(UsageError, match="L5, L8, L11, L15"):
        to_level("LY", "L6")
    with pytest.raises(UsageError, match="unknown cell type 'XX'"):
        to_level("XX", "L5")
    with pytest.raises(UsageError, match="unknown level"):
        class_names("L6")


def test_merged_leukopy_counts_of_the_full_releases(full_releases):
    rows = apply_preset(full_releases, "merged-leukopy")
    assert len(rows) == 37_689
    counts = pd.crosstab(rows["L11"], rows["dataset"])[["barcelona", "munich", "raabin"]]
    assert {code: tuple(row) for code, row in zip(counts.index, counts.to_numpy(), strict=True)} == MERGED


def test_merged_leukopy_names_all_that_it_leaves_out(full_releases):
    preset = PRESETS["merged-leukopy"]
    kept = apply_preset(full_releases, preset.name)
    rest = full_releases[full_releases["dataset"].isin(preset.datasets)].drop(kept.index)
    assert {name: sorted(rows["code"].unique()) for name, rows in rest.groupby("dataset")} == preset.left_out


def test_a_preset_obeys_its_list_even_where_the_level_has_a_class(full_releases, monkeypatch):
    left_out = {"barcelona": ["PLT"]}
    changed = type(PRESETS["merged-leukopy"])("x", "x", "L8", ["barcelona", "munich"], left_out)
    monkeypatch.setitem(PRESETS, "x", changed)
    rows = apply_preset(full_releases, "x")
    assert "PLT" not in set(rows["code"])
    assert set(rows["dataset"]) == {"barcelona", "munich"}


def test_a_preset_takes_usable_images_only(full_releases):
    broken = full_releases.assign(status=np.where(full_releases["code"] == "PLT", "truncated", "ok"))
    assert len(apply_preset(broken)) == 37_689 - 2348


def test_preset_errors(full_releases):
    with pytest.raises(UsageError, match="known: merged-leukopy"):
        apply_preset(full_releases, "merged")
    with pytest.raises(UsageError, match="barcelona, munich, raabin"):
        apply_preset(full_releases[full_releases["dataset"] == "cvb"])

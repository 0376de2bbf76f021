"""The catalogue is complete, consistent and what the documentation shows."""

from pathlib import Path

import pytest

from leukobench.errors import UsageError
from leukobench.features import catalogue_markdown, catalogue_table, feature_names, feature_sets, features_of
from leukobench.features.part import GROUPS
from leukobench.features.registry import all_parts

CATALOGUE = [feature for part in all_parts() for feature in part.features]
SIZES = {"core": 216, "full": 314, "extended": 390, "untextured": 254, "background": 48, "tavakoli2021": 51}


def test_names_are_unique():
    names = [f.name for f in CATALOGUE]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("feature_set", "size"), SIZES.items())
def test_sizes(feature_set, size):
    assert len(feature_names(feature_set)) == size


def test_sets_nest():
    core, full, extended = (feature_names(s) for s in ("core", "full", "extended"))
    assert full[: len(core)] == core
    assert extended[: len(full)] == full


def test_there_are_no_other_sets():
    assert set(feature_sets()) == {*SIZES}


def test_every_feature_is_described():
    for f in CATALOGUE:
        assert f.group in GROUPS
        assert f.unit in ("um", "um2", "1")
        assert set(f.invariances) <= {"rotation", "scale", "illumination"}
        assert f.formula
        assert f.source
        prefix = "nc" if f.region == "nucleus/cell" else f.region
        assert f.name.startswith(prefix + "_")


def test_lengths_and_areas_do_not_claim_scale_invariance():
    assert not [f.name for f in CATALOGUE if f.unit != "1" and "scale" in f.invariances]


def test_scikit_image_names():
    wanted = {"nucleus_area", "cell_axis_major_length", "nucleus_perimeter_crofton", "nucleus_moments_hu_0"}
    wanted |= {"nucleus_lab_a_mean", "cytoplasm_glcm_ASM_range", "cytoplasm_lbp_9", "nc_area_ratio"}
    assert wanted <= set(feature_names("core"))


def test_group_filter():
    table = catalogue_table("colour", "full")
    assert set(table["group"]) == {"colour"}
    assert list(table["name"]) == [f.name for f in features_of("full") if f.group == "colour"]


@pytest.mark.parametrize("arguments", [("hue", "core"), (None, "cores")])
def test_unknown_names_are_usage_errors(arguments):
    with pytest.raises(UsageError, match="known: "):
        catalogue_table(*arguments)


@pytest.mark.parametrize("feature_set", [s for s in SIZES if s != "full"])
def test_documentation_holds_the_catalogue(feature_set):
    page = (Path(__file__).parents[2] / "docs" / "features.md").read_text()
    rows = catalogue_markdown(feature_set=feature_set).splitlines()
    assert not [row for row in rows if row not in page]

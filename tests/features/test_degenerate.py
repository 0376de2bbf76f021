"""Cells that are no proper cells: defined numbers, NaN where none exists, never an infinity, on every backend."""

import numpy as np
import pytest
from numba import njit

from leukobench.features import extract_features, features_of
from leukobench.features.backends.cpu.memory import fetch


@pytest.mark.parametrize("feature_set", ["extended", "background"])
def test_backends_agree(degenerate, kind, feature_set, agree):
    images, masks, _ = degenerate(kind)
    reference = extract_features(images, masks, device="reference", feature_set=feature_set)
    values = extract_features(images, masks, device="cpu", feature_set=feature_set)
    assert not np.isinf(values).any(axis=None)
    agree(values, reference)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 3)])
def test_tiny_images(shape):
    image, mask = np.full((*shape, 3), 7, np.uint8), np.full(shape, 2, np.uint8)
    reference = extract_features([image], [mask], device="reference", feature_set="extended")
    values = extract_features([image], [mask], device="cpu", feature_set="extended")
    np.testing.assert_allclose(values, reference, rtol=1e-4, atol=1e-5)


@pytest.fixture
def row(degenerate):
    """Function (name of a mask, kind of image) -> its row of features."""

    def compute(name, kind="noise", feature_set="core"):
        images, masks, names = degenerate(kind)
        k = names.index(name)
        return extract_features(images[k : k + 1], masks[k : k + 1], device="cpu", feature_set=feature_set).iloc[0]

    return compute


def _nan_columns(row):
    return set(row.index[row.isna()])


def test_empty_nucleus_leaves_its_columns_and_no_others(row):
    expected = {f.name for f in features_of("core") if f.region == "nucleus"} - {"nucleus_area"}
    expected |= {"nc_convex_ratio", "nc_perimeter_ratio", "nc_feret_ratio"}
    assert _nan_columns(row("cytoplasm_only")) == expected


def test_empty_cytoplasm_leaves_its_columns_and_no_others(row):
    expected = {f.name for f in features_of("core") if f.region == "cytoplasm"} - {"cytoplasm_area"}
    assert _nan_columns(row("nucleus_only")) == expected | {"nc_cytoplasm_ratio"}


def test_empty_mask_knows_areas_only(row):
    assert row("empty").dropna().to_dict() == {"nucleus_area": 0, "cell_area": 0, "cytoplasm_area": 0}


def test_one_pixel_has_no_orientation_no_neighbours_and_no_spread(row):
    missing = {n for n in _nan_columns(row("one_nucleus_pixel")) if n.startswith("nucleus_")}
    expected = {"nucleus_axis_ratio", "nucleus_eccentricity"}
    expected |= {f.name for f in features_of("core") if f.name.startswith("nucleus_glcm")}
    channels = {f.name.rsplit("_", 1)[0] for f in features_of("core") if f.group == "colour" and f.region == "nucleus"}
    assert missing == expected | {f"{c}_{m}" for c in channels for m in ("skewness", "kurtosis")}


def test_constant_image_has_means_but_no_higher_moments(row):
    missing = _nan_columns(row("two_pieces", "constant"))
    assert {"nucleus_rgb_r_skewness", "cytoplasm_hed_e_kurtosis", "nucleus_glcm_correlation_mean"} <= missing
    assert not {n for n in missing if n.endswith(("_mean", "_std")) and "correlation" not in n}


def test_grey_has_no_hue(row):
    hue = {f"{r}_hsv_h_{m}" for r in ("nucleus", "cytoplasm") for m in ("mean", "std", "skewness", "kurtosis")}
    assert hue <= _nan_columns(row("two_pieces", "grey"))


def test_components_and_lobes(row):
    columns = ["nucleus_components", "nucleus_lobes", "nucleus_euler_number"]
    assert list(row("two_pieces", feature_set="full")[columns]) == [2, 2, 2]
    assert list(row("ring", feature_set="full")[columns]) == [1, 1, 0]


def test_to_ask_for_what_is_not_there_is_no_error():
    @njit
    def ask(address):
        fetch(address)
        return address

    assert ask(0) == 0

"""Cells that are no proper cells: defined numbers, NaN where none exists, never an infinity, on every backend."""

import numpy as np
import pytest

from leukobench.features import extract_features, features_of

SIZE = 24


def _mask(*parts):
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for label, rows, columns in parts:
        mask[slice(*rows), slice(*columns)] = label
    return mask


MASKS = {
    "empty": _mask(),
    "nucleus_only": _mask((2, (5, 15), (6, 17))),
    "cytoplasm_only": _mask((1, (5, 15), (6, 17))),
    "one_nucleus_pixel": _mask((1, (5, 15), (6, 17)), (2, (9, 10), (9, 10))),
    "one_pixel": _mask((2, (9, 10), (9, 10))),
    "corner_pixel": _mask((2, (0, 1), (0, 1))),
    "row": _mask((1, (9, 10), (3, 20)), (2, (9, 10), (8, 14))),
    "column": _mask((1, (3, 20), (9, 10)), (2, (8, 14), (9, 10))),
    "whole_image": _mask((1, (0, SIZE), (0, SIZE)), (2, (4, 15), (6, 20))),
    "all_nucleus": _mask((2, (0, SIZE), (0, SIZE))),
    "touching_borders": _mask((1, (0, SIZE), (3, SIZE)), (2, (0, 12), (12, SIZE))),
    "two_pieces": _mask((1, (2, 20), (2, 20)), (2, (3, 9), (3, 8)), (2, (11, 17), (12, 19))),
    "checkerboard": (2 * (np.indices((SIZE, SIZE)).sum(0) % 2)).astype(np.uint8),
    "stripes": np.tile(np.array([2, 1], np.uint8), (SIZE, SIZE // 2)),
    "ring": _mask((2, (3, 20), (3, 20)), (0, (8, 14), (8, 14))),
}


def _image(kind):
    if kind == "noise":
        return np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    return np.full((SIZE, SIZE, 3), {"constant": (120, 60, 150), "grey": 90, "black": 0, "white": 255}[kind], np.uint8)


@pytest.mark.parametrize("feature_set", ["extended", "background"])
@pytest.mark.parametrize("kind", ["noise", "constant", "grey", "black", "white"])
@pytest.mark.parametrize("name", MASKS)
def test_backends_agree(name, kind, feature_set):
    images, masks = [_image(kind)], [MASKS[name]]
    reference = extract_features(images, masks, device="reference", feature_set=feature_set).iloc[0]
    values = extract_features(images, masks, device="cpu", feature_set=feature_set).iloc[0]
    assert not np.isinf(values).any()
    assert list(values.index[values.isna()]) == list(reference.index[reference.isna()])
    np.testing.assert_allclose(values, reference, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 3)])
def test_tiny_images(shape):
    image, mask = np.full((*shape, 3), 7, np.uint8), np.full(shape, 2, np.uint8)
    reference = extract_features([image], [mask], device="reference", feature_set="extended")
    values = extract_features([image], [mask], device="cpu", feature_set="extended")
    np.testing.assert_allclose(values, reference, rtol=1e-4, atol=1e-5)


def _nan_columns(mask, kind="noise"):
    row = extract_features([_image(kind)], [MASKS[mask]], device="cpu").iloc[0]
    return set(row.index[row.isna()])


def test_empty_nucleus_leaves_its_columns_and_no_others():
    expected = {f.name for f in features_of("core") if f.region == "nucleus"} - {"nucleus_area"}
    expected |= {"nc_convex_ratio", "nc_perimeter_ratio", "nc_feret_ratio"}
    assert _nan_columns("cytoplasm_only") == expected


def test_empty_cytoplasm_leaves_its_columns_and_no_others():
    expected = {f.name for f in features_of("core") if f.region == "cytoplasm"} - {"cytoplasm_area"}
    assert _nan_columns("nucleus_only") == expected | {"nc_cytoplasm_ratio"}


def test_empty_mask_knows_areas_only():
    row = extract_features([_image("noise")], [MASKS["empty"]], device="cpu").iloc[0].dropna()
    assert row.to_dict() == {"nucleus_area": 0, "cell_area": 0, "cytoplasm_area": 0}


def test_one_pixel_has_no_orientation_no_neighbours_and_no_spread():
    missing = {n for n in _nan_columns("one_nucleus_pixel") if n.startswith("nucleus_")}
    expected = {"nucleus_axis_ratio", "nucleus_eccentricity"}
    expected |= {f.name for f in features_of("core") if f.name.startswith("nucleus_glcm")}
    channels = {f.name.rsplit("_", 1)[0] for f in features_of("core") if f.group == "colour" and f.region == "nucleus"}
    assert missing == expected | {f"{c}_{m}" for c in channels for m in ("skewness", "kurtosis")}


def test_constant_image_has_means_but_no_higher_moments():
    missing = _nan_columns("two_pieces", "constant")
    assert {"nucleus_rgb_r_skewness", "cytoplasm_hed_e_kurtosis", "nucleus_glcm_correlation_mean"} <= missing
    assert not {n for n in missing if n.endswith(("_mean", "_std")) and "correlation" not in n}


def test_grey_has_no_hue():
    hue = {f"{r}_hsv_h_{m}" for r in ("nucleus", "cytoplasm") for m in ("mean", "std", "skewness", "kurtosis")}
    assert hue <= _nan_columns("two_pieces", "grey")


def test_components_and_lobes():
    table = extract_features([_image("noise")] * 2, [MASKS["two_pieces"], MASKS["ring"]], feature_set="full")
    assert list(table["nucleus_components"]) == [2, 1]
    assert list(table["nucleus_lobes"]) == [2, 1]
    assert list(table["nucleus_euler_number"]) == [2, 0]

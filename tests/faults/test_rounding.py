"""Ratios of moments of a channel that varies by rounding alone are missing, on every backend, and not noise."""

import numpy as np
import pytest

from leukobench.features import extract_features

MASK = np.pad(np.full((20, 20), 1, np.uint8), 4)
MASK[8:18, 9:19] = 2
NOISE = np.random.default_rng(3).integers(0, 256, (*MASK.shape, 1)).astype(np.uint8)
GREY = np.repeat(NOISE, 3, axis=2)


@pytest.fixture(params=["reference", "cpu"])
def measure(request):
    """Function (image, feature set) -> its row of features, on each backend."""

    def compute(image, feature_set="full"):
        return extract_features([image], [MASK], device=request.param, feature_set=feature_set).iloc[0]

    return compute


def test_greys_have_no_chroma_whose_moments_could_be_compared(measure):
    row = measure(GREY)
    for region in ("nucleus", "cytoplasm"):
        ratios = [f"{region}_{c}_{m}" for c in ("lab_a", "lab_b", "hsv_h") for m in ("skewness", "kurtosis")]
        assert row[ratios].isna().all()
        assert (row[[f"{region}_lab_{c}_std" for c in "ab"]] == 0).all()
    assert row[[f"nc_{r}_hull_lab_{c}_std" for r in ("nucleus", "roc") for c in "ab"]].isna().all()
    assert row[["nucleus_rgb_r_skewness", "nucleus_lab_l_kurtosis", "nucleus_hed_h_skewness"]].notna().all()


def test_the_background_of_a_grey_picture_has_none_either(measure):
    row = measure(GREY, "background")
    assert row[[f"background_lab_{c}_{m}" for c in "ab" for m in ("skewness", "kurtosis")]].isna().all()


def test_one_level_in_one_pixel_is_a_spread(measure):
    image = np.full((*MASK.shape, 3), 90, np.uint8)
    image[10, 10] = 90, 91, 90
    row = measure(image)
    assert row["nucleus_rgb_g_skewness"] == pytest.approx(9.8494, rel=1e-4)  # (n - 2) / sqrt(n - 1) of n = 100 pixels
    assert row["nucleus_lab_a_skewness"] == pytest.approx(-9.8494, rel=1e-3)
    assert np.isnan(row["nucleus_rgb_r_skewness"])


def test_hues_that_cancel_have_no_mean(measure):
    image = np.empty((*MASK.shape, 3), np.uint8)
    image[:, ::2], image[:, 1::2] = (200, 100, 130), (50, 100, 85)  # opposite, but the mean colour has the first's
    row = measure(image)
    assert row[["nucleus_hsv_h_mean", "nucleus_hsv_h_std"]].isna().all()


def test_one_pair_of_levels_has_no_entropy(measure):
    row = measure(np.full((*MASK.shape, 3), 90, np.uint8))
    assert row["nucleus_glcm_entropy_mean"] == 0
    assert row["nucleus_glcm_entropy_range"] == 0
    assert row[["nucleus_glcm_correlation_mean", "nucleus_glcm_correlation_range"]].isna().all()

"""Numbers of pyradiomics 3.0.1 on the picture (force2D, distance 1, symmetrical), and its documentation's example."""

import numpy as np
import pytest

from leukobench.features.parts.texture import cooccurrence

GLCM = {  # of grey >> 3 with binWidth=1; levels are counted from the least one there, 8, as 1
    "contrast": 6.043075228107474,
    "dissimilarity": 1.963585516699293,  # DifferenceAverage
    "homogeneity": 0.3714015530738482,  # Idm
    "ASM": 0.008126698883418227,  # JointEnergy
    "entropy": 7.2408922509522835 * np.log(2),  # JointEntropy, there in bits
    "mean": 11.160828861043306 + 7,  # JointAverage
    "variance": 16.922462529556654,  # SumSquares
    "correlation": 0.8214691036857031,
}
EXAMPLE = np.array([[1, 2, 5, 2, 3], [3, 2, 1, 3, 1], [1, 3, 5, 5, 2], [1, 1, 1, 1, 2], [1, 2, 4, 3, 5]])
EXAMPLE_GLCM = [[6, 4, 3, 0, 0], [4, 0, 2, 1, 3], [3, 2, 0, 1, 2], [0, 1, 1, 0, 0], [0, 3, 2, 0, 2]]


def test_glcm_of_the_documentation():
    """https://pyradiomics.readthedocs.io/en/latest/features.html, radiomics.glcm: horizontal neighbours."""
    np.testing.assert_array_equal(cooccurrence(EXAMPLE, EXAMPLE > 0, (0, 1))[1:6, 1:6], EXAMPLE_GLCM)


def test_glcm(picture, measure):
    row = measure(*picture)
    for name, value in GLCM.items():
        assert row[f"glcm_{name}_mean"] == pytest.approx(value, rel=1e-9), name


def test_first_order(picture, measure):
    row = measure(*picture)
    assert row["rgb_r_mean"] * 255 == pytest.approx(148.70985603543744, rel=1e-6)
    assert (row["rgb_r_std"] * 255) ** 2 == pytest.approx(1066.2513646525854, rel=1e-6)
    assert row["rgb_r_skewness"] == pytest.approx(-0.05855102433809345, rel=1e-4)
    assert row["rgb_r_kurtosis"] == pytest.approx(2.4089252840966617 - 3, rel=1e-5)  # here the excess


def test_shape(picture, measure):
    row = measure(*picture)
    assert row["area"] == 1806  # PixelSurface
    assert row["axis_major_length"] == pytest.approx(55.696321329437836, rel=1e-9)
    assert row["axis_minor_length"] == pytest.approx(41.529010466727826, rel=1e-9)
    assert row["axis_ratio"] == pytest.approx(0.7456329157017055, rel=1e-9)  # Elongation


def test_outlines_are_others(picture, measure):
    """Its outline runs half a pixel inside the corners, cut short at them; its perimeter is that polygon's length."""
    row = measure(*picture)
    assert 0 < row["feret_diameter_max"] - 56.72741841473134 < np.sqrt(2)  # MaximumDiameter
    assert row["perimeter_crofton"] == pytest.approx(161.7817459305205, rel=0.06)

"""The digital phantom of the Image Biomarker Standardisation Initiative, and what its teams agreed on.

Phantom: Zwanenburg et al. 2016, arXiv:1612.07003, chapter "Benchmark data sets". Values: intensity-based statistics
and grey level co-occurrence matrix "2D, averaged", both of very strong consensus; matrices "2D, merged" of each slice
from its annex of texture matrices. Run lengths, size zones and volumes are no features here.
"""

import numpy as np
import pytest

from leukobench.features.parts.texture import OFFSETS, cooccurrence

OUT = 0
SLICES = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [OUT, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, OUT, OUT], [1, 1, 1, 1, 1], [1, 1, OUT, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, OUT, OUT], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ]
)
MERGED = [
    {(1, 1): 22, (1, 4): 17, (1, 6): 6, (4, 4): 16, (4, 6): 11, (6, 6): 4},
    {(1, 1): 42, (1, 3): 5, (1, 4): 8, (1, 6): 8, (3, 4): 1, (3, 6): 2, (4, 4): 4, (4, 6): 3},
    {(1, 1): 56, (1, 4): 7, (1, 6): 4, (4, 4): 2},
    {(1, 1): 70, (1, 4): 7, (1, 6): 5, (4, 4): 2},
]
GLCM = {
    "mean": 2.14,  # joint average
    "variance": 2.69,  # joint variance
    "entropy": 2.05 * np.log(2),  # joint entropy, there in bits
    "dissimilarity": 1.42,
    "contrast": 5.28,
    "homogeneity": 0.619,  # inverse difference moment
    "ASM": 0.368,  # angular second moment
    "correlation": -0.0121,
}
GREY = 8
"""A grey level of the matrix is eight grey values wide."""


@pytest.mark.parametrize("k", range(4))
def test_matrices(k):
    found = sum(cooccurrence(SLICES[k], SLICES[k] != OUT, offset) for offset in OFFSETS)
    expected = np.zeros_like(found)
    for (i, j), n in MERGED[k].items():
        expected[i, j] = expected[j, i] = n
    np.testing.assert_array_equal(found, expected)


def test_properties_of_the_matrices(measure):
    rows = [measure(GREY * values, values != OUT) for values in SLICES]
    for name, value in GLCM.items():
        assert np.mean([row[f"glcm_{name}_mean"] for row in rows]) == pytest.approx(value, rel=4e-3), name


def test_intensity_statistics(measure):
    values = SLICES.reshape(16, 5)
    row = measure(GREY * values, values != OUT)
    assert row["rgb_r_mean"] * 255 / GREY == pytest.approx(2.15, abs=5e-3)
    assert (row["rgb_r_std"] * 255 / GREY) ** 2 == pytest.approx(3.05, abs=5e-3)
    assert row["rgb_r_skewness"] == pytest.approx(1.08, abs=5e-3)
    assert row["rgb_r_kurtosis"] == pytest.approx(-0.355, abs=5e-4)

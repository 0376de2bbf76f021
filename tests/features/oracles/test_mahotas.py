"""Numbers of mahotas 1.4.19 (`features.haralick`, `zernike_moments`, `ellipse_axes`, `eccentricity`) on the picture."""

import numpy as np
import pytest

from leukobench.features.tables import ZERNIKE

HARALICK = {  # of grey >> 3 with zeros outside, ignore_zeros=True: mean and range over the four directions
    "ASM": (8.12669888e-03, 1.00664350e-03),
    "contrast": (6.04307523, 1.53089908),
    "correlation": (8.21469104e-01, 4.43487497e-02),
    "variance": (1.69224625e01, 1.14354021e-01),
    "homogeneity": (3.71401553e-01, 3.99617458e-02),
    "entropy": (7.24089225 * np.log(2), 1.81134278e-01 * np.log(2)),  # there in bits
}
RADIUS = 29.43949295621648
"""Of the disc about the centroid that holds all corners, which mahotas is given."""
ZERNIKE_MOMENTS = [
    3.18309886e-01, 2.90154853e-01, 9.48544271e-02, 1.57975375e-02, 3.66725478e-02, 1.16647287e-01, 2.95650969e-02,
    3.45585811e-02, 1.70305871e-02, 1.76794987e-02, 2.86537243e-02, 6.96515212e-02, 9.89061435e-02, 1.23234811e-02,
    1.42237977e-02, 1.76325432e-02, 1.96563704e-02, 7.86297897e-03, 2.27091079e-02, 5.53988855e-02, 2.04658135e-02,
    4.77553217e-02, 8.26314038e-03, 2.28160364e-03,
]  # fmt: skip


def test_haralick(picture, measure):
    row = measure(*picture)
    for name, (mean, over) in HARALICK.items():
        assert row[f"glcm_{name}_mean"] == pytest.approx(mean, rel=1e-7), name
        assert row[f"glcm_{name}_range"] == pytest.approx(over, rel=1e-6), name


def test_zernike(picture, measure):
    """There values at pixel centres add up and are divided by their sum; here pixels are squares and not divided."""
    row = measure(*picture)
    share = picture[1].sum() / RADIUS**2
    found = [row[f"zernike_{n}_{m}"] for n, m in ZERNIKE]
    np.testing.assert_allclose(found, np.array(ZERNIKE_MOMENTS) * share, atol=3e-3)
    assert found[0] == pytest.approx(share / np.pi, rel=1e-12)


def test_ellipse(picture, measure):
    row = measure(*picture)
    assert row["axis_major_length"] == pytest.approx(2 * 27.848160664718918, rel=1e-9)  # there half axes
    assert row["axis_minor_length"] == pytest.approx(2 * 20.764505233363913, rel=1e-9)
    assert row["eccentricity"] == pytest.approx(0.6663569276462677, rel=1e-9)

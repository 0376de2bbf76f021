"""Zernike moments, granules and Gabor energies: independent formulas and pictures whose answer is known."""

from math import factorial

import numpy as np
import pytest

from leukobench.features import extract_features
from leukobench.features.tables import GABOR_WAVELENGTHS, GRANULE_SIDES, GRID, ZERNIKE


def measure(grey, mask):
    """Extended features of a grey picture."""
    image = np.repeat(np.asarray(grey)[..., None], 3, 2).astype(np.uint8)
    return extract_features([image], [mask], device="cpu", feature_set="extended").iloc[0]


def zernike_by_quadrature(region, n, m):
    """|Z_nm| from its definition in polar coordinates, by Gauss's rule: exact for polynomials of this degree."""
    nodes, weights = np.polynomial.legendre.leggauss(5)
    rows, columns = np.nonzero(region)
    y = (rows - rows.mean())[:, None, None] + nodes[:, None] / 2
    x = (columns - columns.mean())[:, None, None] + nodes / 2
    corners_y, corners_x = abs(rows - rows.mean()) + 0.5, abs(columns - columns.mean()) + 0.5
    radius = np.sqrt((corners_y**2 + corners_x**2).max())
    r, angle = np.hypot(y, x) / radius, np.arctan2(y, x)
    radial = sum(
        (-1) ** s * factorial(n - s) * r ** (n - 2 * s)
        / (factorial(s) * factorial((n + m) // 2 - s) * factorial((n - m) // 2 - s))
        for s in range((n - m) // 2 + 1)
    )  # fmt: skip
    integral = (radial * np.exp(-1j * m * angle) * np.outer(weights, weights) / 4).sum() / radius**2
    return (n + 1) / np.pi * abs(integral)


@pytest.mark.parametrize("name", ["nucleus", "cell"])
def test_zernike_equals_its_definition(cell, name):
    image, mask = cell
    row = extract_features([image], [mask], device="cpu", feature_set="extended").iloc[0]
    region = mask == 2 if name == "nucleus" else mask > 0
    expected = [zernike_by_quadrature(region, n, m) for n, m in ZERNIKE]
    np.testing.assert_allclose([row[f"{name}_zernike_{n}_{m}"] for n, m in ZERNIKE], expected, rtol=1e-9, atol=1e-12)


def test_zernike_of_a_disc_is_one_and_then_nothing():
    y, x = np.mgrid[-100:101, -100:101]
    mask = np.where(np.hypot(y, x) <= 100, 2, 0).astype(np.uint8)
    row = measure(np.full(mask.shape, 90), mask)
    assert row["nucleus_zernike_0_0"] == pytest.approx(1, abs=0.02)
    for n, m in ZERNIKE[1:]:  # the outermost hundredth of the disc is jagged
        assert row[f"nucleus_zernike_{n}_{m}"] < 0.015 * (n + 1)


def test_zernike_hardly_changes_with_any_turn():
    y, x = np.mgrid[-80:81, -80:81]
    values = []
    for angle in (0.0, 0.3, 0.7):
        u, v = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
        mask = np.where((u / 70) ** 2 + (v / 40) ** 2 + 0.3 * (u / 70) ** 3 < 0.8, 2, 0).astype(np.uint8)
        row = measure(np.full(mask.shape, 90), mask)
        values.append([row[f"nucleus_zernike_{n}_{m}"] for n, m in ZERNIKE])
    assert np.ptp(values, axis=0).max() < 0.02
    assert np.max(values[0][1:]) > 0.5


@pytest.mark.parametrize("polarity", ["bright", "dark"])
@pytest.mark.parametrize("side", GRANULE_SIDES)
def test_granules_appear_at_their_size(side, polarity):
    grey = np.full((GRID, GRID), 120)
    for y in (2, 17, 32):
        for x in (3, 16, 30):
            grey[y : y + side - 1, x : x + side - 1] = 160 if polarity == "bright" else 80
    row = measure(grey, np.full(grey.shape, 2, np.uint8))
    found = {k: row[f"nucleus_granules_{polarity}_{k}"] for k in GRANULE_SIDES}
    assert found.pop(side) == pytest.approx(40 * 9 * (side - 1) ** 2 / GRID**2 / grey.std(), rel=1e-5)
    assert max(found.values()) < 1e-6


def test_granules_do_not_see_the_edge_of_the_region():
    grey, mask = np.full((GRID, GRID), 200), np.ones((GRID, GRID), np.uint8)
    mask[10:30, 12:40] = 2
    grey[mask == 2] = 60
    grey[18:20, 20:22] = 90  # all there is in the nucleus
    row = measure(grey, mask)
    assert row["nucleus_granules_bright_3"] > 0
    assert row[[f"nucleus_granules_dark_{k}" for k in GRANULE_SIDES]].abs().max() < 1e-6
    assert row.filter(like="cytoplasm_granules").isna().all()


@pytest.mark.parametrize("wavelength", GABOR_WAVELENGTHS)
@pytest.mark.parametrize("turns", [0, 1])
def test_a_grating_passes_the_filter_of_its_wavelength(wavelength, turns):
    grey = np.tile(128 + 100 * np.cos(2 * np.pi * (np.arange(GRID) + 0.5) / wavelength), (GRID, 1))
    row = measure(np.rot90(grey, turns), np.full(grey.shape, 2, np.uint8))
    for other in GABOR_WAVELENGTHS:
        assert row[f"nucleus_gabor_{other}_range"] == pytest.approx(float(other == wavelength), abs=0.05)
        assert row[f"nucleus_gabor_{other}_mean"] == pytest.approx(float(other == wavelength) / 4, abs=0.05)


def test_grid_sees_a_cell_of_another_pixel_size_alike():
    y, x = np.mgrid[:240, :240] / 240
    mask = np.where(np.hypot(y - 0.5, x - 0.5) < 0.45, 1, 0) + (np.hypot(y - 0.45, x - 0.5) < 0.25)
    grey = 120 + 40 * np.sin(40 * x) * np.cos(32 * y)
    fine, coarse = (
        measure(grey, mask.astype(np.uint8)),
        measure(grey.reshape(120, 2, 120, 2).mean((1, 3)), mask[::2, ::2].astype(np.uint8)),
    )
    columns = [name for name in fine.index if "_granules_" in name or "_gabor_" in name]
    np.testing.assert_allclose(coarse[columns], fine[columns], rtol=0.15, atol=0.01)

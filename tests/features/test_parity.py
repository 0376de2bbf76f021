"""The same numbers from every backend; those of others are in `oracles`."""

import numpy as np
import pytest

from leukobench.features import extract_features, feature_names, features_of
from leukobench.features.backends import get_backend
from leukobench.features.parts.distance import PART as DISTANCE

COUNTED = [f.name for f in features_of("extended") if "_lbp_" in f.name or f.name.endswith("_euler_number")]
COUNTED += [
    "nucleus_area",
    "cell_area",
    "cytoplasm_area",
    "nucleus_components",
    "nucleus_lobes",
    "nucleus_area_bbox",
    "cell_area_bbox",
]


def test_drawn_cells(drawn_cells, difference):
    reference = extract_features(*drawn_cells, device="reference", feature_set="extended")
    assert difference(extract_features(*drawn_cells, device="cpu", feature_set="extended"), reference) < 1e-4


@pytest.mark.parametrize("shape", [(420, 420), (355, 356), (357, 359), (30, 900), (900, 30)])
def test_depths_of_large_and_long_cells(shape):
    """Up to 178 pixels squares are held in 16 bits, beyond that in 32."""
    y, x = (2 * np.arange(n) / (n - 1) - 1 for n in shape)
    mask = (abs(y[:, None]) ** 6 + abs(x) ** 6 <= 1.0).astype(np.uint8)
    mask[: shape[0] // 3] *= 2
    mask[shape[0] // 5, shape[1] // 4] = 0
    cells = [np.zeros((*shape, 3), np.uint8)], [mask], [DISTANCE]
    (values,), (reference,) = (np.concatenate([*get_backend(device)(*cells)]) for device in ("cpu", "reference"))
    np.testing.assert_allclose(values, reference, rtol=1e-9)


@pytest.mark.real
def test_real_cells(real_cells, difference):
    some = [part[::3] for part in real_cells]
    values = extract_features(*some, device="cpu", feature_set="extended")
    reference = extract_features(*some, device="reference", feature_set="extended")
    assert len(values) == 134
    assert difference(values, reference) < 1e-4
    np.testing.assert_array_equal(values[COUNTED], reference[COUNTED])
    glcm = [name for name in feature_names() if "_glcm_" in name]
    np.testing.assert_allclose(values[glcm], reference[glcm], rtol=1e-9, atol=1e-12)


@pytest.mark.real
@pytest.mark.parametrize("feature_set", ["background", "tavakoli2021"])
def test_other_sets_on_real_cells(real_cells, difference, feature_set):
    some = [part[::10] for part in real_cells]
    reference = extract_features(*some, device="reference", feature_set=feature_set)
    assert difference(extract_features(*some, device="cpu", feature_set=feature_set), reference) < 1e-4

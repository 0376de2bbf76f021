"""A picture from a formula, so that others can be run on the same numbers; what is measured on grey pictures."""

import numpy as np
import pytest

from leukobench.features import extract_features


@pytest.fixture(scope="session")
def picture():
    """(grey of shape (64, 56), region): a wavy texture over grey levels 68 to 225, and an egg of 1806 pixels."""
    y, x = np.mgrid[:64, :56]
    grey = (128 + 60 * np.sin(x / 3) * np.cos(y / 5) + (7 * x * x + 11 * x * y + 5 * y) % 41).astype(np.uint8)
    u, v = (y - 31) / 26, (x - 27) / 22
    return grey, u * u + v * v + 0.5 * u * v + 0.35 * v**3 < 0.9


@pytest.fixture(scope="session", params=["cpu", "reference"])
def measure(request):
    """Function (grey, region) -> features of the region as a nucleus without its prefix, on each backend."""

    def compute(grey, region):
        image, mask = np.repeat(np.asarray(grey, np.uint8)[..., None], 3, 2), np.where(region, 2, 0).astype(np.uint8)
        row = extract_features([image], [mask], device=request.param, feature_set="extended").iloc[0]
        return {name.removeprefix("nucleus_"): value for name, value in row.items() if name.startswith("nucleus_")}

    return compute

"""Real cells with expert masks, and small drawn ones."""

import numpy as np
import pytest


def draw_cell(seed=0, height=60, width=52):
    """A two-lobed cell of noisy colours, with its mask."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    u, v = (y - height * 0.5) / height, (x - width * 0.48) / width
    mask = (u**2 + v**2 + 0.4 * u * v**2 + 0.3 * v**3 < 0.15).astype(np.uint8)
    mask[((u + 0.1) ** 2 + (v - 0.08) ** 2 < 0.02) | ((u - 0.12) ** 2 + (v + 0.1) ** 2 < 0.025)] = 2
    colour = np.array([(235, 225, 215), (205, 160, 190), (95, 45, 130)])[mask]
    return np.clip(colour + rng.normal(0, 12, colour.shape), 0, 255).astype(np.uint8), mask


def worst_difference(values, reference):
    """Largest difference over columns, relative to the value or, near zero, to the column's typical size."""
    values, reference = np.asarray(values, float), np.asarray(reference, float)
    assert np.array_equal(np.isnan(values), np.isnan(reference))
    size = np.maximum(abs(reference), np.nanmedian(abs(reference), axis=0))
    return np.nanmax(abs(values - reference) / np.where(size > 0, size, 1))


@pytest.fixture(scope="session")
def difference():
    """The function :func:`worst_difference`."""
    return worst_difference


@pytest.fixture(scope="session")
def agree():
    """Function (values, reference) that asserts equal numbers up to rounding, and the same ones missing."""

    def compare(values, reference):
        names = list(reference.columns)
        missing = [(k, names[c]) for k, c in np.argwhere(np.isnan(np.asarray(values)) != reference.isna().to_numpy())]
        assert missing == []
        size = np.where(["_lab_" in name for name in names], 100, 1)  # the range of the channel
        np.testing.assert_allclose(values / size, reference / size, rtol=1e-4, atol=2e-5)

    return compare


@pytest.fixture(scope="session")
def drawn_cells():
    """Twelve drawn cells of different sizes: (images, masks)."""
    return tuple(zip(*(draw_cell(seed, 40 + 9 * seed, 37 + 5 * seed) for seed in range(12)), strict=True))


@pytest.fixture
def cell():
    """(image, mask) of a drawn cell."""
    return draw_cell()


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


NOISE = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
PLAIN = {
    "noise": NOISE,
    "grey_noise": NOISE[..., :1],
    "opposite_hues": np.array([(200, 100, 130), (50, 100, 85)])[np.indices((SIZE, SIZE))[1] % 2],
    "constant": (120, 60, 150),
    "grey": 90,
    "black": 0,
    "white": 255,
}


def plain_image(kind):
    """Noise in colour or grey, columns of two opposite hues in turn, or one colour."""
    return np.broadcast_to(np.asarray(PLAIN[kind], np.uint8), (SIZE, SIZE, 3))


@pytest.fixture(params=PLAIN)
def kind(request):
    """Each kind of plain image in turn."""
    return request.param


@pytest.fixture(scope="session")
def degenerate():
    """Function (kind of image) -> (images, masks, names of the masks)."""
    return lambda kind: ([plain_image(kind)] * len(MASKS), list(MASKS.values()), list(MASKS))

"""The smear around the cell: red cells, platelets, other leukocytes."""

import cv2
import numpy as np

from leukobench.datasets.phantom.cells import HAEMOGLOBIN, draw_leukocyte
from leukobench.datasets.phantom.kinds import CELLS

RED_CELL_RADIUS = 3.6  # um


def draw_in_domain(rng, code, domain):
    """Draw a leukocyte as it lies on a domain's smears."""
    return draw_leukocyte(rng, code, domain.um_per_px, domain.cell_scale, domain.unusual, domain.granularity)


def overlap(size, centre, patch):
    """Slices of the picture, and of a patch laid on it around `centre` (row, column), where the two meet."""
    start = np.round(centre).astype(int) - np.array(patch) // 2
    low = np.maximum(start, 0)
    high = np.maximum(np.minimum(start + patch, size), low)
    picture = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return picture, tuple(slice(a, b) for a, b in zip(low - start, high - start, strict=True))


def add_red_cells(rng, stain, domain, centre, radius_um):
    """Strew red cells over the smear; up to four lean on the leukocyte, which hides what lies under it."""
    layer, size = stain[..., HAEMOGLOBIN], np.array(domain.size)
    turn = rng.uniform(0, 2 * np.pi, rng.integers(0, 5))
    reach = (radius_um + RED_CELL_RADIUS * rng.uniform(0.75, 1.05, len(turn))) / domain.um_per_px
    touching = centre + reach[:, None] * np.stack([np.sin(turn), np.cos(turn)], 1)
    count = rng.poisson(domain.red_cells * size.prod() * domain.um_per_px**2 / 1000)
    strewn = rng.uniform(-0.08, 1.08, (count, 2)) * size
    strewn = strewn[np.hypot(*(strewn - centre).T) * domain.um_per_px > radius_um + 0.8 * RED_CELL_RADIUS]
    pallor, width = rng.uniform(0.25, 0.75), rng.uniform(0.38, 0.55)
    apart = RED_CELL_RADIUS / domain.um_per_px * rng.choice([1.2, 1.95], p=[0.2, 0.8])
    placed = np.empty((0, 2))
    for place in np.vstack([touching, strewn]):
        if (np.hypot(*(placed - place).T) < apart).any():
            continue
        placed = np.vstack([placed, place])
        disc = _red_cell(rng, domain, pallor, width)
        where, part = overlap(domain.size, place, disc.shape)
        under, over = layer[where], disc[part]
        layer[where] = np.maximum(under, over) + 0.5 * np.minimum(under, over)


def _red_cell(rng, domain, pallor, width):
    """Give one red cell: a disc, a little oval and dented, paler in the middle."""
    radius = RED_CELL_RADIUS * np.exp(rng.normal(0, 0.06)) / domain.um_per_px
    half = int(1.3 * radius) + 1
    axis = np.arange(-half, half + 1, dtype=np.float32) / np.float32(radius)
    x, y = axis[None, :], axis[:, None]
    oval, tilt, skew_x, skew_y = rng.normal(0, [0.10, 0.10, 0.05, 0.05]).astype(np.float32)
    bent = (x * x + y * y) * (1 + skew_x * x + skew_y * y) + oval * (x * x - y * y) + 2 * tilt * x * y
    bent = np.maximum(bent, 0)
    edge = np.clip((1 - np.sqrt(bent)) * (0.6 * radius) + 0.5, 0, 1)  # thins out over a pixel or two
    depth = np.float32(np.clip(pallor + rng.normal(0, 0.10), 0.0, 0.9))
    hollow = bent / np.float32(width * np.exp(rng.normal(0, 0.12))) ** 2
    return edge * (1 - depth * np.exp(-hollow * np.sqrt(hollow))) * np.float32(np.exp(rng.normal(0, 0.08)))


def add_platelets(rng, stain, domain):
    """Strew a few platelets: small, lilac, grainy."""
    for _ in range(rng.poisson(0.8)):
        radius = rng.uniform(0.7, 1.4) / domain.um_per_px
        half = int(1.4 * radius) + 1
        axis = np.arange(-half, half + 1, dtype=np.float32) / np.float32(radius)
        square = axis[None, :] ** 2 * rng.uniform(0.7, 1.4) + axis[:, None] ** 2
        grain = cv2.GaussianBlur(rng.standard_normal(square.shape, dtype=np.float32), (0, 0), 0.12 * radius)
        body = np.clip((1 - square) * radius / 2, 0, 1) * np.clip(0.5 + 0.25 * grain / grain.std(), 0.1, 1.3)
        where, part = overlap(domain.size, rng.uniform(0, 1, 2) * domain.size, square.shape)
        stain[where] += body[part][..., None] * np.array([0.5, 0.5, 0.0], np.float32)


def add_neighbour(rng, stain, domain, centre, radius_um):
    """Lay a second leukocyte at the side, mostly out of the picture."""
    other = draw_in_domain(rng, str(rng.choice(list(CELLS))), domain)
    turn = rng.uniform(0, 2 * np.pi)
    reach = (radius_um + other.diameter / 2 * rng.uniform(1.1, 1.5)) / domain.um_per_px
    reach = max(reach, 0.48 * min(domain.size))
    where, part = overlap(domain.size, centre + reach * np.array([np.sin(turn), np.cos(turn)]), other.mask.shape)
    stain[where] = stain[where] * (1 - other.coverage[part])[..., None] + other.stain[part]

"""Magnitudes of the Zernike moments of nucleus and cell."""

import numpy as np

from leukobench.features.part import FeaturePart, features_from
from leukobench.features.parts.shape import SHAPE_FREE
from leukobench.features.tables import ZERNIKE, ZERNIKE_ORDER, ZERNIKE_XY

ZERNIKE_MAGNITUDES = tuple(
    (f"zernike_{n}_{m}", "1", SHAPE_FREE, f"|Z_{n}{m}| of the region in its disc about the centroid", "Zernike 1934")
    for n, m in ZERNIKE
)


def zernike_part(image, mask):
    """Magnitudes of the Zernike moments of nucleus and cell."""
    row = {}
    for name, region in (("nucleus", mask == 2), ("cell", mask > 0)):
        if region.any():
            magnitudes = zernike_magnitudes(region)
            row |= {f"{name}_zernike_{n}_{m}": v for (n, m), v in zip(ZERNIKE, magnitudes, strict=True)}
    return row


def zernike_magnitudes(region):
    """|Z_nm| of the pixel squares, integrated exactly, in the disc about the centroid that just holds them."""
    y, x = np.nonzero(region)
    v, u = y - y.mean(), x - x.mean()
    radius = np.hypot(abs(v) + 0.5, abs(u) + 0.5).max()
    p = np.arange(1, ZERNIKE_ORDER + 2)[:, None]
    down = (((v + 0.5) / radius) ** p - ((v - 0.5) / radius) ** p) / p
    across = (((u + 0.5) / radius) ** p - ((u - 0.5) / radius) ** p) / p
    moments = across @ down.T
    return abs((ZERNIKE_XY * moments).sum((1, 2))) / np.pi


PART = FeaturePart(
    "zernike",
    features_from(ZERNIKE_MAGNITUDES, "nucleus", "cell", group="morphology"),
    zernike_part,
    sets=("extended",),
    version="1",
    numba="leukobench.features.backends.cpu.zernike:zernike_part",
    cuda="zernike.cu",
)

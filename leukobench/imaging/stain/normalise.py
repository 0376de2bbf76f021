"""Normalisers of stain and light: pure functions from one picture to one picture.

None looks at another picture. What Reinhard and Macenko move a picture to is a constant of this module, measured on
drawn phantom cells (`leukobench.datasets.phantom`, domain "barcelona", 10 cells of each of NE, EO, BA, LY and MO, seeds
0 to 49; `tests/imaging/test_stain.py` measures it again), so no dataset takes part in it.
"""

import cv2
import numpy as np

from leukobench.errors import unknown
from leukobench.imaging.stain.background import WHITE, background_colour, stride, to_bytes

REFERENCE_LAB_MEAN = np.array([212.1, 136.0, 136.7])
REFERENCE_LAB_STD = np.array([38.2, 9.1, 13.4])
"""Over all pixels, in OpenCV's coding of CIELAB in bytes."""
REFERENCE_STAINS = np.array([[0.516, 0.840, 0.164], [0.455, 0.692, 0.561]])
"""Median of the stain vectors that `stain_vectors` finds: optical density in red, green and blue."""
REFERENCE_CONCENTRATIONS = np.array([2.04, 0.54])
"""Median of the 99th percentiles of their concentrations."""

DENSE = 0.15  # optical density (natural logarithm) below which a pixel is unstained (Macenko 2009)
EXTREME = 1.0  # per cent of angles beyond which a pixel is an outlier (Macenko 2009)
LEAST_SPREAD = 1.0  # grey values of a channel in Lab: cells have 7 and more, a grey picture with noise of one 0.6
LEAST_MEAN = 1.0  # grey values of a channel that a picture's light can be told from
LEAST_DENSE = 50  # pixels that stain vectors can be told from
LEAST_ANGLE = 0.05  # radians between two stain vectors


def none(image, mask=None):
    """Leave the picture as it is."""
    return image


def grey_world(image, mask=None):
    """Scale each channel so that the picture's mean is grey (Buchsbaum 1980).

    The mean depends on how much of the picture the cell takes, so what this corrects depends on the cell type.

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3)
        RGB.
    mask : ignored
        There for the common signature.

    Returns
    -------
    uint8 array, shape (H, W, 3)
        The picture as it was where a channel is as good as empty.
    """
    means = np.array(cv2.mean(image)[:3])
    return _scaled(image, means.mean() / means) if means.min() >= LEAST_MEAN else image.copy()


def white_balance(image, mask=None):
    """Scale each channel so that the empty glass is white.

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3)
        RGB.
    mask : array, shape (H, W), or None, default=None
        Label mask; the cell is then left out for certain.

    Returns
    -------
    uint8 array, shape (H, W, 3)
        The picture as it was where no glass shows.

    Examples
    --------
    >>> white_balance(np.full((8, 8, 3), (240, 220, 200), np.uint8))[0, 0].tolist()
    [255, 255, 255]
    """
    return _scaled(image, WHITE / background_colour(image, mask))


def reinhard(image, mask=None):
    """Move mean and standard deviation of L, a and b to the reference's (Reinhard 2001, in CIELAB).

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3)
        RGB.
    mask : ignored
        There for the common signature.

    Returns
    -------
    uint8 array, shape (H, W, 3)
        The picture as it was where a channel has no spread but that of rounding, as in a grey picture.
    """
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    mean, std = (moment.ravel() for moment in cv2.meanStdDev(lab))
    if (std < LEAST_SPREAD).any():
        return image.copy()
    values = (np.arange(256)[:, None] - mean) * (REFERENCE_LAB_STD / std) + REFERENCE_LAB_MEAN
    return cv2.cvtColor(cv2.LUT(lab, _table(values)), cv2.COLOR_LAB2RGB)


def macenko(image, mask=None):
    """Move two stains, told from the picture itself, to the reference's (Macenko 2009).

    Optical density is measured against the picture's own glass, and the glass becomes white. What is neither of the two
    stains is lost, and no concentration is negative.

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3)
        RGB.
    mask : array, shape (H, W), or None, default=None
        Label mask, for `background_colour`.

    Returns
    -------
    uint8 array, shape (H, W, 3)
        The picture as it was where two stains cannot be told apart.
    """
    tables = np.log((background_colour(image, mask) + 1) / (np.arange(256)[:, None] + 1))
    step = stride(image)
    pixels = image[::step, ::step].reshape(-1, 3)
    density = np.column_stack([tables[pixels[:, channel], channel] for channel in range(3)])
    found = stain_vectors(density)
    if found is None:
        return image.copy()
    stains, concentrations = found
    unmix = np.linalg.pinv(stains.T) * (REFERENCE_CONCENTRATIONS / concentrations)[:, None]
    density = cv2.transform(cv2.LUT(image, tables.astype(np.float32)[None]), unmix.astype(np.float32))
    density = cv2.transform(cv2.max(density, 0), -REFERENCE_STAINS.T.astype(np.float32))
    return to_bytes(cv2.exp(density, density) * np.float32(WHITE + 1) - 1)


def stain_vectors(density):
    """Tell two stains from optical densities.

    Parameters
    ----------
    density : float array, shape (n, 3)
        Optical density of each pixel in red, green and blue.

    Returns
    -------
    stains : float array, shape (2, 3)
        Directions of length 1; the one that takes more red than blue (azure) first.
    concentrations : float array, shape (2,)
        99th percentiles over the stained pixels.
        None in place of both where two stains cannot be told apart.
    """
    dense = density[density.min(1) >= DENSE]
    if len(dense) < LEAST_DENSE:
        return None
    plane = np.linalg.svd(dense.T @ dense)[0][:, :2]
    plane = plane * np.where(plane.sum(0) < 0, -1, 1)
    across, along = (dense @ plane).T[::-1]
    angles = np.percentile(np.arctan2(across, along), (EXTREME, 100 - EXTREME))
    stains = np.stack([np.cos(angles), np.sin(angles)], 1) @ plane.T
    if np.ptp(angles) < LEAST_ANGLE or (stains < -0.3).any():
        return None
    stains = stains[np.argsort(stains[:, 2] - stains[:, 0])]
    concentrations = np.percentile(dense @ np.linalg.pinv(stains), 99, axis=0)
    return (stains, concentrations) if (concentrations > DENSE / 2).all() else None


STAIN_NORMALISERS = {
    "none": none,
    "grey_world": grey_world,
    "white_balance": white_balance,
    "reinhard": reinhard,
    "macenko": macenko,
}


def get_stain_normaliser(name):
    """Look up a normaliser.

    Parameters
    ----------
    name : str
        A key of `STAIN_NORMALISERS`.

    Returns
    -------
    callable
        From (image, mask=None) to an image of the same shape.

    Raises
    ------
    UsageError
        Where there is no such normaliser; the hint names the nearest one.
    """
    if name in STAIN_NORMALISERS:
        return STAIN_NORMALISERS[name]
    raise unknown("stain normaliser", name, STAIN_NORMALISERS)


def _scaled(image, gains):
    """Multiply each channel."""
    return cv2.LUT(image, _table(np.arange(256)[:, None] * gains))


def _table(values):
    """Values of shape (256, 3) as a look-up table of bytes."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)[None]

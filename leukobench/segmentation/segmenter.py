"""`segment`: images in, label masks out, one for one and never fewer."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from leukobench.errors import UsageError
from leukobench.segmentation.clustering import label_by_clustering

VERSION = "1"
WORKING_SIDE = 128  # px of the longer side that the cell is searched at
PLAUSIBLE_CELL = (0.01, 0.95)  # share of the image that a cell may fill
FALLBACK_AXES = (0.30, 0.18)  # of the fallback cell and nucleus, as shares of the image's sides


def segment(images, *, um_per_px=None, return_quality=False, n_jobs=1):
    """Label masks of the leukocytes in the middle of single-cell images.

    Parameters
    ----------
    images : sequence of uint8 arrays, shape (H, W, 3)
        RGB images; their sizes may differ.
    um_per_px : float, sequence of float or None, default=None
        Accepted for a uniform interface; this version needs no scale.
    return_quality : bool, default=False
        Also return how far each mask can be trusted.
    n_jobs : int, default=1
        Threads.

    Returns
    -------
    masks : list of uint8 arrays, shape (H, W)
        0 background, 1 cytoplasm, 2 nucleus. Where no cell is found the mask is a centred ellipse.
    quality : float array, shape (n,), only with `return_quality`
        0 (fallback) to 1.

    Raises
    ------
    UsageError
        Where an image is no RGB array of 8 bits.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.full((64, 64, 3), 230, np.uint8)
    >>> image[24:40, 24:40] = (90, 40, 130)
    >>> masks, quality = segment([image], return_quality=True)
    >>> bool(masks[0][32, 32] == 2), bool(masks[0][0, 0] == 0), bool(quality[0] > 0)
    (True, True, True)
    """
    images = list(images)
    for position, image in enumerate(images):
        _check(image, position)
    if n_jobs > 1 and len(images) > 1:
        with ThreadPoolExecutor(n_jobs) as pool:
            results = list(pool.map(_segment_one, images))
    else:
        results = [_segment_one(image) for image in images]
    masks = [mask for mask, _ in results]
    if return_quality:
        return masks, np.array([quality for _, quality in results], dtype=float)
    return masks


def _check(image, position):
    if not (isinstance(image, np.ndarray) and image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8):
        found = getattr(image, "shape", type(image).__name__)
        raise UsageError(f"image {position} is no RGB image: {found}", "give uint8 arrays of shape (height, width, 3)")


def _segment_one(image):
    height, width = image.shape[:2]
    scale = WORKING_SIDE / max(height, width, 1)
    if min(height, width) * scale < 16:
        return _fallback(height, width), 0.0
    small = cv2.resize(
        image,
        (round(width * scale), round(height * scale)),
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
    )
    labels = label_by_clustering(small)
    quality = _quality(labels)
    if quality == 0:
        return _fallback(height, width), 0.0
    # each level is enlarged as a smooth surface, so that edges are no staircase
    cell, nucleus = (
        cv2.resize((labels >= level).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
        for level in (1, 2)
    )
    return cell.astype(np.uint8) + (nucleus & cell), quality


def _quality(labels):
    """0 where the mask cannot be a cell, else 1 less the share of its outline on the image's border."""
    cell = labels > 0
    if not PLAUSIBLE_CELL[0] <= cell.mean() <= PLAUSIBLE_CELL[1] or not (labels == 2).any():
        return 0.0
    border = np.concatenate([cell[0], cell[-1], cell[:, 0], cell[:, -1]])
    return float(1 - border.mean())


def _fallback(height, width):
    mask = np.zeros((height, width), np.uint8)
    y, x = np.mgrid[:height, :width]
    for label, axis in enumerate(FALLBACK_AXES, start=1):
        inside = ((x + 0.5 - width / 2) / width) ** 2 + ((y + 0.5 - height / 2) / height) ** 2 <= axis**2
        mask[inside] = label
    if mask.size and not (mask == 2).any():
        mask[height // 2, width // 2] = 2
    return mask

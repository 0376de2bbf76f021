"""Look at each file once: what it holds, and whether it can be used."""

import hashlib

import cv2
import numpy as np

from leukobench.datasets.repeats import fine_structure
from leukobench.imaging.io import ImageError, decode_image, read_file

GREY_WEIGHTS = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601 luma
LUMINANCE_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])  # Rec. 709 primaries
GREY = np.arange(256) / 255
LINEAR = np.where(GREY <= 0.04045, GREY / 12.92, ((GREY + 0.055) / 1.055) ** 2.4)  # sRGB to linear, IEC 61966-2-1


def examine(path):
    """Read one file and say what it is.

    Parameters
    ----------
    path : Path
        An image file, or what claims to be one.

    Returns
    -------
    dict
        `sha256` of the bytes, `height`, `width`, `mean_brightness`, `mean_luminance`, `structure` (of
        `leukobench.datasets.repeats.fine_structure`), `status` and `reason`; what cannot be known is None.
    """
    facts = dict.fromkeys(("sha256", "height", "width", "mean_brightness", "mean_luminance", "structure"))
    try:
        data = read_file(path)
        facts["sha256"] = hashlib.sha256(data).hexdigest()
        image = decode_image(data)
    except ImageError as error:
        return facts | {"status": error.kind, "reason": error.reason}
    facts["height"], facts["width"] = image.shape[:2]
    facts["mean_brightness"], facts["mean_luminance"] = brightness(image)
    facts["structure"] = fine_structure(image)
    return facts | {"status": "ok", "reason": ""}


def brightness(image):
    """Measure how bright an image is.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Red, green and blue (sRGB).

    Returns
    -------
    mean_brightness : float
        Mean grey value, 0 to 1: the ITU-R BT.601 luma of the stored values.
    mean_luminance : float
        Mean relative luminance, 0 to 1: the Rec. 709 weighting of the values made linear as IEC 61966-2-1 says.

    Examples
    --------
    >>> brightness(np.full((2, 2, 3), 128, np.uint8))
    (0.50196..., 0.21586...)
    """
    counts = np.stack([cv2.calcHist([image], [c], None, [256], [0, 256]).ravel() for c in range(3)]).astype(float)
    share = counts / (image.shape[0] * image.shape[1])
    return float(GREY_WEIGHTS @ (share @ GREY)), float(LUMINANCE_WEIGHTS @ (share @ LINEAR))

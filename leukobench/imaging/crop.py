"""The middle of a picture, at a side that is asked for."""

import cv2
import numpy as np

from leukobench.imaging.stain.background import WHITE


def centre_crop(image, side, fill=WHITE):
    """Cut a square from the middle of a picture; what lies beyond its border is filled.

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3) or (H, W)
    side : int
        Of the square, in px.
    fill : float, array of shape (3,) or None, default 255.0
        Grey value or colour beyond the border; white is the empty glass of a picture whose white balance is right. None
        continues the picture by its mirror image.

    Returns
    -------
    uint8 array, shape (side, side, 3) or (side, side)

    Examples
    --------
    >>> centre_crop(np.zeros((4, 2), np.uint8), 4)[0].tolist()
    [255, 0, 0, 255]
    """
    height, width = image.shape[:2]
    top, left = (height - side) // 2, (width - side) // 2
    cut = image[max(top, 0) : max(top, 0) + side, max(left, 0) : max(left, 0) + side]
    above, before = max(-top, 0), max(-left, 0)
    below, behind = side - cut.shape[0] - above, side - cut.shape[1] - before
    how = cv2.BORDER_REFLECT if fill is None else cv2.BORDER_CONSTANT
    colour = np.broadcast_to(np.asarray(0 if fill is None else fill, float), 3).tolist()
    return cv2.copyMakeBorder(cut, above, below, before, behind, how, value=colour)

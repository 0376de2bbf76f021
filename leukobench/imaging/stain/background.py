"""The colour of the empty glass, which all optical density is measured against."""

import cv2
import numpy as np

SAMPLE = 9216  # pixels that are looked at, evenly over the picture
WINDOW = 4  # grey values to either side of the mode that still count as glass
LEAST_SHARE = 0.02  # of the pixels outside the cell that the mode must hold
LEAST_HEIGHT = 0.12  # of the highest mode: a brighter but rarer one is glare
LEAST_GREEN = 80  # grey value of the darkest glass
MOST_SATURATION = 0.60  # of glass, however yellow the lamp
WHITE = 255.0
SMOOTHING = cv2.getGaussianKernel(13, 2.0).ravel()  # over grey values


def background_colour(image, mask=None):
    """Colour of the empty glass.

    Every stain and haemoglobin absorb green, so glass is the brightest mode of the green values. Its colour is the
    median over the pixels of that mode.

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3)
        RGB.
    mask : array, shape (H, W), or None, default=None
        Label mask; what is not 0 is left out.

    Returns
    -------
    float array, shape (3,)
        Red, green and blue, 0 to 255. White, (255, 255, 255), where no glass shows: nothing outside the mask, or
        nothing that is bright and pale enough. White changes nothing in `white_balance`.

    Examples
    --------
    >>> image = np.full((64, 64, 3), (240, 220, 200), np.uint8)
    >>> image[20:40, 20:40] = (90, 40, 130)
    >>> background_colour(image).tolist()
    [240.0, 220.0, 200.0]
    """
    step = stride(image)
    red, green, blue = (np.ascontiguousarray(image[::step, ::step, channel]) for channel in range(3))
    outside = green.size
    high, low = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    pale = (high - low <= (MOST_SATURATION * high).astype(np.uint8)) & (green >= LEAST_GREEN)
    if mask is not None:
        free = mask[::step, ::step] == 0
        outside, pale = np.count_nonzero(free), pale & free
    mode = _brightest_mode(_counts(green, pale), LEAST_SHARE * outside)
    if mode is None:
        return np.full(3, WHITE)
    glass = pale & (green >= mode - WINDOW) & (green <= mode + WINDOW)
    return np.array([_median(_counts(channel, glass)) for channel in (red, green, blue)])


def stride(image):
    """Step over rows and columns that leaves about `SAMPLE` pixels."""
    return max(1, round(np.sqrt(image.shape[0] * image.shape[1] / SAMPLE)))


def to_bytes(values):
    """Round and clip float values, in place, to bytes."""
    return np.clip(np.rint(values, values), 0, 255, values).astype(np.uint8)


def _brightest_mode(counts, least):
    """Brightest grey value that is a mode of some height and holds at least some pixels; None if there is none."""
    if counts.sum() < max(least, 1):
        return None
    held = np.convolve(counts, np.ones(2 * WINDOW + 1), "same")
    smooth = np.convolve(counts, SMOOTHING, "same")
    around = np.concatenate(([0], smooth, [0]))
    peaks = (smooth >= around[:-2]) & (smooth > around[2:])
    firm = peaks & (smooth >= LEAST_HEIGHT * smooth.max()) & (held >= least)
    return int(np.flatnonzero(firm)[-1]) if firm.any() else None


def _counts(channel, where):
    """How often each grey value occurs under a mask."""
    return cv2.calcHist([channel], [0], where.view(np.uint8), [256], [0, 256]).ravel()


def _median(counts):
    """Lower median of bytes, from how often each occurs."""
    below = np.cumsum(counts)
    return float(np.searchsorted(below, below[-1] / 2))

"""Micrometres per pixel: what may be given as such, and what the red cells beside a leukocyte tell.

A red cell on a dried smear is about 7.2 um across, in health and within a few per cent, so whole, round,
single discs around the leukocyte are a ruler. Cells in clumps or cut off by the border are not measured.
"""

import cv2
import numpy as np

from leukobench.errors import UsageError

PIXEL_SIZES = (0.005, 50.0)  # um per px that a picture of a cell can have: one cell over 4,000 px, or a third of a px
RED_CELL_UM = 7.2
WORKING_SIDE = 256  # px of the longer side that discs are measured at
GLASS_PERCENTILE = 85  # lightness above which a pixel counts as plain glass
SIDES = (0.05, 0.45)  # how large a red cell may be, in sides of the image
FAINT = 0.04  # optical density below which a pixel counts as clear
ROUND = 0.93  # least share of its convex hull that a disc fills
LONG = 1.4  # most that a disc may be longer than wide
LEAST_OF_LEUKOCYTE = 0.3  # red cells are never smaller than this share of a leukocyte (22 um at most),
LEAST_OF_CHROMATIN = 0.4  # nor than this share of its chromatin (the diameter of a disc of equal area)
SPECK = 0.65  # a disc smaller than this share of the large ones is a platelet or speck
FIRM = 5  # this many discs of one size give full confidence
TIGHT = 0.15  # as does a spread (relative, median absolute deviation) well below this


def check_um_per_px(um_per_px, n):
    """Pixel sizes as one number per image.

    Parameters
    ----------
    um_per_px : float, sequence of float or None
        Micrometres per pixel, of all or of each image; None and NaN are unknown.
    n : int
        Number of images.

    Returns
    -------
    float array, shape (n,)
        NaN where unknown.

    Raises
    ------
    UsageError
        Where there are neither one nor n numbers, or one lies outside `PIXEL_SIZES`.

    Examples
    --------
    >>> check_um_per_px([0.1, None], 2).tolist(), check_um_per_px(0.2, 2).tolist()
    ([0.1, nan], [0.2, 0.2])
    """
    hint = "um_per_px is positive, in micrometres per pixel, such as 0.1; None or NaN where it is unknown"
    try:
        sizes = np.asarray(um_per_px, dtype=float)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{um_per_px!r} is no pixel size", hint) from error
    if sizes.shape not in {(), (n,)}:
        raise UsageError(f"{sizes.size} pixel sizes for {n} images", "give one number, or one per image")
    wrong = sizes[~(np.isnan(sizes) | ((sizes >= PIXEL_SIZES[0]) & (sizes <= PIXEL_SIZES[1])))]
    if wrong.size:
        low, high = PIXEL_SIZES
        raise UsageError(f"{wrong.flat[0]:g} is no pixel size of a cell's image, which is {low} to {high:g} um", hint)
    return np.broadcast_to(sizes, n).copy()


def estimate_um_per_px(image, mask=None):
    """Pixel size of one image, estimated from its red cells.

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3)
        RGB.
    mask : uint8 array, shape (H, W), or None, default=None
        Label mask of the leukocyte (`leukobench.segmentation.segment`), which is then left out for certain.
        Without it, everything that holds chromatin is left out.

    Returns
    -------
    um_per_px : float
        NaN where no red cell shows whole and single.
    confidence : float
        0 to 1: grows with the number of discs, falls with the spread of their sizes.

    Examples
    --------
    >>> import cv2, numpy as np
    >>> image = np.full((300, 300, 3), 235, np.uint8)
    >>> image = cv2.circle(image, (150, 150), 45, (90, 40, 130), -1)
    >>> for x, y in [(60, 60), (240, 70), (70, 230), (235, 240)]:
    ...     image = cv2.circle(image, (x, y), 36, (205, 150, 150), -1)
    >>> um_per_px, confidence = estimate_um_per_px(image)
    >>> round(um_per_px, 2), confidence > 0.5
    (0.1, True)
    """
    diameters = red_cell_diameters(image, mask)
    if not len(diameters):
        return float("nan"), 0.0
    middle = float(np.median(diameters))
    spread = np.median(np.abs(diameters - middle)) / middle
    confidence = min(len(diameters) / FIRM, 1.0) * np.exp(-((spread / TIGHT) ** 2))
    return RED_CELL_UM / middle, float(confidence)


def estimate_dataset_scale(images, masks=None, *, least_confidence=0.2):
    """One pixel size for images that were taken with one microscope and camera.

    Parameters
    ----------
    images : sequence of uint8 arrays, shape (H, W, 3)
    masks : sequence of uint8 arrays or None, default=None
        Label masks, one per image.
    least_confidence : float, default=0.2
        Images below it have no say.

    Returns
    -------
    um_per_px : float
        Median over the images; NaN where none shows a red cell.
    spread : float
        Median absolute deviation over the images, as a share of the median.
    n : int
        Images that had a say.
    """
    masks = [None] * len(images) if masks is None else masks
    found = [estimate_um_per_px(image, mask) for image, mask in zip(images, masks, strict=True)]
    values = np.array([value for value, confidence in found if confidence >= least_confidence])
    if not len(values):
        return float("nan"), float("nan"), 0
    middle = float(np.median(values))
    return middle, float(np.median(np.abs(values - middle)) / middle), len(values)


def red_cell_diameters(image, mask=None):
    """Diameters, in pixels of the image, of the discs that are whole, single and round.

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3)
    mask : uint8 array, shape (H, W), or None, default=None

    Returns
    -------
    float array, shape (n,)
    """
    height, width = image.shape[:2]
    shrink = min(1.0, WORKING_SIDE / max(height, width, 1))
    size = (round(width * shrink), round(height * shrink))
    if min(size) < 32:
        return np.empty(0)
    shrink = np.sqrt(size[0] * size[1] / (width * height))  # sides are whole pixels
    small = cv2.GaussianBlur(cv2.resize(image, size, interpolation=cv2.INTER_AREA), (3, 3), 0)
    stained, chromatin = _stained_and_chromatin(small)
    if mask is not None:
        leukocyte = cv2.resize((mask > 0).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        stained[cv2.dilate(leukocyte, np.ones((3, 3), np.uint8)) > 0] = 0
        least = LEAST_OF_LEUKOCYTE * _equivalent_diameter(leukocyte)
    else:
        least = LEAST_OF_CHROMATIN * _equivalent_diameter(_largest_part(chromatin))
    low, high = max(SIDES[0] * max(size), least), SIDES[1] * max(size)
    found = []
    outlines, _ = cv2.findContours(stained, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for outline in outlines:
        x, y, w, h = cv2.boundingRect(outline)
        whole = x > 0 and y > 0 and x + w < size[0] and y + h < size[1]
        if not (whole and low <= min(w, h) and max(w, h) <= high):
            continue
        area = cv2.contourArea(outline) + cv2.arcLength(outline, True) / 2  # outlines run through pixel centres
        hull = cv2.contourArea(cv2.convexHull(outline)) + cv2.arcLength(outline, True) / 2
        (_, sides, _) = cv2.minAreaRect(outline)
        disc = area >= ROUND * hull and max(sides) <= LONG * min(sides)
        if disc and not chromatin[y : y + h, x : x + w].mean() > 0.1:
            found.append(2 * np.sqrt(area / np.pi) / shrink)
    found = np.array(found)
    return found[found >= SPECK * np.percentile(found, 80)] if len(found) else found


def _stained_and_chromatin(rgb):
    """Where anything is stained, holes closed, and where it is chromatin: what stops the red light most."""
    pixels = rgb.astype(np.float32)
    lightness = pixels.min(2)
    glass = np.median(pixels[lightness >= np.percentile(lightness, GLASS_PERCENTILE)], axis=0)
    density = np.log((glass + 8) / (pixels + 8))
    strength = np.clip(density.mean(2), 0, None)
    stained = _above_otsu(
        np.minimum(strength, 2 * np.median(strength[strength > 0.04])) if (strength > 0.04).any() else strength
    )
    outlines, _ = cv2.findContours(stained, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(stained)
    cv2.drawContours(filled, outlines, -1, 1, -1)
    red = density[..., 0]
    chromatin = (red > 0.5 * np.percentile(red, 99)).astype(np.uint8)
    return cv2.morphologyEx(filled, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), chromatin


def _equivalent_diameter(region):
    return 2 * np.sqrt(np.count_nonzero(region) / np.pi)


def _largest_part(region):
    _, parts, stats, _ = cv2.connectedComponentsWithStats(region)
    return parts == 1 + stats[1:, cv2.CC_STAT_AREA].argmax() if len(stats) > 1 else np.zeros_like(region)


def _above_otsu(strength):
    if strength.max() <= 0:
        return np.zeros(strength.shape, np.uint8)
    grey = (strength / strength.max() * 255).astype(np.uint8)
    return cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]

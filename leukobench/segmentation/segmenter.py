"""`segment`: images in, label masks out, one for one and never fewer."""

import math
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import cv2
import numpy as np

from leukobench.cache import settings
from leukobench.devices import array_library
from leukobench.imaging.check import check_images
from leukobench.segmentation import granules, network, own_colours

VERSION = "8"
PLAUSIBLE_CELL = (0.003, 0.97)  # share of the image that a cell may fill
CENTRED = 0.25  # how fast the weight of a part falls with its distance from the centre, in image sides
LEAST_QUALITY = 0.5  # a cell less certain than this is not believed
LEAST_CONTRAST = 2.0  # grey values that a cell must be darker than its surroundings
EDGE = 0.5  # logit of what is added to the cell or taken off it afterwards
SPECK = 0.015  # of the nucleus: smaller parts are granules, smaller holes are chromatin too
SPUR = 0.08  # of the cell's radius: what is thinner to both sides is no part of the cell
FALLBACK_AXES = (0.30, 0.18)  # of the fallback cell and nucleus, as shares of the image's sides
LEAST_SIDE = 8  # px below which nothing is searched


def segmentation_key():
    """What the masks depend on, as plain values for cache keys: version, constants and weights."""
    decided = settings(__name__, *(module.__name__ for module in (network, own_colours, granules)))
    return {"version": VERSION, "settings": decided, "weights": network.weights_digest()}


def segment(images, *, um_per_px=None, return_quality=False, n_jobs=1, device="cpu"):
    """Label masks of the leukocytes in the middle of single-cell images.

    Parameters
    ----------
    images : sequence of uint8 arrays, shape (H, W, 3)
        RGB images; their sizes may differ.
    um_per_px : float, sequence of float or None, default=None
        Accepted for a uniform interface; masks do not depend on it.
    return_quality : bool, default=False
        Also return how far each mask can be trusted.
    n_jobs : int, default=1
        Threads.
    device : {"cpu", "cuda"}, default="cpu"
        On a GPU images are segmented in stacks; they may lie there already, and the masks stay there. Masks of the two
        differ in single pixels, seldom in a part that was in doubt.

    Returns
    -------
    masks : list of uint8 arrays, shape (H, W)
        0 background, 1 cytoplasm, 2 nucleus. A mask may lack cytoplasm or nucleus (a platelet has none).
        Where no cell is found the mask is a centred ellipse.
    quality : float array, shape (n,), only with `return_quality`
        0 for a fallback mask, else above 0 to 1: the Dice coefficient that the network itself expects of the cell.

    Raises
    ------
    UsageError
        Where an image is no RGB array of 8 bits, for an unknown device, or one that is not there.

    Examples
    --------
    >>> import cv2, numpy as np
    >>> image = np.full((120, 120, 3), 230, np.uint8)
    >>> image = cv2.circle(image, (60, 60), 32, (190, 180, 215), -1)
    >>> image = cv2.circle(image, (56, 60), 20, (90, 40, 130), -1)
    >>> masks, quality = segment([image], return_quality=True)
    >>> masks[0][60, [5, 86, 56]].tolist(), bool(quality[0] > 0)
    ([0, 1, 2], True)
    """
    if device != "cpu":
        # which takes its constants from here
        from leukobench.segmentation.canvases import segment_in_stacks

        masks, quality = segment_in_stacks(array_library(device), images)
        return (masks, quality) if return_quality else masks
    images = check_images(images, empty=True)
    network.load_network()
    # no more than 32 are held at the network's resolution
    together = max(1, min(32, len(images) // max(1, n_jobs)))
    some = [images[start : start + together] for start in range(0, len(images), together)]
    if n_jobs > 1 and len(some) > 1:
        with ThreadPoolExecutor(n_jobs) as pool:
            results = list(pool.map(_segment_some, some))
    else:
        results = map(_segment_some, some)
    found = list(chain.from_iterable(results))
    masks = [mask for mask, _ in found]
    if return_quality:
        return masks, np.array([quality for _, quality in found], dtype=float)
    return masks


def _segment_some(images):
    """(mask, quality) of each; the network sees one after the other, while its weights are at hand."""
    searched = [image for image in images if min(image.shape[:2]) >= LEAST_SIDE]
    smalls = list(map(network.shrink, searched))
    pictures = list(map(network.normalise, smalls))
    found = map(_segment_one, searched, smalls, pictures, list(map(network.predict, pictures)))
    shapes = [image.shape[:2] for image in images]
    return [next(found) if min(shape) >= LEAST_SIDE else (centred_ellipses(*shape), 0.0) for shape in shapes]


def _segment_one(image, small, picture, logits):
    height, width = image.shape[:2]
    top, left = ((network.SIDE - side) // 2 for side in small.shape[:2])
    within = slice(None), slice(top, top + small.shape[0]), slice(left, left + small.shape[1])
    logits = logits[within]
    roots = own_colours.roots_of(cv2.GaussianBlur(small, (3, 3), 0))
    cell = own_colours.adapt_cell(roots, logits)
    inside = _without_spurs(_central_part(((cell > 0) | (logits[1] > 0)).view(np.uint8)))
    quality = _quality(small, cell, inside)
    if quality == 0:
        return centred_ellipses(height, width), 0.0
    mask = np.zeros((height, width), np.uint8)
    box = _box_around(inside, height, width)
    cell = np.where(inside.view(bool), cv2.max(cell, EDGE), cv2.min(cell, -EDGE))
    mask[box] = _largest_part((_enlarge(cell, height, width)[box] > 0).view(np.uint8))
    corrected = granules.without_granules(picture[:3][within], inside, logits[1])
    sharp = own_colours.roots_of(image[box])
    if corrected is None:
        mask[box] += _nucleus(sharp, roots, logits, box, mask)
    else:
        nucleus = _nucleus(sharp, roots, np.stack([logits[0], corrected]), box, mask)
        mask[box] += _without_specks(granules.without_rim(nucleus, mask[box]))
    return mask, quality


def _nucleus(sharp, roots, logits, box, mask):
    """The nucleus within a box, at the image's own resolution, where outlines are sharper than the network's."""
    nucleus = _enlarge(logits[1], *mask.shape)[box]
    rule = own_colours.fit_nucleus(roots, logits)
    if rule is not None:
        nucleus = own_colours.NETWORK_SHARE * nucleus + rule.score(sharp)
    return _without_specks((nucleus > 0).view(np.uint8) & mask[box])


def _box_around(inside, height, width):
    """Rows and columns of the image, as slices, around a mask of the small picture and one pixel more."""
    x, y, w, h = cv2.boundingRect(inside)
    down, across = height / inside.shape[0], width / inside.shape[1]
    rows = slice(max(0, int((y - 1) * down)), min(height, int((y + h + 1) * down) + 1))
    return rows, slice(max(0, int((x - 1) * across)), min(width, int((x + w + 1) * across) + 1))


def _enlarge(level, height, width):
    """A level of the small picture at the image's size; logits are enlarged, not labels, for smooth outlines."""
    return cv2.resize(level, (width, height), interpolation=cv2.INTER_LINEAR)


def _central_part(mask):
    """The part (uint8) that is large and near the centre, its holes closed."""
    height, width = mask.shape
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)

    def weight(outline):
        x, y, *_ = cv2.mean(outline)
        away = math.hypot(x + 0.5 - width / 2, y + 0.5 - height / 2) / min(height, width)
        return _pixels(outline) * math.exp(-((away / CENTRED) ** 2))

    filled = np.zeros((height, width), np.uint8)
    if outlines:
        cv2.drawContours(filled, [max(outlines, key=weight)], -1, 1, cv2.FILLED)
    return filled


def _pixels(outline):
    """How many pixels an outline holds, itself included: Pick's theorem (1899)."""
    return cv2.contourArea(outline) + len(outline) / 2 + 1


def _without_spurs(mask):
    """The part without what is thinner than any pseudopod: seams between red cells that touch (an opening)."""
    reach = round(SPUR * np.sqrt(np.count_nonzero(mask) / np.pi))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc)
    return _central_part(opened) if opened.any() else mask


def _largest_part(mask):
    """Enlarging may cut a bridge of one pixel."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if len(outlines) < 2:
        return mask
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask)
    return (parts == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)


def _without_specks(nucleus):
    """The nucleus (uint8) without its smallest parts and holes; lobes and the hole of a ring stay."""
    least = SPECK * np.count_nonzero(nucleus)
    surely = np.sqrt(2 * np.pi * least)  # points, each no further than a diagonal from the next, hold less than that
    outlines, nesting = cv2.findContours(nucleus, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    is_hole = (nesting[0, :, 3] >= 0).tolist() if outlines else []
    for fill in (0, 1):  # parts first, so that a speck within a small hole is filled with it
        small = [
            outline
            for outline, hole in zip(outlines, is_hole, strict=True)
            if hole == fill and (len(outline) < surely or cv2.contourArea(outline) < least)
        ]
        cv2.drawContours(nucleus, small, -1, fill, cv2.FILLED)
    return nucleus


def _quality(rgb, logits, inside):
    """Expected Dice coefficient of the cell, were each pixel's logit right; 0 where the mask cannot be a cell."""
    count = np.count_nonzero(inside)
    if not PLAUSIBLE_CELL[0] <= count / inside.size <= PLAUSIBLE_CELL[1]:
        return 0.0
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    if cv2.mean(grey, 1 - inside)[0] - cv2.mean(grey, inside)[0] < LEAST_CONTRAST:
        return 0.0
    chance = 1 / (1 + np.exp(-logits))
    quality = 2 * count * cv2.mean(chance, inside)[0] / (chance.sum() + count)
    return float(quality) if quality >= LEAST_QUALITY else 0.0


def centred_ellipses(height, width):
    """Label mask of a nucleus and a cell in the middle of an image: what stands for a cell that is not found.

    Parameters
    ----------
    height, width : int
        Of the image, in px.

    Returns
    -------
    uint8 array, shape (height, width)
    """
    mask = np.zeros((height, width), np.uint8)
    y, x = np.ogrid[:height, :width]
    for label, axis in enumerate(FALLBACK_AXES, start=1):
        inside = ((x + 0.5 - width / 2) / width) ** 2 + ((y + 0.5 - height / 2) / height) ** 2 <= axis**2
        mask[inside] = label
    if mask.size and not (mask == 2).any():
        mask[height // 2, width // 2] = 2
    return mask

"""Tell the packed granules of an eosinophil from chromatin where the network took both for nucleus.

Granules can be as dark as chromatin, but eosin gives them away under any camera: it stops as much blue light as the
azure of chromatin does, and less green and red. A thick granulated cell also bends light away at its rim, which then
looks as dark as chromatin, but no wider than a line.
"""

import cv2
import numpy as np

from leukobench.segmentation.own_colours import LEAST_SAMPLE, SURE_OF_NUCLEUS

LEAST_SHARE = 0.15  # of the network's nucleus that must be granules
LEAST_BLUE = 0.95  # density of granules in blue, as a share of chromatin's
MOST_GREEN_AND_RED = 0.85  # the same in green and in red
COHERENT = 0.55  # share of granules that a median filter keeps: they lie together, the grain of chromatin does not
LEVELS = 64  # grey values per unit of relative density, to find a threshold by
RIM, LINE = 0.15, 0.08  # of the cell's radius: how far in the rim reaches, half the width of the lines taken off it


def without_granules(density, inside, nucleus):
    """Logits of the nucleus with the granules taken off.

    Parameters
    ----------
    density : float32 array, shape (3, H, W)
        Relative optical density of R, G, B, as `network.normalise` gives it.
    inside : bool or uint8 array, shape (H, W)
        The cell.
    nucleus : float32 array, shape (H, W)
        Logits.

    Returns
    -------
    float32 array, shape (H, W), or None
        None where no granules are taken for nucleus, which is so for most cells.
    """
    # what is looked at reaches no further than 2 px beyond the cell
    x, y, width, height = cv2.boundingRect(inside.view(np.uint8))
    box = slice(max(0, y - 2), y + height + 2), slice(max(0, x - 2), x + width + 2)
    whole, nucleus = nucleus, nucleus[box]
    inner = cv2.erode(inside.view(np.uint8)[box], np.ones((5, 5), np.uint8)) > 0
    taken = inner & (nucleus > 0)
    if not taken.any():
        return None
    green, blue = (cv2.blur(channel[box], (3, 3)) for channel in density[1:])
    hue = np.clip(LEVELS * (1 + green - blue), 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(hue[inner][None], 0, 255, cv2.THRESH_OTSU)  # Otsu 1979
    granules, chromatin = taken & (hue <= threshold), taken & (hue > threshold)
    count = np.count_nonzero(granules)
    if count <= LEAST_SHARE * np.count_nonzero(taken) or np.count_nonzero(chromatin) <= LEAST_SAMPLE:
        return None
    granules, chromatin = granules.view(np.uint8), chromatin.view(np.uint8)
    red = cv2.blur(density[0][box], (3, 3))
    in_red, in_green, in_blue = (
        cv2.mean(channel, granules)[0] / cv2.mean(channel, chromatin)[0] for channel in (red, green, blue)
    )
    if in_blue < LEAST_BLUE or max(in_red, in_green) > MOST_GREEN_AND_RED:
        return None
    if np.count_nonzero(granules & cv2.medianBlur(granules, 5)) < COHERENT * count:
        return None
    sure = SURE_OF_NUCLEUS + 0.5
    corrected = np.minimum(whole, 1)
    corrected[box][chromatin > 0], corrected[box][granules > 0] = sure, -sure
    return corrected


def without_rim(nucleus, cell):
    """The nucleus without lines along the cell's outline; both uint8 arrays, shape (H, W)."""
    radius = np.sqrt(np.count_nonzero(cell) / np.pi)
    opened = cv2.morphologyEx(nucleus, cv2.MORPH_OPEN, _disc(LINE * radius))
    deep = cv2.erode(cell, _disc(RIM * radius), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return nucleus & (opened | deep)


def _disc(radius):
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(radius) + 1,) * 2)

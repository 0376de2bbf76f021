"""Adapt the network's answer to the stain of the one image at hand.

The network knows shapes and typical contrasts; this very image knows its own colours. Where the network is sure, its
answer supplies samples of each material, and Fisher's linear discriminant (Fisher 1936) tells the materials apart.
Nothing is fitted beyond the image.

The discriminant sees square roots of grey values. At an edge the lens mixes light, not optical density, so a rule on
densities draws the outline of dark things too wide; the root also evens out the shot noise (Anscombe 1948).
"""

from typing import NamedTuple

import cv2
import numpy as np

from leukobench.segmentation.network import quantile, total

SURE_OF_CELL = 1.5  # logit beyond which the network's answer serves as a sample
SURE_OF_NUCLEUS = 2.5
LEAST_SAMPLE = 25  # pixels of each material without which nothing is adapted
MOST = 4.0  # bound of the discriminant's score, so that shape keeps a say
NETWORK_SHARE = 0.7  # of the network's logit of the nucleus, beside the discriminant
RIDGE = 1e-3  # added to the covariance of the roots
UNSCALED = cv2.COVAR_NORMAL | cv2.COVAR_ROWS  # sums of squares and products, not divided by their number
FAINT = 0.1  # what the roots must fall below the glass for anything to be stained
ROOT_OF_GREY = 0.5 * np.sqrt(np.arange(256, dtype=np.float32))


class Discriminant(NamedTuple):
    """Fisher's rule between two materials: above 0 where a pixel is more like the first."""

    direction: np.ndarray  # shape (3,)
    threshold: float

    def score(self, roots):
        """Bounded score of an image of roots, shape (H, W, 3); float32, shape (H, W)."""
        rule = np.array([[*self.direction, -self.threshold]], np.float32)
        return cv2.min(cv2.max(cv2.transform(roots, rule), -MOST), MOST)


def roots_of(rgb):
    """Half the square root of each grey value; float32, shape (H, W, 3)."""
    return cv2.LUT(rgb, ROOT_OF_GREY)


def adapt_cell(roots, logits):
    """Logits of the cell with the colours of this image's own cytoplasm and red cells taken into account.

    Parameters
    ----------
    roots : float32 array, shape (H, W, 3)
        `roots_of` the picture at the network's resolution.
    logits : float32 array, shape (2, H, W)
        Of whole cell and nucleus.

    Returns
    -------
    float32 array, shape (H, W)
    """
    cell, nucleus = logits
    cytoplasm = (nucleus < -SURE_OF_CELL) & (cell > SURE_OF_CELL)
    stained = _stained(roots, cytoplasm)
    others = (cell < -SURE_OF_CELL) & stained  # red cells, for the most part
    others[1::2] = False  # they are many, and every other row will do
    rule = fit(roots, cytoplasm, others)
    if rule is None:
        return cell
    score = rule.score(roots)
    # empty glass is left to the network, and so is the nucleus, which looks like neither cytoplasm nor red cells
    score *= stained & (nucleus < 0)
    return cell + score


def fit_nucleus(roots, logits):
    """The discriminant between this image's own chromatin and cytoplasm; None if there is too little of either.

    Parameters
    ----------
    roots, logits
        As for `adapt_cell`.

    Returns
    -------
    Discriminant or None
    """
    cell, nucleus = logits
    chromatin = (nucleus > SURE_OF_NUCLEUS) & (cell > 0)
    cytoplasm = (nucleus < -SURE_OF_NUCLEUS) & (cell > SURE_OF_CELL)
    return fit(roots, chromatin, cytoplasm)


def fit(roots, these, those):
    """Fisher's discriminant between the pixels under two masks; None if either sample is too small."""
    samples = [roots.reshape(-1, 3).take(np.flatnonzero(mask), axis=0) for mask in (these, those)]
    if min(map(len, samples)) < LEAST_SAMPLE:
        return None
    scatters, means = zip(*(cv2.calcCovarMatrix(sample, None, UNSCALED) for sample in samples), strict=True)
    covariance = sum(scatters) / sum(map(len, samples))
    covariance.flat[::4] += RIDGE
    direction = cv2.solve(covariance, (means[0] - means[1]).T)[1][:, 0]
    return Discriminant(direction, float((means[0] + means[1])[0] / 2 @ direction))


def _stained(roots, cytoplasm):
    """Where there is at least half as much stain as in this cell's cytoplasm."""
    dark = total(roots) / -3
    dark -= quantile(dark, 0.1)
    half = 0.5 * quantile(dark[cytoplasm], 0.5) if cytoplasm.any() else FAINT
    return dark > max(FAINT, half)

"""Adapt the network's answer to the stain of the one image at hand.

The network knows shapes and typical contrasts; this very image knows its own colours. Where the network is sure, its
answer supplies samples of each material, Fisher's linear discriminant (Fisher 1936) tells the materials apart by their
optical density, and its score is added to the network's logits. Nothing is fitted beyond the image.
"""

import cv2
import numpy as np

from leukobench.segmentation.network import optical_density, total

SURE = 1.5  # logit beyond which the network's answer serves as a sample
LEAST_SAMPLE = 25  # pixels of each material without which nothing is adapted
MOST = 4.0  # bound of the discriminant's score, so that shape keeps a say
RIDGE = 1e-3  # added to the covariance, in squared optical density
FAINT = 0.04  # optical density over the glass below which nothing is stained


def adapt(rgb, logits):
    """Logits of cell and nucleus with the image's own colours taken into account.

    Parameters
    ----------
    rgb : uint8 array, shape (H, W, 3)
        The picture at the network's resolution.
    logits : float32 array, shape (2, H, W)
        Of whole cell and nucleus.

    Returns
    -------
    float32 array, shape (2, H, W)
    """
    cell, nucleus = logits
    density = optical_density(cv2.GaussianBlur(rgb, (3, 3), 0))
    chromatin = (nucleus > SURE) & (cell > 0)
    cytoplasm = (nucleus < -SURE) & (cell > SURE)
    stained = _stained(density, cytoplasm)
    others = (cell < -SURE) & stained  # red cells, for the most part
    from_others = _discriminant(density, cytoplasm, others)
    from_cytoplasm = _discriminant(density, chromatin, cytoplasm)
    # empty glass is left to the network, and so is the nucleus, which looks like neither cytoplasm nor red cells
    return np.stack([np.where(stained & (nucleus < 0), cell + from_others, cell), nucleus + from_cytoplasm])


def _stained(density, cytoplasm):
    """Where there is at least half as much stain as in this cell's cytoplasm."""
    strength = total(density) / 3
    strength = strength - np.partition(strength.ravel(), strength.size // 10)[strength.size // 10]
    half = 0.5 * np.median(strength[cytoplasm]) if cytoplasm.any() else FAINT
    return strength > max(FAINT, half)


def _discriminant(density, these, those):
    """Score above 0 where a pixel is more like `these`; 0 everywhere if either sample is too small."""
    a, b = density[these], density[those]
    if min(len(a), len(b)) < LEAST_SAMPLE:
        return np.float32(0)
    mean_a, mean_b = a.mean(0), b.mean(0)
    scatter = (a - mean_a).T @ (a - mean_a) + (b - mean_b).T @ (b - mean_b)
    direction = np.linalg.solve(scatter / (len(a) + len(b)) + RIDGE * np.eye(3, dtype=np.float32), mean_a - mean_b)
    return np.clip((density - (mean_a + mean_b) / 2) @ direction, -MOST, MOST)

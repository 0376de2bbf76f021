"""Percentiles of L, a, b and S, from histograms in which a pixel counts for its two nearest nodes in proportion."""

import numpy as np

from leukobench.features.part import FeaturePart, features_from
from leukobench.features.parts.colour import channels
from leukobench.features.tables import PERCENTILE_BINS, PERCENTILE_PART, PERCENTILE_RANGES, PERCENTS

PERCENTILE_CHANNELS = ("lab_l", "lab_a", "lab_b", "hsv_s")
PERCENTILES = tuple(
    (f"{channel}_p{p}", "1", "rotation scale", f"{p}th percentile of {channel}, over 513 nodes", "this catalogue")
    for channel in PERCENTILE_CHANNELS
    for p in PERCENTS
)


def percentile_part(image, mask):
    """Five percentiles of four channels in nucleus and cytoplasm."""
    row = {}
    for name, region in (("nucleus", mask == 2), ("cytoplasm", mask == 1)):
        if not region.any():
            continue
        pixels = image[region]
        values = channels(pixels)
        for channel, (low, high) in zip(PERCENTILE_CHANNELS, PERCENTILE_RANGES, strict=True):
            steps = PERCENTILE_BINS * PERCENTILE_PART
            if channel == "hsv_s":  # a ratio of bytes, where whole nodes are common: exact
                most, least = pixels.max(1).astype(int), pixels.min(1).astype(int)
                position = (most - least) * steps // np.maximum(most, 1)
            else:
                position = np.floor((values[channel] - low) * (steps / (high - low))).astype(int).clip(0, steps)
            node, part = np.divmod(position, PERCENTILE_PART)
            counts = np.bincount(node, PERCENTILE_PART - part, PERCENTILE_BINS + 2)
            counts += np.bincount(node + 1, part, PERCENTILE_BINS + 2)
            for p in PERCENTS:
                at = _quantile(counts, p / 100)
                row[f"{name}_{channel}_p{p}"] = low + at * (high - low) / PERCENTILE_BINS
    return row


def _quantile(counts, p):
    """Position at which the cumulated counts reach p, each node's count being spread evenly over one step around it."""
    below = np.concatenate([[0], np.cumsum(counts)])
    rank = p * below[-1]
    k = np.searchsorted(below[1:], rank)
    return k - 0.5 + (rank - below[k]) / counts[k]


PART = FeaturePart(
    "percentiles",
    features_from(PERCENTILES, "nucleus", "cytoplasm", group="colour"),
    percentile_part,
    sets=("full", "extended", "untextured"),
    version="1",
    numba="leukobench.features.backends.cpu.colour:colour_part",
    cuda="colour.cu",
)

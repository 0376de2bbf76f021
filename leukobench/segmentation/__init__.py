"""Nucleus and whole cell of the leukocyte in the middle of an image, as a label mask."""

from leukobench.segmentation.segmenter import VERSION, centred_ellipses, segment, segmentation_key

DEVELOPED_ON = ("cvb", "jiangxi")
"""Datasets that were in view when its scenes and bounds were settled (docs/segmentation.md)."""

__all__ = ["DEVELOPED_ON", "VERSION", "centred_ellipses", "segment", "segmentation_key"]

"""Nucleus and whole cell of the leukocyte in the middle of an image, as a label mask."""

from leukobench.segmentation.segmenter import VERSION, centred_ellipses, segment, segmentation_key

__all__ = ["VERSION", "centred_ellipses", "segment", "segmentation_key"]

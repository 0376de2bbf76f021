"""Nucleus and whole cell of the leukocyte in the middle of an image, as a label mask."""

from leukobench.segmentation.segmenter import VERSION, segment

__all__ = ["VERSION", "segment"]

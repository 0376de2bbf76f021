"""Colour of all that is not the cell: what a model must not live by."""

from leukobench.features.part import FeaturePart, features_from
from leukobench.features.parts.colour import COLOUR, colour_moments


def background_part(image, mask):
    """Four moments of twelve channels outside the cell."""
    return colour_moments("background", image[mask == 0])


PART = FeaturePart(
    "background",
    features_from(COLOUR, "background", group="colour"),
    background_part,
    sets=("background",),
    whole=True,
    version="2",
    numba="leukobench.features.backends.cpu.colour:background_part",
    cuda="colour.cu",
)

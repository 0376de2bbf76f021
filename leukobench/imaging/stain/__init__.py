"""The colour of one picture: its empty glass, normalisers of its stain, and simulated stains of other laboratories."""

from leukobench.imaging.stain.augmentation import Augmentation, augment
from leukobench.imaging.stain.background import background_colour
from leukobench.imaging.stain.normalise import (
    STAIN_NORMALISERS,
    get_stain_normaliser,
    grey_world,
    macenko,
    reinhard,
    white_balance,
)

__all__ = [
    "STAIN_NORMALISERS",
    "Augmentation",
    "augment",
    "background_colour",
    "get_stain_normaliser",
    "grey_world",
    "macenko",
    "reinhard",
    "white_balance",
]

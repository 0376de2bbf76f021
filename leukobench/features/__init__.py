"""Hand-crafted features of single cells: a catalogue, three backends with the same numbers, a transformer."""

from leukobench.features.catalogue import (
    CATALOGUE_VERSION,
    FEATURE_SETS,
    Feature,
    catalogue_markdown,
    catalogue_table,
    feature_names,
    features_of,
)
from leukobench.features.extractor import extract_features
from leukobench.features.transformer import HandcraftedFeatures

__all__ = [
    "CATALOGUE_VERSION",
    "FEATURE_SETS",
    "Feature",
    "HandcraftedFeatures",
    "catalogue_markdown",
    "catalogue_table",
    "extract_features",
    "feature_names",
    "features_of",
]

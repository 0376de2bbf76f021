"""Hand-crafted features of single cells: a catalogue of parts, three backends with the same numbers, a transformer."""

from leukobench.features.catalogue import (
    catalogue_markdown,
    catalogue_table,
    feature_names,
    features_key,
    features_of,
)
from leukobench.features.extractor import extract_features
from leukobench.features.part import Feature, FeaturePart, features_from
from leukobench.features.registry import feature_sets, register
from leukobench.features.transformer import HandcraftedFeatures

__all__ = [
    "Feature",
    "FeaturePart",
    "HandcraftedFeatures",
    "catalogue_markdown",
    "catalogue_table",
    "extract_features",
    "feature_names",
    "feature_sets",
    "features_from",
    "features_key",
    "features_of",
    "register",
]

"""Hand-crafted features of single cells: a catalogue of parts, three backends with the same numbers, a transformer."""

import lazy_loader

# scikit-learn, which the transformer is made for, takes half a second to import; a process that measures needs none.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "catalogue": ["catalogue_markdown", "catalogue_table", "feature_names", "features_key", "features_of"],
        "extractor": ["extract_features"],
        "files": ["file_features"],
        "part": ["Feature", "FeaturePart", "features_from"],
        "registry": ["feature_sets", "register"],
        "transformer": ["HandcraftedFeatures"],
    },
)

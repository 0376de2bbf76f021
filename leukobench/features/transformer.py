"""Hand-crafted features as a scikit-learn transformer: images in, segmentation inside."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from leukobench.features.catalogue import feature_names
from leukobench.features.extractor import extract_features


class HandcraftedFeatures(TransformerMixin, BaseEstimator):
    """Segment each cell, then measure it.

    Parameters
    ----------
    feature_set : {"core", "full", "extended", "untextured", "background", "tavakoli2021"}, default "core"
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"

    Examples
    --------
    >>> from sklearn.base import clone
    >>> clone(HandcraftedFeatures("tavakoli2021"))
    HandcraftedFeatures(feature_set='tavakoli2021')
    >>> len(HandcraftedFeatures().get_feature_names_out())
    216
    """

    def __init__(self, feature_set="core", device="auto"):
        self.feature_set = feature_set
        self.device = device

    def fit(self, X, y=None):
        """Learn nothing: the features are fixed; an unknown feature set is reported here."""
        feature_names(self.feature_set)
        return self

    def transform(self, X, *, um_per_px=None):
        """Features of the centre cell of each image.

        Parameters
        ----------
        X : sequence of ndarray of uint8, shape (H, W, 3)
        um_per_px : float, sequence of float or None, default None

        Returns
        -------
        DataFrame, shape (n, number of features)
        """
        from leukobench.segmentation import segment

        masks = segment(X, um_per_px=um_per_px)
        return extract_features(X, masks, um_per_px=um_per_px, device=self.device, feature_set=self.feature_set)

    def get_feature_names_out(self, input_features=None):
        """Column names of the feature set; images have no names of their own."""
        return np.array(feature_names(self.feature_set), dtype=object)

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

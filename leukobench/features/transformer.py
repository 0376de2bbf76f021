"""Hand-crafted features as a scikit-learn transformer: images in, segmentation inside."""

from dataclasses import replace

import numpy as np
import pandas as pd

from leukobench.features.catalogue import feature_names
from leukobench.features.extractor import extract_features
from leukobench.features.viewed import view_features
from leukobench.imaging.check import check_images
from leukobench.preparation.transformer import ImageTransformer
from leukobench.preparation.views import get_view
from leukobench.segmentation import segment


class HandcraftedFeatures(ImageTransformer):
    """Segment each cell, then measure it.

    Parameters
    ----------
    feature_set : str, default "core"
        One of :func:`leukobench.features.feature_sets`.
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"
    view : str or None, default None
        A key of `leukobench.preparation.views.VIEWS`, such as "canonical": bring the images to one scale and glass
        first.
        Its augmented copies are for training inside a run and are not made here.

    Examples
    --------
    >>> from sklearn.base import clone
    >>> clone(HandcraftedFeatures("tavakoli2021"))
    HandcraftedFeatures(feature_set='tavakoli2021')
    >>> len(HandcraftedFeatures().get_feature_names_out())
    216
    """

    def __init__(self, feature_set="core", device="auto", view=None):
        self.feature_set = feature_set
        self.device = device
        self.view = view

    def fit(self, X, y=None):
        """Learn nothing: the features are fixed; an unknown feature set or view is reported here."""
        feature_names(self.feature_set)
        if self.view:
            get_view(self.view)
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
            One row per image, in their order; with the index of X where X is a Series.

        Raises
        ------
        UsageError
            Where an image is no RGB array of 8 bits, or a pixel size is none.
        """
        images = check_images(X)
        options = {"um_per_px": um_per_px, "feature_set": self.feature_set, "device": self.device}
        if self.view:
            view = replace(get_view(self.view), copies=0)
            table = pd.DataFrame(view_features(images, view, **options)[:, 0], columns=feature_names(self.feature_set))
        else:
            table = extract_features(images, segment(images), **options)
        return table.set_axis(X.index) if isinstance(X, pd.Series) else table

    def get_feature_names_out(self, input_features=None):
        """Column names of the feature set; images have no names of their own."""
        return np.array(feature_names(self.feature_set), dtype=object)

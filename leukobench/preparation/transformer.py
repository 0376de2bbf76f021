"""What transformers of images share, as scikit-learn knows it."""

from sklearn.base import BaseEstimator, TransformerMixin


class ImageTransformer(TransformerMixin, BaseEstimator):
    """Images to rows, with nothing learnt from them.

    The pixel size travels through pipelines, searches and cross-validation by scikit-learn's metadata routing, as
    ``set_transform_request(um_per_px=True)`` asks for it.
    """

    def fit_transform(self, X, y=None, *, um_per_px=None):
        """Check the parameters, and transform.

        Parameters
        ----------
        X : sequence of ndarray of uint8, shape (H, W, 3)
            RGB images of any sizes.
        y : ignored
        um_per_px : float, sequence of float or None, default None
            Micrometres per pixel, of all or of each image.

        Returns
        -------
        array or DataFrame
            As `transform` gives it.
        """
        return self.fit(X, y).transform(X, um_per_px=um_per_px)

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

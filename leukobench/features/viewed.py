"""Features of pictures that are seen through a view."""

import numpy as np

from leukobench.features.catalogue import feature_names, features_of
from leukobench.features.extractor import extract_features
from leukobench.preparation.views import apply_view


def view_features(images, view, *, um_per_px=None, feature_set="core", device="auto"):
    """Features of images and of their augmented copies, seen through a view.

    Parameters
    ----------
    images : sequence of ndarray of uint8, shape (H, W, 3)
        RGB, each of its own size.
    view : View
    um_per_px : float, sequence of float or None, default None
        Micrometres per pixel, of all or of each image; None and NaN are unknown.
    feature_set : str, default "core"
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"

    Returns
    -------
    ndarray of float64, shape (n, 1 + copies, number of features)
        The image itself first. Lengths and areas of a cell whose scale is unknown are NaN where the view has a scale.

    Examples
    --------
    >>> import cv2
    >>> from leukobench.preparation.views import View
    >>> image = np.full((120, 120, 3), 230, np.uint8)
    >>> image = cv2.circle(image, (60, 60), 32, (190, 180, 215), -1)
    >>> image = cv2.circle(image, (56, 60), 20, (90, 40, 130), -1)
    >>> rows = view_features([image], View(0.2, copies=2), um_per_px=0.1, device="reference")
    >>> rows.shape, bool(rows[0, 0, 0] > 0), bool(np.isnan(rows[0, 2, 0]))
    ((1, 3, 216), True, True)
    """
    return seen_features(apply_view(images, view, um_per_px), view, feature_set, device)


def seen_features(seen, view, feature_set="core", device="auto"):
    """The same of images that were brought to the view already.

    Parameters
    ----------
    seen : Seen
        Of `leukobench.preparation.views.apply_view`.
    view, feature_set, device
        As for `view_features`.

    Returns
    -------
    ndarray of float64, shape (n, 1 + copies, number of features)
    """
    options = {"um_per_px": seen.um_per_px, "device": device, "feature_set": feature_set}
    table = extract_features(seen.pictures, seen.masks, **options).to_numpy(copy=True)
    if view.um_per_px is not None:
        measured = np.array([f.unit != "1" for f in features_of(feature_set)])
        table[np.ix_(np.isnan(seen.um_per_px), measured)] = np.nan
    return table.reshape(-1, 1 + view.copies, len(feature_names(feature_set)))

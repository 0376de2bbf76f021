"""Features of pictures that are seen through a view."""

import os

import numpy as np

from leukobench.devices import array_library
from leukobench.features.backends import on_cuda
from leukobench.features.batch import Batch
from leukobench.features.catalogue import feature_names, features_of
from leukobench.features.extractor import extract_features, feature_table, in_micrometres
from leukobench.features.registry import parts_of
from leukobench.imaging.check import check_images
from leukobench.imaging.scale import check_um_per_px
from leukobench.preparation.stacked_views import can_be_stacked, seen_stacks
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
        On a GPU images are uploaded once, and copies are made, segmented and measured there, where the view's stain is
        none or white balance, and its copies are of no simulated laboratories; pixels differ by single grey values.

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
    if not (on_cuda(device) and can_be_stacked(view)):
        return seen_features(apply_view(images, view, um_per_px), view, feature_set, device)
    images = check_images(images)
    scales = check_um_per_px(um_per_px, len(images)).tolist()
    return device_view_features(array_library("cuda"), zip(images, scales, strict=True), view, feature_set)


def device_view_features(arrays, images, view, feature_set="core", threads=None):
    """The same of an iterable, whose images are made ready by threads and worked on where a library's arrays lie.

    Parameters
    ----------
    arrays : leukobench.devices.Arrays
        Of a CUDA device.
    images : iterable of (uint8 ndarray of shape (H, W, 3), float)
        Pictures of the host, and their micrometres per pixel, NaN where unknown.
    view : View
        Without simulated laboratories, and of stains "none" or "white_balance".
    feature_set : str, default "core"
    threads : int or None, default None
        None takes one per core.

    Returns
    -------
    ndarray of float64, shape (n, 1 + copies, number of features)
    """
    from leukobench.features.backends.cuda import measure_batches

    numbers, scales = [], []
    stacks = seen_stacks(arrays, images, view, threads or os.cpu_count())
    table = feature_table(
        measure_batches(_batches(arrays, stacks, numbers, scales), parts_of(feature_set)), feature_set
    )
    values = in_micrometres(table, scales or None, feature_set).to_numpy(copy=True)[np.argsort(numbers)]
    return _of_copies(values, np.array(scales)[np.argsort(numbers)], view, feature_set)


def _batches(arrays, stacks, numbers, scales):
    """What the CUDA backend measures of each stack; its numbers and scales are told."""
    for stack in stacks:
        numbers += stack.numbers
        scales += stack.um_per_px.tolist()
        sizes = stack.shapes.prod(axis=1)
        pixels, labels = stack.pictures[stack.valid].reshape(-1), stack.masks[stack.valid]
        arrays.wait()
        yield Batch(pixels, labels, np.cumsum(sizes) - sizes, stack.shapes.astype(np.int64))


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
    return _of_copies(table, seen.um_per_px, view, feature_set)


def _of_copies(values, um_per_px, view, feature_set):
    """Rows of images with their copies behind them, lengths missing where a scale is."""
    if view.um_per_px is not None:
        measured = np.array([f.unit != "1" for f in features_of(feature_set)])
        values[np.ix_(np.isnan(um_per_px), measured)] = np.nan
    return values.reshape(-1, 1 + view.copies, len(feature_names(feature_set)))

"""From images and masks to a table of features, on whichever backend."""

import numpy as np
import pandas as pd

from leukobench.features.backends import get_backend
from leukobench.features.catalogue import features_of
from leukobench.features.registry import parts_of
from leukobench.imaging.scale import check_um_per_px


def extract_features(
    images, masks, *, um_per_px=None, device="auto", feature_set="core", batch_bytes=None, progress=None
):
    """Hand-crafted features of single cells.

    Parameters
    ----------
    images : iterable of ndarray of uint8, shape (H, W, 3)
        RGB, each of its own size. On CUDA also arrays of the device, as a sequence or as one stack (n, H, W, 3).
    masks : iterable of ndarray of uint8, shape (H, W)
        Label masks: 0 background, 1 cytoplasm, 2 nucleus.
    um_per_px : float, sequence of float or None, default None
        Micrometres per pixel, of all or of each image. Where it is None or NaN lengths and areas are in pixels.
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"
        Backend; ``auto`` takes CUDA where there is a device.
    feature_set : str, default "core"
        One of :func:`leukobench.features.feature_sets`.
    batch_bytes : int or None, default None
        Memory that a batch of images and masks may take; None is 8 MiB for each thread of the CPU, 256 MiB on a GPU.
    progress : callable or None, default None
        Called with the number of cells done after each batch.

    Returns
    -------
    DataFrame of float64, shape (n, number of features)
        Columns as in :func:`feature_names`. NaN where a feature cannot be computed, never infinite.

    Raises
    ------
    UsageError
        For an unknown device or feature set, a device that is not there, and input of wrong type or shape.

    Examples
    --------
    >>> image, mask = np.full((9, 9, 3), 200, np.uint8), np.zeros((9, 9), np.uint8)
    >>> mask[2:7, 2:7], mask[3:6, 3:6] = 1, 2
    >>> table = extract_features([image], [mask], um_per_px=0.5, device="reference")
    >>> float(table.loc[0, "nucleus_area"]), float(table.loc[0, "nc_area_ratio"])
    (2.25, 0.36)
    """
    check_um_per_px(um_per_px, np.size(um_per_px))  # before the images: an iterator tells only then how many they are
    parts = parts_of(feature_set)
    table = feature_table(get_backend(device)(images, masks, parts, batch_bytes), feature_set, progress)
    return in_micrometres(table, um_per_px, feature_set)


def feature_table(blocks, feature_set, progress=None):
    """The table of what a backend yields.

    Parameters
    ----------
    blocks : iterable of ndarray of float64, shape (cells, columns of the set's parts)
        Lengths in pixels.
    feature_set, progress
        As for `extract_features`.

    Returns
    -------
    DataFrame of float64, shape (n, number of features)
        Lengths and areas in pixels.
    """
    names = [feature.name for feature in features_of(feature_set)]
    measured = [name for part in parts_of(feature_set) for name in part.columns]
    position = {name: k for k, name in enumerate(measured)}
    order = [position[name] for name in names]
    kept, done = [], 0
    for block in blocks:
        # one by one: a device computes the next ones meanwhile
        kept.append(block if measured == names else block[:, order])
        kept[-1][np.isinf(kept[-1])] = np.nan
        done += len(block)
        if progress is not None:
            progress(done)
    values = np.concatenate(kept) if kept else np.empty((0, len(names)))
    return pd.DataFrame(values, columns=names)


def in_micrometres(table, um_per_px, feature_set):
    """A table whose lengths and areas are in pixels with these scaled, row by row: the one place where that is done."""
    if um_per_px is None:
        return table
    scale = check_um_per_px(um_per_px, len(table))
    if np.isnan(scale).all():
        return table
    scale = np.where(np.isnan(scale), 1.0, scale)[:, None]
    units = np.array([feature.unit for feature in features_of(feature_set)])
    values = table.to_numpy(copy=True)
    values[:, units == "um"] *= scale
    values[:, units == "um2"] *= scale**2
    return pd.DataFrame(values, table.index, table.columns)

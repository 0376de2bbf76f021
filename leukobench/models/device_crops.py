"""The fields that networks see, cut out of pictures where these lie on a CUDA device."""

from functools import lru_cache

import cv2
import numpy as np

from leukobench.imaging.stain.stacks import background_colours, white_balanced


def crop_fields(arrays, canvas, shapes, sides, size):
    """`embedding.crop_field` of every image of a canvas, as products with matrices.

    Parameters
    ----------
    arrays : leukobench.devices.Arrays
        What computes.
    canvas : uint8 array of that library, shape (n, H, W, 3)
        RGB, each image in the upper left corner.
    shapes : int ndarray, shape (n, 2)
        Height and width of each image, in px.
    sides : sequence of int
        Of the square that is cut out of each, in px; beyond the border it is continued by the mirror image.
    size : int
        Side of the results, in px.

    Returns
    -------
    uint8 array of that library, shape (n, size, size, 3)
        As OpenCV's, up to one grey value.
    """
    xp = arrays.xp
    rows, columns = (
        _of_each(xp, [(extent, side, size, room) for extent, side in zip(extents, sides, strict=True)])
        for extents, room in zip(shapes.T.tolist(), canvas.shape[1:3], strict=True)
    )
    planes = canvas.transpose(0, 3, 1, 2).astype(xp.float32)
    fields = xp.matmul(xp.matmul(rows[:, None], planes), columns.transpose(0, 2, 1)[:, None])
    return xp.ascontiguousarray(xp.clip(xp.rint(fields), 0, 255).astype(xp.uint8).transpose(0, 2, 3, 1))


def fields_of_rows(arrays, rows, size):
    """What a fine-tuned network sees of rows of crops: `network.augmentation.prepare` of each.

    Parameters
    ----------
    arrays : leukobench.devices.Arrays
    rows : uint8 array of that library, shape (n, side * side * 3)
    size : int
        Of the field, in px.

    Returns
    -------
    uint8 array of that library, shape (n, size, size, 3)

    Raises
    ------
    ValueError
        Where they are no bytes of square RGB images.
    """
    xp = arrays.xp
    side = round((rows.shape[-1] / 3) ** 0.5)
    if rows.ndim != 2 or rows.dtype != np.uint8 or rows.shape[1] != 3 * side * side:
        raise ValueError(f"bytes of shape (n, side * side * 3) are needed, not {rows.dtype} {rows.shape}")
    images = rows.reshape(len(rows), side, side, 3)
    white = white_balanced(xp, images, background_colours(xp, images, xp.ones(images.shape[:3], bool)))
    start = (side - size) // 2
    return xp.ascontiguousarray(white[:, start : start + size, start : start + size])


def _of_each(xp, fields):
    """The matrix of each field, or the one of all where they are alike."""
    different = {field: number for number, field in enumerate(dict.fromkeys(fields))}
    matrices = xp.asarray(np.stack([_field(*field) for field in different]))
    return matrices if len(different) == 1 else matrices[xp.asarray(np.array([different[field] for field in fields]))]


@lru_cache(maxsize=256)
def _field(extent, side, size, room):
    """The matrix that cuts a side from the middle of an extent and brings it to a size; shape (size, room)."""
    interpolation = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    resized = cv2.resize(np.eye(side, dtype=np.float32), (side, size), interpolation=interpolation)
    places = (np.arange(side) + (extent - side) // 2) % (2 * extent)
    matrix = np.zeros((size, room), np.float32)
    np.add.at(matrix.T, np.minimum(places, 2 * extent - 1 - places), resized.T)
    return matrix

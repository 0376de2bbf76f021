"""What a fine-tuned network reads: square crops of pictures seen through a view, kept as rows of bytes."""

import numpy as np

from leukobench.errors import UsageError
from leukobench.imaging.crop import centre_crop
from leukobench.imaging.stain import background_colour
from leukobench.preparation.views import VIEWS, apply_view, get_view, view_key

SIDE = 160  # px; at 0.2 um per px a field of 32 um, so that the network's own field can be turned and moved inside
CROP_VERSION = "2"


def crop_rows(images, view, um_per_px=None):
    """Crops of images as rows.

    Parameters
    ----------
    images : sequence of uint8 arrays, shape (H, W, 3)
        RGB, each of its own size.
    view : str
        A key of `leukobench.preparation.views.VIEWS` with a scale and without copies, such as "canonical".
    um_per_px : float, sequence of float or None, default None
        Micrometres per pixel, of all or of each image; None and NaN are unknown.

    Returns
    -------
    uint8 array, shape (n, SIDE * SIDE * 3)

    Raises
    ------
    UsageError
        Where the view is unknown, leaves the scale as it is, or makes copies.
    """
    return seen_crops(apply_view(images, crop_view(view), um_per_px))


def seen_crops(seen):
    """The same of images that were brought to the view already.

    Parameters
    ----------
    seen : leukobench.preparation.views.Seen

    Returns
    -------
    uint8 array, shape (n, SIDE * SIDE * 3)
    """
    # filled with the picture's own glass: a white border would pass for the glass when white is balanced later
    return np.stack(
        [
            centre_crop(picture, SIDE, background_colour(picture, mask)).ravel()
            for picture, mask in zip(seen.pictures, seen.masks, strict=True)
        ]
    )


def crop_view(name):
    """The view of a name, where crops can be cut from it; else UsageError."""
    view = get_view(name)
    if view.um_per_px is None or view.copies:
        fit = [other for other, each in VIEWS.items() if each.um_per_px is not None and not each.copies]
        hint = f"known: {', '.join(fit)}"
        raise UsageError(f"crops need a view with a scale and without copies, not '{name}'", hint)
    return view


def crop_key(view):
    """What the crops of a view depend on, as plain values."""
    return view_key(get_view(view)) | {"side": SIDE, "crop": CROP_VERSION}


def as_images(rows):
    """Rows of bytes as RGB images.

    Parameters
    ----------
    rows : array, shape (n, side * side * 3)
        Whole numbers from 0 to 255.

    Returns
    -------
    uint8 array, shape (n, side, side, 3)

    Raises
    ------
    ValueError
        Where a row is no square RGB image, or its values are no bytes.

    Examples
    --------
    >>> as_images(np.zeros((2, 48), np.uint8)).shape
    (2, 4, 4, 3)
    """
    rows = np.asarray(rows)
    side = int(np.sqrt(rows.shape[-1] / 3)) if rows.ndim == 2 else 0
    if not side or rows.shape[1] != 3 * side * side:
        raise ValueError(f"rows of shape (n, side * side * 3) are needed, not {rows.shape}")
    if rows.dtype != np.uint8:
        if not np.isfinite(rows).all() or rows.min(initial=0) < 0 or rows.max(initial=0) > 255:
            raise ValueError("pixels from 0 to 255 are needed")
        whole = rows.astype(np.uint8)
        if (whole != rows).any() or (rows.dtype.kind == "f" and whole.max(initial=0) == 1):
            raise ValueError("whole numbers from 0 to 255 are needed, not pixels that were divided by 255")
        rows = whole
    return rows.reshape(len(rows), side, side, 3)

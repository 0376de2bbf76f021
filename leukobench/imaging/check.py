"""What a picture must be, wherever a list of them is handed in."""

import numpy as np

from leukobench.errors import UsageError


def check_images(images, *, empty=False, kind=np.ndarray):
    """Pictures as a list, by their positions.

    Parameters
    ----------
    images : sequence of uint8 arrays, shape (H, W, 3)
        RGB, each of its own size: a list, one array of shape (n, H, W, 3), or a Series, whatever its index.
    empty : bool, default False
        Let pictures pass that have no pixel.
    kind : type or tuple of types, default numpy.ndarray
        What an array is.

    Returns
    -------
    list of uint8 arrays, shape (H, W, 3)

    Raises
    ------
    UsageError
        Where one is something else, by its position.

    Examples
    --------
    >>> len(check_images(np.zeros((2, 5, 4, 3), np.uint8)))
    2
    """
    images = list(images)  # a Series would be asked for labels where positions are meant
    for position, image in enumerate(images):
        is_array = isinstance(image, kind)
        if is_array and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and (image.size or empty):
            continue
        found = f"{image.dtype} {image.shape}" if is_array else type(image).__name__
        raise UsageError(
            f"image {position} is no RGB image: {found}",
            "give uint8 arrays of shape (height, width, 3), with pixels from 0 to 255",
        )
    return images

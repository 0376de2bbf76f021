"""What JPEG does to pictures, without the file: array code that loses on either device what libjpeg loses.

Colours are turned as libjpeg's fixed-point numbers do, red and blue differences are kept at half the size, blocks of
8 x 8 are rounded to the steps of a quality's tables (ITU-T T.81, K.1), and what is read back is enlarged by libjpeg's
triangles. Its cosine transform of whole numbers is a product of matrices, which double precision holds exactly.
"""

import io
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image

BLOCK = 8
# jfdctint.c's constants, 13 bits behind the point, multiplied out: of sums and of differences of mirrored pixels
OF_SUMS = [
    [8192, 8192, 8192, 8192],
    [10703, 4433, -4433, -10703],
    [8192, -8192, -8192, 8192],
    [4433, -10704, 10704, -4433],
]
OF_DIFFERENCES = [
    [11363, 9633, 6437, 2260],
    [9633, -2259, -11362, -6436],
    [6437, -11362, 2261, 9633],
    [2260, -6436, 9633, -11363],
]
COSINES = np.empty((BLOCK, BLOCK))
COSINES[::2], COSINES[1::2] = (
    np.hstack([half, sign * np.fliplr(half)]) for half, sign in ((OF_SUMS, 1), (OF_DIFFERENCES, -1))
)
# 16 bits behind the point, as in jccolor.c and jdcolor.c
HALF, CENTRE = 1 << 15, 128 << 16
TO_LUMA, TO_BLUE, TO_RED = (19595, 38470, 7471), (-11059, -21709, 32768), (32768, -27439, -5329)


@lru_cache(maxsize=100)
def steps(quality):
    """The tables of a quality as libjpeg writes them: brightness and colour; float array, shape (2, 8, 8)."""
    written = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    tables = Image.open(io.BytesIO(written.tobytes())).quantization
    return np.array([tables[0], tables[1]], float).reshape(2, BLOCK, BLOCK)


def compressed(xp, images, qualities):
    """Pictures as they come back from JPEG files.

    Parameters
    ----------
    xp : module
        The array library.
    images : uint8 array of that library, shape (n, H, W, 3)
        RGB.
    qualities : sequence of int, length n
        From 1 to 100.

    Returns
    -------
    uint8 array, shape (n, H, W, 3)
        libjpeg's, to the last bit.
    """
    height, width = images.shape[1:3]
    brightness, colour = xp.asarray(np.stack([steps(quality) for quality in qualities], axis=1))
    # rows are filled up after they were halved, columns before
    even = _filled(xp, images, (2, 2 * BLOCK)).astype(xp.int32)
    luma, blue, red = _turned(xp, even)
    luma = _rounded(xp, _filled(xp, luma, (BLOCK, BLOCK)), brightness)[:, :height, :width]
    blue, red = (
        _enlarged(xp, _rounded(xp, _filled(xp, _halved(xp, each), (BLOCK, BLOCK)), colour), height, width) - 128
        for each in (blue, red)
    )
    rgb = (
        luma + (91881 * red + HALF >> 16),
        luma + (-22554 * blue - 46802 * red + HALF >> 16),
        luma + (116130 * blue + HALF >> 16),
    )
    return xp.clip(xp.stack(rgb, axis=-1), 0, 255).astype(xp.uint8)


def _filled(xp, images, to):
    """Images whose sides are made multiples of something by their border."""
    sides = [(0, -side % whole) for side, whole in zip(images.shape[1:3], to, strict=True)]
    return xp.pad(images, ((0, 0), *sides, *((0, 0),) * (images.ndim - 3)), mode="edge")


def _turned(xp, rgb):
    """Brightness, and the differences of blue and red; int arrays, shape (n, H, W)."""
    red, green, blue = (rgb[..., k] for k in range(3))

    def mixed(weights, more):
        return weights[0] * red + weights[1] * green + weights[2] * blue + more >> 16

    return mixed(TO_LUMA, HALF), mixed(TO_BLUE, CENTRE + HALF - 1), mixed(TO_RED, CENTRE + HALF - 1)


def _halved(xp, planes):
    """Means of squares of four, which round down and up in turn."""
    n, height, width = planes.shape
    sums = planes.reshape(n, height // 2, 2, width // 2, 2).sum(axis=(2, 4))
    return sums + 1 + xp.arange(width // 2) % 2 >> 2


def _rounded(xp, planes, tables):
    """Planes whose blocks were rounded to the steps of a table each, (n, 8, 8); int array, shape as before."""
    n, height, width = planes.shape
    forward, back = xp.asarray(COSINES.T), xp.asarray(COSINES)
    blocks = (planes - 128).astype(xp.float64).reshape(n, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    waves = _along_rows(xp, blocks, forward, 11).swapaxes(2, 4)
    waves = _along_rows(xp, waves, forward, 15)
    # a wave is 8 times what the table is for, and lies on its side
    tables = tables.transpose(0, 2, 1)[:, None, :, None]
    waves = xp.copysign(xp.floor(xp.abs(waves) / (BLOCK * tables) + 0.5), waves) * tables
    blocks = _along_rows(xp, waves, back, 11).swapaxes(2, 4)
    return xp.clip(_along_rows(xp, blocks, back, 18).reshape(planes.shape) + 128, 0, 255).astype(xp.int32)


def _along_rows(xp, blocks, matrix, bits):
    """A transform of the last axis, rounded to so many bits less."""
    moved = xp.matmul(blocks.reshape(-1, BLOCK), matrix).reshape(blocks.shape)
    return xp.floor((moved + (1 << bits - 1)) / (1 << bits))


def _enlarged(xp, planes, height, width):
    """Planes at twice the size by triangles, cut to a size."""
    planes = planes[:, : -(-height // 2), : -(-width // 2)]
    rows, columns = planes.shape[1:]
    if columns <= 2:
        # libjpeg finds that too narrow
        return xp.repeat(xp.repeat(planes, 2, axis=1), 2, axis=2)[:, :height, :width]
    framed = xp.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    tall = xp.stack([3 * framed[:, 1:-1] + framed[:, :-2], 3 * framed[:, 1:-1] + framed[:, 2:]], axis=2)
    tall = tall.reshape(len(planes), 2 * rows, columns + 2)
    middle = 3 * tall[..., 1:-1]
    wide = xp.stack([middle + tall[..., :-2] + 8, middle + tall[..., 2:] + 7], axis=3) >> 4
    return wide.reshape(len(planes), 2 * rows, 2 * columns)[:, :height, :width]

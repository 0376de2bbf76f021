"""A small U-shaped network: cell and nucleus of a 96 x 96 picture in less than a millisecond.

`leukobench.segmentation.train` fits it on drawn scenes, and `leukobench.segmentation.export` writes it as an ONNX file,
which ONNX Runtime runs here.
"""

from functools import cache
from importlib.resources import files

import cv2
import numpy as np

from leukobench.files import file_digest

SIDE = 96  # px of the network's square picture
CHANNELS = (8, 16, 32, 36, 40)  # of the five levels, from 96 px down to 6 px
FILE = "network.onnx"
GLASS_SHARE = 0.85  # of the pixels are darker, in their darkest channel, than what counts as plain glass
STRONG_SHARE = 0.97  # of the pixels have less optical density than what becomes 1
LEAST_STRONG = 0.15  # optical density that an almost empty picture is scaled by
OFFSET = 8.0  # grey values added before the logarithm, against noise in the dark
DENSITY_OF_GREY = -np.log(np.arange(256, dtype=np.float32) + np.float32(OFFSET))
AXIS = ((np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE * 2 - 1) ** 2
FROM_CENTRE = AXIS[:, None] + AXIS  # squared distance


def shrink(rgb: np.ndarray) -> np.ndarray:
    """The image with its longer side at `SIDE` pixels: halved while it will go, for a mean over any area is slow."""
    for size, interpolation in shrinking_steps(*rgb.shape[:2]):
        rgb = cv2.resize(rgb, size, interpolation=interpolation)
    return rgb


def shrinking_steps(height, width):
    """The sizes (width, height) that an image goes through on its way to the small one, each with its interpolation."""
    scale = SIDE / max(height, width)
    small = max(1, round(width * scale)), max(1, round(height * scale))
    while max(height, width) >= 4 * SIDE and min(height, width) >= 2:
        height, width = height // 2, width // 2
        yield (width, height), cv2.INTER_LINEAR
    if max(height, width) >= 2 * SIDE:
        yield (2 * small[0], 2 * small[1]), cv2.INTER_LINEAR
    yield small, cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR


def normalise(rgb: np.ndarray) -> np.ndarray:
    """What the network sees: stain relative to the glass and to the strongest stain of this very image.

    Parameters
    ----------
    rgb : uint8 array, shape (H, W, 3), neither side above `SIDE`

    Returns
    -------
    float32 array, shape (4, SIDE, SIDE)
        Optical density of R, G, B over the glass, as a share of the strongest; squared distance from the centre.
        A shorter side is filled up by repeating its border.
    """
    height, width = rgb.shape[:2]
    channels = cv2.split(rgb)
    darkest = cv2.min(cv2.min(*channels[:2]), channels[2])
    bright = np.flatnonzero(darkest >= quantile(darkest, GLASS_SHARE))
    glass = np.array([quantile(channel.ravel().take(bright), 0.5) for channel in channels], np.float32)
    density = DENSITY_OF_GREY[:, None] + np.log(glass + OFFSET)  # of each grey value, in each channel
    seen = cv2.LUT(rgb, density[None])
    seen /= max(quantile(total(seen), STRONG_SHARE) / 3, LEAST_STRONG)
    np.clip(seen, -0.5, 2.5, out=seen)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    if (height, width) != (SIDE, SIDE):
        seen = cv2.copyMakeBorder(seen, top, SIDE - height - top, left, SIDE - width - left, cv2.BORDER_REPLICATE)
    picture = np.empty((4, SIDE, SIDE), np.float32)
    cv2.split(seen, [*picture[:3]])
    picture[3] = FROM_CENTRE
    return picture


def total(image: np.ndarray) -> np.ndarray:
    """Sum over the three channels."""
    return cv2.transform(image, np.ones((1, 3), np.float32))


def quantile(values, share):
    """The value that a share of the values lies below, which is one of them."""
    values = values.ravel().astype(np.float32, copy=False)  # NumPy selects among them sooner than among bytes
    at = int(share * len(values))
    return np.partition(values, at)[at]


@cache
def weights_digest():
    """SHA-256 of the file of the network."""
    return file_digest(file())


def file():
    """Path of the network's file, which names its origin among its properties."""
    return files(__package__) / FILE


@cache
def load_network():
    """The network of the package, opened once."""
    return open_file(file())


def open_file(path):
    """A file in ONNX Runtime (`onnxruntime.InferenceSession`), with one thread; several may run it at once."""
    # 0.2 s, which a command that segments nothing need not wait for
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])


def predict(picture: np.ndarray) -> np.ndarray:
    """Logits of whole cell and nucleus.

    Parameters
    ----------
    picture : float32 array, shape (4, SIDE, SIDE), as `normalise` returns it

    Returns
    -------
    float32 array, shape (2, SIDE, SIDE)
    """
    (logits,) = load_network().run(None, {"pictures": picture[None]})
    return apart(logits)[0]


def apart(pairs):
    """The answer of the file, where two rows are one of twice as many channels, row by row.

    Parameters
    ----------
    pairs : array, shape (n, 2 * channels, rows / 2, columns)
        The channels of the upper row of each pair first.

    Returns
    -------
    array, shape (n, channels, rows, columns)

    Examples
    --------
    >>> apart(np.array([0, 2, 1, 3]).reshape(1, 2, 2, 1)).ravel().tolist()
    [0, 1, 2, 3]
    """
    n, channels, rows, columns = pairs.shape
    split = pairs.reshape(n, 2, channels // 2, rows, columns).transpose(0, 2, 3, 1, 4)
    return split.reshape(n, channels // 2, 2 * rows, columns)

"""A small U-shaped network in plain NumPy: cell and nucleus of a 96 x 96 picture in about 2 ms.

Only the forward pass lives here; `leukobench.segmentation.train` fits the weights on drawn scenes and folds
the batch normalisation into them. NumPy's matrix product does nearly all of the work and lets other threads run.
"""

import threading
from functools import cache
from importlib.resources import files

import cv2
import numpy as np

from leukobench.files import file_digest

SIDE = 96  # px of the network's square picture
CHANNELS = (8, 16, 32, 36, 40)  # of the five levels, from 96 px down to 6 px
WEIGHTS = "weights.npz"
GLASS_PERCENTILE = 85  # darkest channel above which a pixel counts as plain glass
STRONG_PERCENTILE = 97  # of the optical density, which becomes 1
LEAST_STRONG = 0.15  # optical density that an almost empty picture is scaled by
OFFSET = 8.0  # grey values added before the logarithm, against noise in the dark
DENSITY_OF_GREY = -np.log(np.arange(256, dtype=np.float32) + np.float32(OFFSET))


def shrink(rgb: np.ndarray) -> np.ndarray:
    """The image with its longer side at `SIDE` pixels, halved as often as it will go before the slow last step."""
    height, width = rgb.shape[:2]
    scale = SIDE / max(height, width)
    while max(rgb.shape[:2]) >= 2 * SIDE and min(rgb.shape[:2]) >= 2:
        rgb = cv2.resize(rgb, (rgb.shape[1] // 2, rgb.shape[0] // 2), interpolation=cv2.INTER_LINEAR)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


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
    darkest = np.minimum(np.minimum(rgb[..., 0], rgb[..., 1]), rgb[..., 2]).ravel()
    bright = np.flatnonzero(darkest >= _percentile(darkest, GLASS_PERCENTILE))
    glass = np.median(rgb.reshape(-1, 3)[bright], axis=0)
    density = optical_density(rgb) + np.log(glass + OFFSET).astype(np.float32)
    density /= max(_percentile(total(density).ravel(), STRONG_PERCENTILE) / 3, LEAST_STRONG)
    np.clip(density, -0.5, 2.5, out=density)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    if (height, width) != (SIDE, SIDE):
        density = cv2.copyMakeBorder(density, top, SIDE - height - top, left, SIDE - width - left, cv2.BORDER_REPLICATE)
    picture = np.empty((4, SIDE, SIDE), np.float32)
    picture[:3] = density.transpose(2, 0, 1)
    axis = ((np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE * 2 - 1) ** 2
    picture[3] = axis[:, None] + axis
    return picture


def optical_density(rgb: np.ndarray) -> np.ndarray:
    """Minus the logarithm of each grey value, so that stains add up; float32, shape (H, W, 3)."""
    return cv2.LUT(rgb, DENSITY_OF_GREY)


def total(density: np.ndarray) -> np.ndarray:
    """Sum over the three channels (NumPy's own is slow along so short an axis)."""
    return density @ np.ones(3, np.float32)


def _percentile(values, percent):
    at = int(percent / 100 * len(values))
    return np.partition(values, at)[at]


@cache
def weights_digest():
    """SHA-256 of the file of weights."""
    return file_digest(files(__package__) / WEIGHTS)


@cache
def load_weights(name=WEIGHTS):
    """The weights of the package as float32 arrays: layer name -> (matrix, bias column)."""
    with (files("leukobench.segmentation") / name).open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        layers = sorted({key.split(".")[0] for key in stored.files if "." in key})
        return {
            layer: (stored[f"{layer}.weight"].astype(np.float32), stored[f"{layer}.bias"].astype(np.float32)[:, None])
            for layer in layers
        }


def predict(picture: np.ndarray, weights=None) -> np.ndarray:
    """Logits of whole cell and nucleus.

    Parameters
    ----------
    picture : float32 array, shape (4, SIDE, SIDE), as `normalise` returns it
    weights : dict, default=None
        As `load_weights` returns it, which is also the default.

    Returns
    -------
    float32 array, shape (2, SIDE, SIDE)
    """
    weights = load_weights() if weights is None else weights
    levels = [_convolve(picture, weights["encoder0"])]
    for level in range(1, len(CHANNELS)):
        down = _convolve_down(levels[-1], weights[f"encoder{level}down"])
        levels.append(_convolve(down, weights[f"encoder{level}"]))
    x = levels[-1]
    # the mean over the whole picture tells every place what stain and what company the cell is in
    overall = _mix(x.mean((1, 2), keepdims=True), weights["context"])
    x = x + np.maximum(overall, 0)
    for level in range(len(CHANNELS) - 2, -1, -1):
        wide = levels[level]
        coarse = _mix(x, weights[f"lateral{level}"])
        for row in (0, 1):
            for column in (0, 1):
                wide[:, row::2, column::2] += coarse
        x = _convolve(wide, weights[f"decoder{level}"])
    return _mix(x, weights["output"])


class _Workspace(threading.local):
    """Arrays that a thread uses over and over: fresh memory would cost as much time as the products."""

    def __init__(self):
        self.arrays = {}

    def array(self, role, *shape):
        """Zeros at first, later what was left there; borders that nobody writes to stay 0."""
        key = role, shape
        if key not in self.arrays:
            self.arrays[key] = np.zeros(shape, np.float32)
        return self.arrays[key]


_workspace = _Workspace()


def _convolve(x, layer):
    """3 x 3 convolution with zero border, then ReLU; the matrix's columns run over kernel place, then channel.

    The result lies in the workspace until the next one of its shape; `x` is copied first, so it may be that very array.
    """
    matrix, bias = layer
    channels, height, width = x.shape
    line = width + 2  # with its border
    padded = _workspace.array("padded", channels, (height + 2) * line + 2)
    padded[:, :-2].reshape(channels, height + 2, line)[:, 1:-1, 1:-1] = x
    # a step of the kernel is a shift of the flat picture: columns by copies, rows by views that BLAS takes as they are
    shifted = _workspace.array("shifted", 3 * channels, (height + 2) * line)
    for column in range(3):
        shifted[column * channels : (column + 1) * channels] = padded[:, column : column + (height + 2) * line]
    kernel = matrix.reshape(len(matrix), 3, 3 * channels)
    y = _workspace.array("result", len(matrix), height * line)
    product = _workspace.array("product", *y.shape)
    np.matmul(kernel[:, 0], shifted[:, : height * line], out=y)
    y += np.matmul(kernel[:, 1], shifted[:, line : (1 + height) * line], out=product)
    y += np.matmul(kernel[:, 2], shifted[:, 2 * line : (2 + height) * line], out=product)
    return _rectify(y, bias).reshape(-1, height, line)[:, :, :width]


def _convolve_down(x, layer):
    """The same with a stride of 2, both sides even: every other row and column is a picture (a phase) of its own."""
    matrix, bias = layer
    channels, height, width = x.shape
    height, width = height // 2, width // 2
    line = width + 1
    phases = _workspace.array("phases", 4, channels, height + 1, line)
    # of the picture with its border, in an order in which the phases that take part in a shift are neighbours
    phases[0, :, :-1, 1:] = x[:, ::2, 1::2]  # odd rows, even columns
    phases[1, :, 1:, 1:] = x[:, 1::2, 1::2]  # even, even
    phases[2, :, 1:, :-1] = x[:, 1::2, ::2]  # even, odd
    phases[3, :, :-1, :-1] = x[:, ::2, ::2]  # odd, odd
    flat = phases.reshape(4 * channels, -1)
    at = matrix.reshape(-1, 3, 3, channels)
    here = np.concatenate([at[:, 1, 0], at[:, 0, 0], at[:, 0, 1], at[:, 1, 1]], 1)
    right = np.concatenate([at[:, 1, 2], at[:, 0, 2]], 1)
    below = np.concatenate([at[:, 2, 0], at[:, 2, 1]], 1)
    last = height * line - 1  # the very last place is border and has no right neighbour below
    y = _workspace.array("result", len(matrix), height * line)
    product = _workspace.array("product", len(matrix), last)
    np.matmul(here, flat[:, : height * line], out=y)
    y[:, :last] += np.matmul(right, flat[: 2 * channels, 1 : 1 + last], out=product)
    y[:, :last] += np.matmul(below, flat[channels : 3 * channels, line : line + last], out=product)
    y[:, :last] += np.matmul(at[:, 2, 2], flat[channels : 2 * channels, line + 1 : line + 1 + last], out=product)
    return _rectify(y, bias).reshape(-1, height, line)[:, :, :width]


def _rectify(y, bias):
    y += bias
    return np.maximum(y, 0, out=y)


def _mix(x, layer):
    """1 x 1 convolution."""
    matrix, bias = layer
    channels, height, width = x.shape
    return (matrix @ x.reshape(channels, -1) + bias).reshape(-1, height, width)

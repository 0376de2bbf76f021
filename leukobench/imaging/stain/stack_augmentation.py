"""`augment` of a stack of pictures at once, in array code for either device.

Steps are those of `steps`, their chance is drawn by `augmentation.draw`; pixels differ where OpenCV has fewer digits.
"""

import cv2
import numpy as np

from leukobench.imaging.jpeg import compressed
from leukobench.imaging.stain.steps import NORMAL, taps


def augmented(xp, images, drawn, own):
    """The copy of each picture that its draw tells of.

    Parameters
    ----------
    xp : module
        The array library.
    images : uint8 array of that library, shape (n, H, W, 3)
        RGB.
    drawn : sequence of leukobench.imaging.stain.augmentation.Drawn, length n
        Each at strength 1.
    own : float array of that library, shape (n, 3)
        `background_colour` of each picture.

    Returns
    -------
    uint8 array, shape (n, H, W, 3)
    """
    images = restained(xp, images, drawn, own)
    images = exposed(xp, images, drawn)
    images = turned(xp, images, drawn)
    images = blurred(xp, images, drawn)
    images = with_grain(xp, images, drawn)
    some = [k for k, each in enumerate(drawn) if each.quality < 100]
    if some:
        at = xp.asarray(np.array(some))
        images[at] = compressed(xp, images[at], [round(drawn[k].quality) for k in some])
    return images


def restained(xp, images, drawn, own):
    """`restain` of each."""
    mixing = -_stacked(xp, [each.matrix.T for each in drawn])
    glass = xp.log(_stacked(xp, [each.glass for each in drawn]) + 1)
    logarithms = xp.log(xp.arange(256, dtype=xp.float64) + 1).astype(xp.float32)
    density = xp.log(own + 1).astype(xp.float32)[:, None] - logarithms[images.reshape(len(images), -1, 3)]
    return _bytes(xp, xp.exp(xp.matmul(density, mixing) + glass[:, None]) - 1).reshape(images.shape)


def exposed(xp, images, drawn):
    """`expose` of each."""
    n, height, width, _ = images.shape
    y, x = (xp.linspace(-1, 1, side, dtype=xp.float32)[None] for side in (height, width))
    (down, across), fall = _stacked(xp, [each.tilt for each in drawn]).T[..., None], _of(xp, drawn, "fall")
    light = (down / 2 * y - fall / 2 * y**2)[:, :, None] + (1 + across / 2 * x - fall / 2 * x**2)[:, None]
    curves = 255 * (xp.arange(256) / 255.0) ** xp.asarray(np.array([[each.gamma] for each in drawn]))
    lit = curves.astype(xp.float32).reshape(-1)[images.reshape(n, -1) + 256 * xp.arange(n)[:, None]]
    return _bytes(xp, lit.reshape(images.shape) * light[..., None])


def turned(xp, images, drawn):
    """`turn` of each."""
    n, height, width, _ = images.shape
    middle = (width - 1) / 2, (height - 1) / 2
    ways = np.array([cv2.invertAffineTransform(cv2.getRotationMatrix2D(middle, d.degrees, d.scale)) for d in drawn])
    mirrored = np.array([each.mirrored for each in drawn])
    ways[mirrored, 0] = (0, 0, width - 1) - ways[mirrored, 0]
    ways = xp.asarray(ways.astype(np.float32))[..., None, None]
    y, x = xp.arange(height, dtype=xp.float32)[:, None], xp.arange(width, dtype=xp.float32)
    (left, right), across = _neighbours(xp, ways[:, 0, 0] * x + ways[:, 0, 1] * y + ways[:, 0, 2], width)
    (above, below), down = _neighbours(xp, ways[:, 1, 0] * x + ways[:, 1, 1] * y + ways[:, 1, 2], height)
    first, pixels = height * width * xp.arange(n)[:, None, None], images.reshape(-1, 3)
    across, down = across[..., None], down[..., None]
    upper, lower = (
        pixels[first + rows * width + left] * (1 - across) + pixels[first + rows * width + right] * across
        for rows in (above, below)
    )
    return _bytes(xp, upper * (1 - down) + lower * down)


def _neighbours(xp, places, side):
    """The two pixels of an axis that places lie between, reflected at the border, and how near the second is."""
    first = xp.floor(places)
    both = (first.astype(xp.int64) % (2 * side), (first.astype(xp.int64) + 1) % (2 * side))
    return [xp.minimum(each, 2 * side - 1 - each) for each in both], places - first


def blurred(xp, images, drawn):
    """`blur` of each."""
    kernels = [taps(each.blur) for each in drawn]
    reach = max(map(len, kernels)) // 2
    weights = np.zeros((2 * reach + 1, len(drawn)), np.float32)
    for k, kernel in enumerate(kernels):
        weights[reach - len(kernel) // 2 : reach + len(kernel) // 2 + 1, k] = kernel
    weights = xp.asarray(weights)[..., None, None, None]
    height, width = images.shape[1:3]
    framed = xp.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="reflect").astype(xp.float32)
    rows = sum(weights[k] * framed[:, k : k + height] for k in range(2 * reach + 1))
    return _bytes(xp, sum(weights[k] * rows[:, :, k : k + width] for k in range(2 * reach + 1)))


def with_grain(xp, images, drawn):
    """`add_grain` to each that has any."""
    some = [k for k, each in enumerate(drawn) if each.grain is not None]
    if not some:
        return images
    at, grain = xp.asarray(np.array(some)), _stacked(xp, [drawn[k].grain for k in some], np.uint8)
    noise = xp.asarray(NORMAL)[grain] * xp.asarray(np.array([drawn[k].noise for k in some]))[:, None, None, None]
    images[at] = _bytes(xp, images[at] + noise.astype(xp.float32))
    return images


def _of(xp, drawn, name):
    return _stacked(xp, [[getattr(each, name)] for each in drawn])


def _stacked(xp, values, dtype=np.float32):
    return xp.asarray(np.array(values, dtype))


def _bytes(xp, values):
    return xp.clip(xp.rint(values), 0, 255).astype(xp.uint8)

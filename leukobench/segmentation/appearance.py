"""Stain, light, lens and camera: one drawn scene has another colour each time that it is looked at."""

import cv2
import numpy as np

from leukobench.segmentation.outlines import SIDE


def colourise(layers, labels, rng, side):
    """A scene in a random stain under a random camera, turned, mirrored and scaled at random.

    Parameters
    ----------
    layers, labels : uint8 arrays as `draw_scene` returns them
    rng : numpy.random.Generator
    side : int
        Pixels of the picture.

    Returns
    -------
    rgb : uint8 array, shape (side, side, 3)
    truth : float32 array, shape (2, side, side)
        Coverage of cell and nucleus, 0 to 1.
    """
    scale = side / SIDE * rng.uniform(0.8, 1.3)
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), rng.uniform(0, 360), scale)
    turn[:, 2] += (side - SIDE) / 2 + rng.normal(0, 0.02 * side, 2)
    mirror = rng.random() < 0.5

    def warp(stack, border):
        stack = np.ascontiguousarray(stack.transpose(1, 2, 0))
        warped = cv2.warpAffine(stack, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)
        return (warped[:, ::-1] if mirror else warped).astype(np.float32)

    # beyond its border a scene goes on as its own mirror image, so a second cell may show: a neighbour
    density = np.concatenate([warp(layers[:3], cv2.BORDER_REFLECT), warp(layers[3:], cv2.BORDER_REFLECT)], 2)
    truth = warp(labels, cv2.BORDER_CONSTANT).transpose(2, 0, 1) / 255
    density = density @ (_stain(rng) / 100)
    density = density @ (np.eye(3) + rng.normal(0, 0.06, (3, 3)))
    light = np.exp(-np.clip(density, -0.1, 4))
    y, x = np.mgrid[:side, :side] / side - 0.5
    slope = rng.normal(0, 0.12, 2)
    light *= (_glass(rng) * (1 + slope[0] * x + slope[1] * y)[..., None]).astype(np.float32)
    return _camera(light, rng), truth


def _ratios(rng, red, blue):
    return np.array([rng.uniform(*red), 1.0, rng.uniform(*blue)])


def _log_uniform(rng, low, high):
    return np.exp(rng.uniform(np.log(low), np.log(high)))


def _stain(rng):
    """Optical density in R, G, B of each layer at full stain: rows as `LAYERS`."""
    chromatin = _log_uniform(rng, 0.6, 2.3) * _ratios(rng, (0.35, 1.1), (0.25, 0.9))
    strength = chromatin.mean()
    azure = chromatin[0] / chromatin[1]  # red light stopped per green light: nothing stops more than chromatin
    kind = rng.random()
    if kind < 0.45:  # basophilic: azure, methylene blue
        cytoplasm = _ratios(rng, (0.6, 1.5), (0.05, 0.6))
    elif kind < 0.8:  # pink: eosin
        cytoplasm = _ratios(rng, (0.15, 0.7), (0.3, 1.0)) * [azure, 1, 1]
    else:
        cytoplasm = chromatin / chromatin[1] * rng.normal(1, 0.1, 3)
    cytoplasm *= strength * _log_uniform(rng, 0.05, 0.8) / cytoplasm.mean()
    dark = chromatin * rng.uniform(0.4, 1.2) * rng.normal(1, 0.1, 3)
    eosin = _ratios(rng, (0.2, 0.85), (0.4, 1.3)) * [azure, 1, 1]
    eosin *= strength * rng.uniform(0.2, 1.2) / eosin.mean()
    red = _ratios(rng, (0.25, 0.95), (0.3, 1.2)) * [azure, 1, 1]
    red *= strength * _log_uniform(rng, 0.1, 0.85) / red.mean()
    debris = rng.uniform(0.1, 1, 3) * strength
    return np.stack([chromatin, cytoplasm, dark, eosin, red, debris])


def _glass(rng):
    """Colour of the empty glass: white, cream, yellow, grey or bluish; now and then overexposed."""
    colour = rng.uniform(0.6, 1.0) * np.ones(3)
    kind = rng.random()
    if kind < 0.35:
        colour *= [1, rng.uniform(0.85, 1), rng.uniform(0.65, 1)]
    elif kind < 0.5:
        colour *= [1, rng.uniform(0.9, 1.02), rng.uniform(0.3, 0.7)]
    elif kind < 0.65:
        colour *= [rng.uniform(0.8, 1), rng.uniform(0.8, 1), 1]
    return colour * (rng.uniform(1, 1.15) if rng.random() < 0.2 else 1)


def _camera(light, rng):
    image = np.clip(light, 0, 1).astype(np.float32) ** (rng.uniform(0.75, 1.3) * rng.normal(1, 0.06, 3)).astype(
        np.float32
    )
    if rng.random() < 0.4:  # the camera's own saturation and contrast
        grey = image.mean(2, keepdims=True)
        image = np.clip(grey + (image - grey) * rng.uniform(0.6, 1.8), 0, 1)
    if rng.random() < 0.3:
        image = np.clip(0.5 + (image - 0.5) * rng.uniform(0.8, 1.4), 0, 1)
    if rng.random() < 0.6:
        image = cv2.GaussianBlur(image, (0, 0), _log_uniform(rng, 0.25, 1.3))
    if rng.random() < 0.3:
        image = image + rng.uniform(0.3, 1.5) * (image - cv2.GaussianBlur(image, (0, 0), 1.0))
    if rng.random() < 0.25:  # colour fringes
        for channel in (0, 2):
            shift = np.float32([[1, 0, rng.normal(0, 0.4)], [0, 1, rng.normal(0, 0.4)]])
            image[..., channel] = cv2.warpAffine(
                image[..., channel], shift, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
            )
    image = image * 255 + rng.normal(0, rng.uniform(0, 6), image.shape).astype(np.float32)
    image = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        coded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))])[1]
        image = np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1])
    return image

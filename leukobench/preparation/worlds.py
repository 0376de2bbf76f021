"""Simulated laboratories: a picture as a laboratory that nobody has seen might have taken it, from stain to file.

A world is a fixed draw of stain, camera, optics and crop (`worlds.toml` has the ranges with their units). Its number
settles it, so that it is a laboratory: all pictures that are shown in it share what it does and differ by a little of
their own. Those that models train in and those that models are chosen in come from two seeds and never meet.
"""

import functools
import tomllib
from importlib.resources import files
from types import SimpleNamespace

import cv2
import numpy as np

from leukobench.files import content_hash
from leukobench.imaging.stain.background import background_colour
from leukobench.imaging.stain.steps import NORMAL

TABLE = tomllib.loads((files(__package__) / "worlds.toml").read_text(encoding="utf-8"))
VERSION = f"1.{content_hash(TABLE, 8)}"
"""Goes into cache keys; its first number is raised whenever the same ranges would give other pixels."""

TRAINING, CHOOSING = 1, 2  # seeds of the two kinds of worlds
NUMBER = 40  # of worlds that models are chosen in
UNKNOWN_FIELD_UM = 25.0  # shorter side that a picture of unknown scale is taken to have
SPECK = (0.3, 0.5), (1.2, 2.0)  # least and most of a speck of precipitate: um across, and optical density
GAMMA = 2.2  # of encoded pictures
LONGEST = 400  # px of a side of a picture, and the field grows coarser beyond
WAVELENGTHS = np.arange(380, 721, 4.0)  # nm
REACH = 8.0  # um from the middle of a cell within which cytoplasm may lie wider
REFLECTED = cv2.BORDER_REFLECT_101
LUMA = np.array([0.299, 0.587, 0.114])
RESAMPLED_BY = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4)


def draw(table, rng):
    """One draw of every range of a table, as a namespace."""
    values = {}
    for name, r in table.items():
        low, high = np.log((r["low"], r["high"])) if r.get("log") else (r["low"], r["high"])
        value, there = rng.uniform(low, high), rng.uniform() < r.get("share", 1.0)
        values[name] = float(np.exp(value) if r.get("log") else value) if there else r.get("off", 0.0)
    return SimpleNamespace(**values)


def draw_world(*key):
    """The laboratory that a seed stands for.

    Parameters
    ----------
    *key : int
        `TRAINING` or `CHOOSING`, and a number.

    Returns
    -------
    SimpleNamespace
        A value for each name of the table "world", with the matrix `stain` that takes the densities of a picture to its
        own, the density `film` and the camera's matrix `colours`.

    Examples
    --------
    >>> draw_world(CHOOSING, 3).field == draw_world(CHOOSING, 3).field != draw_world(TRAINING, 3).field
    True
    """
    rng = np.random.default_rng(key)
    world = draw(TABLE["world"], rng)
    dyes = _dyes(world.methylene_blue, world.eosin, world.shift)
    strengths = world.strength * np.array([world.blue * world.faded, world.purple, world.red])
    exchange = _given(world.exchange, 0, 1) @ _given(world.acid, 1, 2)
    world.stain = (np.linalg.inv(_dyes(0.2, 0.3, 0.0)) @ exchange @ (strengths[:, None] * dyes)).T
    world.dye = (dyes[0] + dyes[1]).astype(np.float32)
    world.film = world.haze * dyes.T @ rng.dirichlet(np.ones(3))
    grey = np.outer(np.ones(3), LUMA)
    world.colours = (grey + world.saturation * (np.eye(3) - grey)) @ _about_grey(np.deg2rad(world.turn))
    world.resampled_by = int(rng.choice(RESAMPLED_BY))
    return world


@functools.lru_cache(maxsize=4096)
def _dyes(methylene_blue, eosin, shift):
    """Absorption in red, green and blue of what is blue, purple and red on a smear, each row summing to 1."""
    bands = {name: _spectrum(peaks) for name, peaks in TABLE["dyes"].items()}
    camera = zip(TABLE["camera"]["centres"], TABLE["camera"]["widths"], strict=True)
    sensor = np.array([_spectrum([(centre + shift, width, 1.0)]) for centre, width in camera])
    blue = (1 - methylene_blue) * bands["azure_b"] + methylene_blue * bands["methylene_blue"]
    purple = (1 - eosin) * bands["purple_complex"] + eosin * bands["eosin_y"]
    seen = np.stack([blue, purple, bands["haemoglobin"]]) @ (sensor / sensor.sum(axis=1, keepdims=True)).T
    return seen / seen.sum(axis=1, keepdims=True)


def _spectrum(peaks):
    return sum(height * np.exp(-(((WAVELENGTHS - peak) / width) ** 2) / 2) for peak, width, height in peaks)


def _given(share, one, other):
    """Matrix that turns a share of one dye into the other, or the other way where it is negative."""
    giver, taker = (one, other) if share > 0 else (other, one)
    matrix = np.eye(3)
    matrix[giver, (giver, taker)] += -abs(share), abs(share)
    return matrix


def _about_grey(angle):
    """Rotation of colours about the axis of grey."""
    axis = np.ones(3) / np.sqrt(3)
    cross = np.cross(np.eye(3), axis)
    return np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * np.outer(axis, axis)


def show(image, um_per_px, world, rng):
    """A picture as a world would have taken it.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        RGB.
    um_per_px : float
        NaN where unknown.
    world : SimpleNamespace
        Of `draw_world`.
    rng : numpy.random.Generator
        For what differs between the pictures of a world.

    Returns
    -------
    image : ndarray of uint8
        Of the world's own size.
    um_per_px : float
        Its true scale, of which the world may say nothing: see `said`.

    Examples
    --------
    >>> image = np.full((200, 200, 3), (240, 220, 200), np.uint8)
    >>> image[80:120, 80:120] = (90, 40, 130)
    >>> shown, um_per_px = show(image, 0.1, draw_world(CHOOSING, 0), np.random.default_rng(0))
    >>> shown.dtype, shown.shape != image.shape
    (dtype('uint8'), True)
    """
    own = draw(TABLE["picture"], rng)
    there = um_per_px if um_per_px == um_per_px else UNKNOWN_FIELD_UM / min(image.shape[:2])
    picture, px = _through_objective(image, there, world, own, rng)
    light = _stained(picture, px, world, own, rng)
    light = _lit(light, world, own)
    picture = _taken(light, px, world, rng)
    if world.stored != 1:
        height, width = (max(24, min(LONGEST, round(side * world.stored))) for side in picture.shape[:2])
        px *= np.sqrt(picture.shape[0] * picture.shape[1] / (height * width))
        picture = cv2.resize(picture, (width, height), interpolation=world.resampled_by)
    for quality in filter(None, (world.quality, world.again)):
        picture = _compressed(picture, quality, world.subsampled)
    return picture, px


def said(um_per_px, world):
    """What a world says of a scale: a little wrong, or nothing, NaN."""
    return um_per_px * float(np.exp(world.error)) if world.known else float("nan")


def _through_objective(image, um_per_px, world, own, rng):
    """The world's crop of a picture at its own scale, blurred by its objective; and micrometres of a pixel.

    Cells keep the size that their smear gave them: what a world says of its scale does not undo that.
    """
    field = world.field * np.exp(world.ragged * rng.standard_normal(2) * (0.7, 1))
    px = max(world.um_per_px, 0.8 * um_per_px, field.max() / LONGEST)
    width, height = (max(32, round(side / px)) for side in field)
    stretch = np.exp((world.aspect + world.ragged * 0.5 * rng.standard_normal() * bool(world.aspect)) / 2)
    size = np.array([stretch, 1 / stretch])
    factor = world.cell * um_per_px / px  # of the picture on the sensor
    sigma = float(np.hypot(np.hypot(world.spread, own.focus) / um_per_px, 0.45 * max(0.0, 1 / factor - 1)))
    image = cv2.GaussianBlur(image, (0, 0), sigma) if sigma >= 0.3 else image
    angle = np.deg2rad(own.angle)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if own.mirrored:
        rotation[:, 0] *= -1
    linear = factor * size[:, None] * rotation
    middle = np.array([width * (0.5 + own.off_x) - 0.5, height * (0.5 + own.off_y) - 0.5], np.float32)
    # From pixels of the sensor to those of the picture, whose middle may lie nearer or further than it did.
    back = np.linalg.inv(linear).astype(np.float32)
    x, y = np.arange(width, dtype=np.float32) - middle[0], np.arange(height, dtype=np.float32)[:, None] - middle[1]
    across, down = (row[0] * x + row[1] * y for row in back)
    near = np.maximum(0, 1 - (across**2 + down**2) * float((um_per_px * world.cell / REACH) ** 2))
    wider = 1 + world.flattened * own.flattened * near
    left, top = (np.array(image.shape[1::-1], np.float32) - 1) / 2
    return cv2.remap(image, across * wider + left, down * wider + top, cv2.INTER_LINEAR, borderMode=REFLECTED), px


def _stained(picture, px, world, own, rng):
    """Light through the picture in the world's stain, before its lamp: 1 is empty glass."""
    glass = np.log((background_colour(picture) + 1) / 256)
    tables = (GAMMA * (glass - np.log((np.arange(256)[:, None] + 1) / 256))).astype(np.float32)
    affine = np.column_stack([-own.thickness * world.stain, -own.thickness * world.film]).astype(np.float32)
    light = cv2.transform(cv2.LUT(picture, tables[None]), affine)
    if world.precipitate:
        specks = np.zeros(light.shape[:2], np.float32)
        number = rng.poisson(world.precipitate / 1000 * specks.size * px**2)
        for x, y, size, dark in rng.uniform((0, 0, *SPECK[0]), (*specks.shape[::-1], *SPECK[1]), (number, 4)):
            cv2.circle(specks, (int(x), int(y)), max(1, round(size / px / 2)), dark, -1)
        light -= cv2.GaussianBlur(specks, (0, 0), 0.7)[..., None] * world.dye
    return cv2.exp(light, light)


def _lit(light, world, own):
    """The same under the world's lamp, with its stray light and dark corners."""
    warmth = world.warmth + own.warmer
    lamp = np.exp([warmth / 2, world.tint, -warmth / 2])
    lamp *= world.glass * own.light / lamp.max()
    lamp **= GAMMA
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in light.shape[:2])
    fall = world.vignetting / 2
    even = np.add.outer(1 + own.tilt / 2 * y - fall * y**2, own.tilt / 2 * x - fall * x**2).astype(np.float32)
    matrix = world.colours / (1 + world.veil)
    seen = cv2.transform(light, np.column_stack([matrix, matrix.sum(axis=1) * world.veil]).astype(np.float32))
    return np.clip(seen, 0, None, seen) * even[..., None] * lamp.astype(np.float32)


def _taken(light, px, world, rng):
    """Bytes of a sensor and of the camera's own processing."""
    values = 255 * cv2.pow(np.minimum(light, 1, out=light), world.gamma / GAMMA)
    if world.noise:
        drawn = rng.integers(0, 256, values.shape, np.uint8)
        values += cv2.LUT(drawn, (world.noise * NORMAL).astype(np.float32))
    picture = np.clip(values, 0, 255, values).astype(np.uint8)
    if world.mosaic:
        sensor = picture[..., 1].copy()
        sensor[::2, ::2], sensor[1::2, 1::2] = picture[::2, ::2, 0], picture[1::2, 1::2, 2]
        picture = cv2.cvtColor(sensor, cv2.COLOR_BayerBG2RGB)
    if world.aberration:
        step = world.aberration / px / 2
        for channel, side in ((0, step), (2, -step)):
            affine, plane = np.array([[1, 0, side], [0, 1, -side]]), np.ascontiguousarray(picture[..., channel])
            picture[..., channel] = cv2.warpAffine(plane, affine, plane.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    if world.sharpened:
        soft = cv2.GaussianBlur(picture, (0, 0), 1.2)
        picture = cv2.addWeighted(picture, 1 + world.sharpened, soft, -world.sharpened, 0)
    return picture


def _compressed(picture, quality, subsampled):
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if subsampled else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    how = [cv2.IMWRITE_JPEG_QUALITY, round(quality), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    return cv2.imdecode(cv2.imencode(".jpg", picture[:, :, ::-1], how)[1], cv2.IMREAD_COLOR_RGB)

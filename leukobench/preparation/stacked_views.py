"""Views of many pictures at once, in array code: on a CUDA device, or for tests on the processor.

The way is that of `views.apply_view`, and so are all constants and all that is drawn. The host shrinks each image to
what the scale needs, and reads a scale that nobody told from its red cells: so fewer bytes are uploaded, and the seeds
of the copies, which depend on the pixels, are the same. From there on nothing comes back but how large unscaled cells
are. Copies of simulated laboratories are made on the host, and of the stains only the glass is known here.
"""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from leukobench.imaging.ahead import one_ahead
from leukobench.imaging.resampling import resized
from leukobench.imaging.stain.augmentation import draw
from leukobench.imaging.stain.stack_augmentation import augmented
from leukobench.imaging.stain.stacks import background_colours, white_balanced
from leukobench.preparation import views
from leukobench.segmentation.batched import segment_stack
from leukobench.segmentation.canvases import alike, canvas_room
from leukobench.segmentation.segmenter import centred_ellipses
from leukobench.segmentation.stacks import count

STAINS = ("none", "white_balance")
FLOATS = 4  # times as much as bytes is what pictures take while they are brought to scale


class SeenStack(NamedTuple):
    """Pictures that are seen through a view, in the upper left corners of canvases.

    Parameters
    ----------
    numbers : list of int
        Their places among all that `views.apply_view` would give.
    pictures : uint8 array, shape (n, H, W, 3)
    masks : uint8 array, shape (n, H, W)
    valid : bool array, shape (n, H, W)
        Which pixels a picture has.
    shapes : int ndarray, shape (n, 2)
        Height and width of each, in px.
    um_per_px : float ndarray, shape (n,)
        As of `views.Seen`.
    """

    numbers: list
    pictures: Any
    masks: Any
    valid: Any
    shapes: np.ndarray
    um_per_px: np.ndarray


def can_be_stacked(view):
    """Whether there is array code for all that a view does."""
    return view.stain in STAINS and not view.worlds


def seen_stacks(arrays, images, view, threads=1):
    """Images and their augmented copies as pictures, seen through a view.

    Parameters
    ----------
    arrays : leukobench.devices.Arrays
        What computes.
    images : iterable of (uint8 ndarray of shape (H, W, 3), float)
        Pictures with their micrometres per pixel, NaN where unknown; those of one size are worked on together.
    view : View
        One that `can_be_stacked`.
    threads : int, default 1
        That make images ready.

    Yields
    ------
    SeenStack
    """
    room = canvas_room(arrays)
    for group in one_ahead(_groups(images, view, threads, *room)):
        yield from _seen(arrays, group, view, room)


def _groups(images, view, threads, most, most_bytes):
    """Images of one size with what is drawn for their copies, as many as there is room for."""
    waiting, held = defaultdict(list), 0
    images = enumerate(images)
    with ThreadPoolExecutor(threads) as pool:
        while some := list(islice(images, 4 * threads)):
            for ready in pool.map(lambda each: _ready(each[0], *each[1], view), some):
                image = ready[1]
                waiting[image.shape].append(ready)
                held += _held(ready)
                room = min(most, most_bytes // image.nbytes) // (1 + view.copies)
                if len(waiting[image.shape]) >= room:
                    held -= sum(map(_held, waiting[image.shape]))
                    yield waiting.pop(image.shape)
                elif held > most_bytes:
                    # of many sizes: better small groups than all images in memory
                    yield from waiting.values()
                    waiting, held = defaultdict(list), 0
    yield from waiting.values()


def _held(ready):
    """Bytes of an image and of the noise that its copies are to have."""
    _, image, _, drawn = ready
    return image.nbytes + sum(each.grain.nbytes for each in drawn if each.grain is not None)


def _ready(number, image, um_per_px, view):
    """(number, image, scale, (draw and scale) of each copy) of one image."""
    if view.um_per_px is not None:
        image, um_per_px = views.at_most(image, um_per_px, view.um_per_px)
    rngs = views.sources_of_chance(image, view.copies)
    drawn = [draw(rng, image.shape) for rng in rngs]
    scales = [
        views.scale_of_copy(um_per_px / each.scale, k, rng)
        for k, (each, rng) in enumerate(zip(drawn, rngs, strict=True), 1)
    ]
    return number, image, [um_per_px, *scales], drawn


def _seen(arrays, group, view, room):
    """The images of a group, all of one size, and their copies."""
    xp, each = arrays.xp, 1 + view.copies
    numbers, images, scales, drawn = zip(*group, strict=True)
    stack = arrays.room((len(images), *images[0].shape), np.uint8)
    for target, image in zip(stack, images, strict=True):
        target[...] = image
    pictures = _with_copies(xp, arrays.upload(stack), list(chain.from_iterable(drawn)), view.copies)
    n, shape = len(pictures), images[0].shape[:2]
    if view.segmented:
        masks = segment_stack(arrays, pictures, np.tile(shape, (n, 1))).full_masks()
    else:
        masks = xp.repeat(xp.asarray(centred_ellipses(*shape))[None], n, axis=0)
    scales = np.array(scales).reshape(-1)
    places = np.array([number * each + k for number in numbers for k in range(each)])
    if view.um_per_px is None:
        yield _stack(xp, view, places, pictures, masks, np.tile(shape, (n, 1)), scales)
        return
    pixels = arrays.download(count(xp, masks)).tolist()
    factors = np.array(
        [views.magnification(shape, *each, view.um_per_px) for each in zip(scales.tolist(), pixels, strict=True)]
    )
    after = np.array([views.magnified(shape, factor) for factor in factors.tolist()])
    scales = scales * np.array([views.lengthened(shape, each) for each in after.tolist()])
    # one that is magnified much is not to take the others' room along
    for some, _ in alike(after.tolist(), room[0], room[1] // FLOATS):
        at = xp.asarray(np.array(some))
        seen = _at_scale(xp, pictures[at], masks[at], after[some], factors[some] < views.LEAST_LINEAR)
        yield _stack(xp, view, places[some], *seen, after[some], scales[some])


def _with_copies(xp, images, drawn, copies):
    """Each image, and its copies behind it."""
    if not copies:
        return images
    n, *shape = images.shape
    of = xp.repeat(xp.arange(n), copies)
    own = background_colours(xp, images, xp.ones(images.shape[:3], bool))
    altered = augmented(xp, images[of], drawn, own[of]).reshape(n, copies, *shape)
    return xp.concatenate([images[:, None], altered], axis=1).reshape(-1, *shape)


def _at_scale(xp, pictures, masks, after, averaged):
    """Pictures and masks of other sizes, as `views.rescale` makes them."""
    before = np.tile(pictures.shape[1:3], (len(pictures), 1))
    labels = 255 * xp.stack([masks > 0, masks > 1], axis=1).astype(xp.float32)
    layers = xp.concatenate([pictures.transpose(0, 3, 1, 2).astype(xp.float32), labels], axis=1)
    layers = xp.rint(resized(xp, layers, before, after, averaged))
    inside = layers[:, 3:] > 127
    masks = inside[:, 0].astype(xp.uint8) + inside.all(axis=1)
    return xp.clip(layers[:, :3], 0, 255).astype(xp.uint8).transpose(0, 2, 3, 1), masks


def _stack(xp, view, places, pictures, masks, shapes, scales):
    """What is seen, on the view's glass."""
    valid = _corner(xp, shapes, masks.shape[1:])
    if view.stain == "white_balance":
        pictures = white_balanced(xp, pictures, background_colours(xp, pictures, valid, masks == 0))
    return SeenStack(places.tolist(), xp.ascontiguousarray(pictures), masks, valid, shapes, scales)


def _corner(xp, shapes, room):
    """Which pixels of a canvas are of pictures of so many rows and columns."""
    shapes = xp.asarray(shapes)[:, :, None, None]
    return (xp.arange(room[0])[:, None] < shapes[:, 0]) & (xp.arange(room[1]) < shapes[:, 1])

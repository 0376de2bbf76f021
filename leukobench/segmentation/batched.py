"""Segmentation of many images at once, in array code: on a CUDA device, or for tests on the processor.

The way is that of `segmenter._segment_one`, and so are all constants. Images of a stack lie on one canvas, as large as
the largest; the small pictures of all are one stack of 96 x 96, and what is done at full size is done in windows
around the cells.
"""

from dataclasses import dataclass
from typing import Any

from leukobench.segmentation import stack_colours as colours
from leukobench.segmentation import walked
from leukobench.segmentation.network import FROM_CENTRE, GLASS_SHARE, LEAST_STRONG, OFFSET, SIDE, STRONG_SHARE
from leukobench.segmentation.own_colours import NETWORK_SHARE
from leukobench.segmentation.segmenter import (
    EDGE,
    LEAST_CONTRAST,
    LEAST_QUALITY,
    LEAST_SIDE,
    PLAUSIBLE_CELL,
    SPECK,
)
from leukobench.segmentation.stacks import count, largest_part, mean, quantile, without_small
from leukobench.segmentation.windows import SmallPictures

GREY = (0.299, 0.587, 0.114)
GREYS, DENSITIES = (0, 256), (-12, 12)  # what grey values, and sums of density over three channels, lie between


def segment_stack(arrays, images, shapes):
    """Label masks of a stack of images.

    Parameters
    ----------
    arrays : leukobench.devices.Arrays
        What computes.
    images : uint8 array of that library, shape (n, H, W, 3)
        RGB, each in the upper left corner.
    shapes : int ndarray, shape (n, 2)
        Height and width of each image, in px.

    Returns
    -------
    Segmented
    """
    xp = arrays.xp
    small = SmallPictures(xp, shapes)
    planes = small.shrink(images)
    pictures = normalise(xp, planes, small.within)
    logits = walked.predict(arrays, pictures)
    roots = colours.roots_of(xp, xp.rint(_smooth(xp, planes)))
    cell = colours.adapt_cell(xp, roots, logits[:, 0], logits[:, 1], small.within, small.even_rows)
    inside = small.without_spurs(arrays, small.central_part(arrays, small.within & ((cell > 0) | (logits[:, 1] > 0))))
    quality = _quality(xp, planes, cell, inside, small)
    nucleus, granular = colours.without_granules(xp, pictures[:, :3], inside, logits[:, 1], small.within)
    rules = colours.fit_nucleus(xp, roots, logits[:, 0], nucleus, small.within)
    cell = xp.where(inside, xp.maximum(cell, EDGE), xp.minimum(cell, -EDGE))

    found = (quality > 0)[:, None, None]
    window = small.window_around(xp.where(found, inside, small.within), *images.shape[1:3])
    cell, nucleus = window.enlarge(xp.stack([cell, nucleus], axis=1))
    cells = largest_part(arrays, (cell > 0) & window.valid)
    seen = images[window.at]
    score = rules.score(xp, colours.roots_of(xp, seen.transpose(0, 3, 1, 2)))
    level = xp.where(rules.known[:, None, None], NETWORK_SHARE * nucleus + score, nucleus)
    nuclei = _without_specks(arrays, (level > 0) & cells)
    some = xp.flatnonzero(granular)
    if len(some):
        thick = colours.without_rim(arrays, nuclei[some], cells[some], window.valid[some])
        nuclei[some] = _without_specks(arrays, thick)
    masks = xp.where(found, cells.astype(xp.uint8) + nuclei, window.centred_ellipses())
    return Segmented(images, masks, quality, seen, window)


@dataclass
class Segmented:
    """A stack of images with its masks, which are known in a window around each cell and 0 beyond it.

    Attributes
    ----------
    images : uint8 array, shape (n, H, W, 3)
    masks : uint8 array, shape (n, height, width)
        Of the windows: 0 background, 1 cytoplasm, 2 nucleus.
    quality : float array, shape (n,)
        As of `segment`.
    seen : uint8 array, shape (n, height, width, 3)
        The images in the windows.
    window : Window
    """

    images: Any
    masks: Any
    quality: Any
    seen: Any
    window: Any

    def packed(self, arrays, whole=False):
        """Pixels and labels one image after the other, in the windows or of `whole` images.

        Returns
        -------
        pixels : uint8 array, flat
        labels : uint8 array, flat
        shapes : int ndarray, shape (n, 2)
            Height and width of each, which alone is brought to the host.
        """
        images, masks, valid = self.seen, self.masks, self.window.valid
        if whole:
            images, masks, valid = self.images, self.full_masks(), self.window.small.on_canvas(*self.images.shape[1:3])
        rows, columns = valid.any(axis=2), valid.any(axis=1)
        shapes = arrays.download(arrays.xp.stack([rows.sum(axis=1), columns.sum(axis=1)], axis=1))
        if (shapes == masks.shape[1:]).all():
            return images.reshape(-1), masks.reshape(-1), shapes
        return images[valid].reshape(-1), masks[valid], shapes

    def full_masks(self):
        """Masks as large as the canvas; uint8 array, shape (n, H, W)."""
        masks = self.window.small.xp.zeros(self.images.shape[:3], self.masks.dtype)
        masks[self.window.at] = self.masks
        return masks


def normalise(xp, planes, within):
    """`network.normalise` of a stack: planes of grey values (n, 3, SIDE, SIDE) to pictures (n, 4, SIDE, SIDE)."""
    darkest = planes.min(axis=1)
    bright = within & (darkest >= quantile(xp, darkest, within, GLASS_SHARE, GREYS)[:, None, None])
    glass = quantile(xp, planes, bright[:, None], 0.5, GREYS)[:, :, None, None]
    density = xp.log(glass + OFFSET) - xp.log(planes + OFFSET)
    strong = quantile(xp, density.sum(axis=1), within, STRONG_SHARE, DENSITIES) / 3
    seen = xp.clip(density / xp.maximum(strong, LEAST_STRONG)[:, None, None, None], -0.5, 2.5)
    centre = xp.broadcast_to(xp.asarray(FROM_CENTRE), (len(planes), 1, SIDE, SIDE))
    return xp.concatenate([seen.astype(xp.float32), centre], axis=1)


def _smooth(xp, planes):
    """OpenCV's Gaussian of 3 x 3."""
    framed = xp.pad(planes, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect")
    rows = framed[:, :, :-2] + 2 * framed[:, :, 1:-1] + framed[:, :, 2:]
    return (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / 16


def _without_specks(arrays, nuclei):
    return without_small(arrays, nuclei, SPECK * count(arrays.xp, nuclei))


def _quality(xp, planes, cell, inside, small):
    """As `segmenter._quality`, and 0 where an image is too small to be searched."""
    number = count(xp, inside)
    grey = xp.rint(GREY[0] * planes[:, 0] + GREY[1] * planes[:, 1] + GREY[2] * planes[:, 2])
    contrast = mean(xp, grey, small.within & ~inside) - mean(xp, grey, inside)
    chance = small.within / (1 + xp.exp(-cell))
    quality = 2 * (chance * inside).sum(axis=(1, 2)) / (chance.sum(axis=(1, 2)) + number)
    share = number / count(xp, small.within)
    believed = (share >= PLAUSIBLE_CELL[0]) & (share <= PLAUSIBLE_CELL[1]) & (contrast >= LEAST_CONTRAST)
    believed &= (quality >= LEAST_QUALITY) & (small.shapes.min(axis=1) >= LEAST_SIDE)
    return xp.where(believed, quality, 0.0)

"""Ragged batches: cells of any size side by side in one flat buffer, streamed so that memory stays bounded."""

from dataclasses import dataclass
from itertools import zip_longest

import cv2
import numpy as np

from leukobench.errors import UsageError

BATCH_BYTES = 1 << 20
"""Default size of a batch for each thread: what is packed is still in the processor's cache when it is computed."""

LABELS = "0 is background, 1 cytoplasm, 2 nucleus; see imaging.read_mask"


@dataclass
class Batch:
    """Cells in flat buffers.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (3 * total,)
        RGB values of all images, one image after the other, row by row.
    labels : ndarray of uint8, shape (total,)
        Their label masks, each starting at a multiple of eight.
    offsets : ndarray of int64, shape (n,)
        First pixel of each image.
    shapes : ndarray of int64, shape (n, 2)
        Height and width of each image.
    """

    pixels: np.ndarray
    labels: np.ndarray
    offsets: np.ndarray
    shapes: np.ndarray

    def __len__(self):
        return len(self.offsets)

    def cells(self):
        """Views (image, mask), cell by cell."""
        for offset, (height, width) in zip(self.offsets, self.shapes, strict=True):
            end = offset + height * width
            image = self.pixels[3 * offset : 3 * end].reshape(height, width, 3)
            yield image, self.labels[offset:end].reshape(height, width)


def stream(images, masks, batch_bytes=BATCH_BYTES, whole=True, buffers=2, empty=np.empty):
    """Pack images and masks into batches of bounded size.

    Parameters
    ----------
    images : iterable of uint8 array, shape (H, W, 3)
    masks : iterable of uint8 array, shape (H, W)
        0 background, 1 cytoplasm, 2 nucleus.
    batch_bytes : int, default 1 MiB
        A batch grows to at most this, or to a single cell that is larger.
    whole : bool, default True
        Pack whole images. Else only the cell's bounding box and one pixel around it, where there is one: all that
        features of the cell depend on, and a quarter of the bytes.
    buffers : int, default 2
        Batches alive at a time: a batch's memory is used again for the one `buffers` later.
    empty : callable, default numpy.empty
        Allocates that memory.

    Yields
    ------
    Batch

    Raises
    ------
    UsageError
        For an array of another type or shape, a mask that does not fit its image, or a label above 2.
    """
    ring = [(np.empty(0, np.uint8), np.empty(0, np.uint8))] * buffers
    first = 0
    for turn, cells in enumerate(groups(images, masks, batch_bytes, None if whole else cut_out)):
        total, place = sum(_room(mask) for _, mask in cells), turn % buffers
        if len(ring[place][1]) < total:
            ring[place] = empty(3 * total, np.uint8), empty(total, np.uint8)
        pixels, labels = ring[place]
        yield _pack(cells, pixels[: 3 * total], labels[:total], first)
        first += len(cells)


def groups(images, masks, batch_bytes, change=None):
    """Lists of cells (image, mask) that fit each other, each of at most `batch_bytes` or of a single cell.

    `change` is a function of image and mask that returns what takes their place.
    """
    cells, used = [], 0
    for k, (image, mask) in enumerate(zip_longest(images, masks)):
        if image is None or mask is None:
            raise UsageError(f"there is no {'image' if image is None else 'mask'} {k}", "give one mask per image")
        image, mask = np.asarray(image), np.asarray(mask)
        check_cell(k, image, mask)
        if change is not None:
            image, mask = change(image, mask)
        size = 4 * _room(mask)
        if cells and used + size > batch_bytes:
            yield cells
            cells, used = [], 0
        cells.append((image, mask))
        used += size
    if cells:
        yield cells


def _room(mask):
    """Pixels of a mask, up to a multiple of eight."""
    return -(-mask.size // 8) * 8


def cut_out(image, mask):
    """The cell's bounding box and one pixel around it, where there is one; a pixel where there is no cell."""
    x, y, width, height = cv2.boundingRect(mask)
    box = slice(max(y - 1, 0), y + height + 1), slice(max(x - 1, 0), x + width + 1)
    return image[box], mask[box]


def _pack(cells, pixels, labels, first):
    shapes = np.array([mask.shape for _, mask in cells], np.int64)
    sizes = -(-shapes.prod(1) // 8) * 8
    offsets = np.cumsum(sizes) - sizes
    for (image, mask), offset in zip(cells, offsets.tolist(), strict=True):
        end = offset + mask.size
        pixels[3 * offset : 3 * end].reshape(image.shape)[...] = image
        labels[offset:end].reshape(mask.shape)[...] = mask
        labels[end : end + (-mask.size) % 8] = 0
    if labels.max(initial=0) > 2:
        bad = next(k for k, (_, mask) in enumerate(cells) if mask.max(initial=0) > 2)
        raise UsageError(f"mask {first + bad} has a label above 2", LABELS)
    return Batch(pixels, labels, offsets, shapes)


def check_cell(k, image, mask):
    """Raise UsageError unless the k-th image and mask are uint8 and fit each other."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise UsageError(f"image {k} is {image.dtype} {image.shape}", "an image is uint8 of shape (H, W, 3), RGB")
    if mask.dtype != np.uint8 or mask.shape != image.shape[:2]:
        raise UsageError(
            f"mask {k} is {mask.dtype} {mask.shape}, its image {image.shape[:2]}",
            "a label mask is uint8 and as large as its image",
        )

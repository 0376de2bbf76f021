"""Decode TIFF files, whatever their layout, to the samples that are stored.

tifffile hands out samples as they are: not turned by the orientation tag and not divided by alpha. It reads strips and
tiles, chunky and planar samples, BigTIFF and all usual compressions (with imagecodecs), in a quarter of Pillow's time.
"""

import io
import logging
import struct

import numpy as np
import tifffile
from PIL import Image

# What it has to say of odd tags says nothing about the pixels, and would go to the terminal once per image.
logging.getLogger("tifffile").addHandler(logging.NullHandler())
# Tags that say what the bytes of the pixels mean. tifffile passes over a damaged tag and takes its default instead.
DECIDING = frozenset(
    {*range(256, 260), 262, 266, 273, *range(277, 280), 284, 317, *range(320, 326), 338, 339, 347, 530}
)


class TiffError(ValueError):
    """A TIFF file that holds no picture which fits 8-bit RGB."""


def read_tiff(data, check):
    """Decode the first page of a TIFF file.

    Parameters
    ----------
    data : bytes
        The content of the file.
    check : callable
        Called as `check(width, height, samples)` before anything is decoded; raises where that is too much.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Red, green and blue. More than eight bits are cut to the upper eight, fewer are spread over 0 to 255.

    Raises
    ------
    TiffError
        The page ends early, has holes, or holds floating-point numbers, more than 16 bits, or more than one slice.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> tifffile.imwrite(file, np.full((2, 3), 0x1234, np.uint16))
    >>> read_tiff(file.getvalue(), print)[0, 0].tolist()
    3 2 1
    [18, 18, 18]
    """
    with tifffile.TiffFile(io.BytesIO(data), _multifile=False) as file:
        page = file.pages.first
        check(page.imagewidth, page.imagelength, page.samplesperpixel)
        _check_page(page, data)
        pixels = page.asarray(maxworkers=1)
    if page.axes.startswith("S"):
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = pixels.reshape(page.imagelength, page.imagewidth, -1)
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
        return np.moveaxis(_eight_bits(page.colormap, 16)[:, pixels[..., 0]], 0, -1)
    return COLOURS[page.photometric](_eight_bits(pixels, page.bitspersample))


def _check_page(page, data):
    """Refuse what has no pixels of up to 16 bits, by the tags alone."""
    form = page.parent.tiff
    n = struct.unpack_from(form.tagnoformat, data, page.offset)[0]
    listed = np.ndarray((n,), form.byteorder + "u2", data, page.offset + form.tagnosize, (form.tagsize,))
    if lost := DECIDING & set(listed.tolist()) - set(page.tags.keys()):
        raise TiffError(f"damaged tags: {', '.join(map(str, sorted(lost)))}")
    if page.photometric not in COLOURS and page.photometric != tifffile.PHOTOMETRIC.PALETTE:
        raise TiffError(f"colours as {getattr(page.photometric, 'name', page.photometric)}; save it as 8-bit RGB")
    if page.photometric == tifffile.PHOTOMETRIC.YCBCR and page.compression == tifffile.COMPRESSION.NONE:
        raise TiffError("colours as YCBCR without JPEG; save it as 8-bit RGB")
    if page.dtype is None or page.dtype.kind not in "bu" or page.bitspersample > 16:
        raise TiffError(f"{page.bitspersample} bits per sample as {page.dtype}; save it as 8-bit RGB")
    if page.samplesperpixel < SAMPLES.get(page.photometric, 1):
        raise TiffError(f"{page.samplesperpixel} samples per pixel for colours as {page.photometric.name}")
    if page.imagedepth != 1:
        raise TiffError(f"a stack of {page.imagedepth} slices in one page; save one of them")
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if not segments or not all(count for _, count in segments):
        raise TiffError("parts of the picture are not in the file")
    if any(start + count > len(data) for start, count in segments):
        raise TiffError("truncated: a part of the picture lies after the end of the file")


def _eight_bits(pixels, bits):
    """Cut samples to their upper eight bits, or spread fewer over 0 to 255."""
    if bits == 8:
        return pixels
    if bits > 8:
        return (pixels >> (bits - 8)).astype(np.uint8)
    return (pixels.astype(np.uint8) * (255 // (2**bits - 1))).astype(np.uint8)


def _grey(pixels):
    return pixels[..., :1].repeat(3, axis=-1)


COLOURS = {
    tifffile.PHOTOMETRIC.RGB: lambda pixels: pixels[..., :3],
    tifffile.PHOTOMETRIC.YCBCR: lambda pixels: pixels[..., :3],  # a JPEG inside, which is decoded to RGB
    tifffile.PHOTOMETRIC.MINISBLACK: _grey,
    tifffile.PHOTOMETRIC.MINISWHITE: lambda pixels: 255 - _grey(pixels),
    tifffile.PHOTOMETRIC.SEPARATED: lambda pixels: np.array(
        Image.fromarray(np.ascontiguousarray(pixels[..., :4]), "CMYK").convert("RGB")
    ),
}
SAMPLES = {tifffile.PHOTOMETRIC.RGB: 3, tifffile.PHOTOMETRIC.YCBCR: 3, tifffile.PHOTOMETRIC.SEPARATED: 4}

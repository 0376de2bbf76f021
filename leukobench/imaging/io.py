"""Decode image files to RGB arrays, and say plainly when a file cannot be used.

Formats are told by their first bytes, never by the file name: JPEG, PNG, BMP, TIFF and WebP. JPEG goes through OpenCV,
which takes 0.4 ms for a 360x363 file where Pillow takes 1.0 ms and gives the same pixels (compared on 3,500 files).
TIFF goes through tifffile (`leukobench.imaging.tiff`): OpenCV blackens pixels whose alpha is 0, while the colours are
in the file, and Pillow divides by associated alpha. Everything else goes through Pillow. There is no fallback from one
decoder to the other, so a file has one set of pixels or none.

Pixels come as they are stored, whatever the format:

- alpha is dropped, neither blended nor divided by (associated alpha); a palette is expanded; grey becomes three equal
  channels; CMYK becomes RGB by the plain formula
- the orientation (EXIF, TIFF tag or XMP) and the colour profile of the file are ignored, so that a mask beside it fits
- of a file with several pages or frames the first is read
- of 9 to 16 bits per sample the upper eight count, whatever range the picture fills: no guess, and the same for every
  image of a laboratory
- floating point, more than 16 bits and the like are refused as "unreadable"

Nothing is opened to be waited for, and nothing is decoded before it is known to be small enough: a regular file of at
most `MAX_BYTES`, which by its header holds at most `MAX_PIXELS` pixels, and a JPEG in at most `MAX_SCANS` scans. An
image at these limits takes less than 1 GB from decoding to features.

A file whose pixels end early is "truncated". A JPEG damaged in the middle that still decodes to its full size cannot
be told from a sound one with these decoders.
"""

import errno
import hashlib
import io
import re

import cv2
import numpy as np
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from leukobench.imaging.tiff import read_tiff
from leukobench.inputs import read_bytes

MAX_BYTES = 2**28  # of a file
MAX_PIXELS = 32_000_000  # of an image
MAX_SCANS = 100  # of a JPEG, as libtiff has it: each goes over the whole image, however few bytes it takes
MAX_SAMPLES = 4  # per pixel: colours and alpha
FORMATS = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "BMP": re.compile(rb"BM"),
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),  # the plus is BigTIFF's
    "WebP": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
# The readers themselves, and not `Image.open`, which warns or fails at limits of its own that any library may move.
READERS = {"JPEG": JpegImageFile, "PNG": PngImageFile, "BMP": BmpImageFile, "WebP": WebPImageFile}
PLAIN_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK"}
DEEP_GREY = "I;16"  # Pillow's mode of a grey PNG of 16 bits; of deep colours it hands out the upper eight bits itself
JPEG_FLAGS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
JPEG_END, JPEG_SCAN = b"\xff\xd9", b"\xff\xda"
# What the machine lacks says nothing about the file.
OF_THE_MACHINE = {errno.ENOMEM, errno.EMFILE, errno.ENFILE}


class ImageError(Exception):
    """An image file that cannot be used.

    Parameters
    ----------
    kind : {"not_an_image", "truncated", "unreadable", "too_large", "changed"}
        What is wrong, as in the index's column `status`; "changed" is a file that is not the one that was indexed.
    reason : str
        The same for people, in one line.
    """

    def __init__(self, kind, reason):
        self.kind, self.reason = kind, reason
        super().__init__(kind, reason)

    def __str__(self):
        return f"{self.kind}: {self.reason}"


def read_file(path):
    """Read the bytes of an image file, of a regular one that is not too large.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    bytes
        Its content, at most `MAX_BYTES`.

    Raises
    ------
    ImageError
        The file cannot be read, is no regular file, or is too large.
    OSError
        The machine lacks memory or open files, which would be said of all files.
    """
    try:
        return read_bytes(path, MAX_BYTES)
    except OSError as error:
        if error.errno in OF_THE_MACHINE:
            raise
        kind = "too_large" if error.errno == errno.EFBIG else "unreadable"
        raise ImageError(kind, error.strerror or str(error)) from error


def read_image(path, sha256=None):
    """Read an image file.

    Parameters
    ----------
    path : path-like
        A JPEG, PNG, BMP, TIFF or WebP file.
    sha256 : str, optional
        What the bytes must hash to; the bytes that are hashed are those that are decoded.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Red, green and blue.

    Raises
    ------
    ImageError
        The file is no image, ends early, is too large, cannot be read, or has another checksum.
    """
    data = read_file(path)
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise ImageError("changed", "the file is no longer the one that was indexed")
    return decode_image(data)


def decode_image(data):
    """Decode the bytes of an image file.

    Parameters
    ----------
    data : bytes
        The content of a JPEG, PNG, BMP, TIFF or WebP file.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Red, green and blue.

    Raises
    ------
    ImageError
        The bytes are no image, end early, hold too many pixels, or cannot be decoded.

    Examples
    --------
    >>> decode_image(cv2.imencode(".png", np.zeros((2, 3, 3), np.uint8))[1].tobytes()).shape
    (2, 3, 3)
    """
    if not data:
        raise ImageError("truncated", "the file is empty")
    kind = next((name for name, start in FORMATS.items() if start.match(data)), None)
    if kind is None:
        raise ImageError("not_an_image", f"does not begin like a {', '.join([*FORMATS][:-1])} or {[*FORMATS][-1]} file")
    try:
        return read_tiff(data, _check_size) if kind == "TIFF" else _decode(kind, data)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # decoders fail in many ways on damaged bytes, and one file must not stop the rest
        if getattr(error, "code", None) == cv2.Error.StsNoMem:
            raise MemoryError("no room for the pixels of an image") from error
        if _ends_early(kind, data) or "truncated" in str(error).lower():
            raise ImageError("truncated", f"the {kind} data end early, after {len(data):,} bytes") from error
        reason = str(error).split(" <_io", 1)[0].split("\n", 1)[0]
        raise ImageError("unreadable", f"{kind} file: {reason or type(error).__name__}") from error


def read_mask(path, sha256=None):
    """Read an expert mask as a label mask.

    Grey values below 64 are background, from 64 to 191 cytoplasm, from 192 nucleus (the published masks hold 0, 128
    and 255 with a few stray values between).

    Parameters
    ----------
    path : str or Path
        A grey image file.
    sha256 : str or None, default None
        As of `read_image`.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        0 background, 1 cytoplasm, 2 nucleus.

    Raises
    ------
    ImageError
        As for `read_image`.
    """
    grey = cv2.cvtColor(read_image(path, sha256), cv2.COLOR_RGB2GRAY)
    return (grey >= 64).astype(np.uint8) + (grey >= 192)


def _check_size(width, height, samples=MAX_SAMPLES):
    """Refuse more pixels than can be held, by what the header says."""
    if width * height * max(samples, MAX_SAMPLES) > MAX_PIXELS * MAX_SAMPLES:
        raise ImageError("too_large", f"{width:,} x {height:,} pixels, and at most {MAX_PIXELS:,} are read")


def _decode(kind, data):
    """Decode what is no TIFF."""
    with READERS[kind](io.BytesIO(data)) as image:
        _check_size(image.width, image.height)
        if kind == "JPEG":
            return _decode_jpeg(data, image)
        if image.mode == DEEP_GREY:
            return (np.asarray(image) >> 8).astype(np.uint8)[..., None].repeat(3, axis=2)
        if image.mode not in PLAIN_MODES:
            raise ImageError("unreadable", f"colour mode {image.mode}; save it as 8-bit RGB")
        return np.array(image.convert("RGB"))


def _decode_jpeg(data, header):
    """Decode with OpenCV, which fills missing rows with grey: so the end marker is looked for first."""
    if (scans := data.count(JPEG_SCAN)) > MAX_SCANS:
        raise ImageError("too_large", f"{scans:,} scans, and at most {MAX_SCANS} are read")
    if data.find(JPEG_END, header.fp.tell()) < 0:
        raise ValueError("truncated: no end marker after the start of the scan")
    if header.mode == "CMYK":
        return np.array(header.convert("RGB"))
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), JPEG_FLAGS)
    if pixels is None or pixels.shape != (header.height, header.width, 3):
        raise ImageError("unreadable", "JPEG file: the image data are damaged")
    return pixels


def _ends_early(kind, data):
    """Say whether a file that failed lacks its end, by the format's own account of where that is."""
    if kind == "JPEG":
        return JPEG_END not in data
    if kind == "PNG":
        return b"IEND" not in data
    if kind == "BMP":
        return len(data) < 26 or int.from_bytes(data[2:6], "little") > len(data)
    if kind == "WebP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    offset = data[8:16] if b"+" in data[2:4] else data[4:8]
    return len(data) < 18 or int.from_bytes(offset, "little" if data[:1] == b"I" else "big") + 2 > len(data)

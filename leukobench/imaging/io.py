"""Decode image files to RGB arrays, and say plainly when a file cannot be used.

Formats are told by their first bytes, never by the file name: JPEG, PNG, BMP and TIFF. JPEG goes through OpenCV,
which takes 0.4 ms for a 360x363 file where Pillow takes 1.0 ms and gives the same pixels (compared on 3,500 files).
Everything else goes through Pillow: OpenCV blackens TIFF pixels whose alpha is 0, while the colours are in the file.
There is no fallback from one decoder to the other, so a file has one set of pixels or none.

Pixels come as they are stored, whatever the format:

- alpha is dropped, neither blended nor divided by (associated alpha); a palette is expanded; grey becomes three equal
  channels
- the orientation (EXIF, TIFF tag or XMP) and the colour profile of the file are ignored
- of a file with several pages the first is read
- 16 bits per sample, CMYK, floating point and the like are refused as "unreadable": squeezing them into 8 bits
  would need a guess at the range that was meant

Nothing is opened to be waited for, and nothing is decoded before it is known to be small enough: a regular file of at
most `MAX_BYTES`, which by its header holds at most `MAX_PIXELS` pixels, and a JPEG in at most `MAX_SCANS` scans. An
image at these limits takes less than 1 GB from decoding to features.

A file whose pixels end early is "truncated". A JPEG damaged in the middle that still decodes to its full size cannot
be told from a sound one with these decoders.
"""

import errno
import hashlib
import io

import cv2
import numpy as np
from PIL import ExifTags, TiffImagePlugin
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from leukobench.inputs import read_bytes

MAX_BYTES = 2**28  # of a file
MAX_PIXELS = 32_000_000  # of an image
MAX_SCANS = 100  # of a JPEG, as libtiff has it: each goes over the whole image, however few bytes it takes
# The readers themselves, and not `Image.open`, which warns or fails at limits of its own that any library may move.
READERS = {
    b"\xff\xd8\xff": JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"BM": BmpImageFile,
    b"II*\0": TiffImagePlugin.TiffImageFile,
    b"MM\0*": TiffImagePlugin.TiffImageFile,
}
PLAIN_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX"}
JPEG_FLAGS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
JPEG_END, JPEG_SCAN = b"\xff\xd9", b"\xff\xda"
SEPARATE_PLANES = 2  # of TIFF's planar configuration
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
        A JPEG, PNG, BMP or TIFF file.
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
        The content of a JPEG, PNG, BMP or TIFF file.

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
    reader = next((reader for start, reader in READERS.items() if data.startswith(start)), None)
    if not data:
        raise ImageError("truncated", "the file is empty")
    if reader is None:
        raise ImageError("not_an_image", "does not begin like a JPEG, PNG, BMP or TIFF file")
    kind = reader.format
    try:
        with reader(io.BytesIO(data)) as image:
            _check_pixels(image, data)
            return _decode_jpeg(data, image) if kind == "JPEG" else _stored_colours(image)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # decoders fail in many ways on damaged bytes, and one file must not stop the rest
        if getattr(error, "code", None) == cv2.Error.StsNoMem:
            raise MemoryError("no room for the pixels of an image") from error
        if _ends_early(kind, data) or "truncated" in str(error).lower():
            raise ImageError("truncated", f"the {kind} data end early, after {len(data):,} bytes") from error
        reason = str(error).split(" <_io", 1)[0].split("\n", 1)[0]
        raise ImageError("unreadable", f"{kind} file: {reason or type(error).__name__}") from error


def read_mask(path):
    """Read an expert mask as a label mask.

    Grey values below 64 are background, from 64 to 191 cytoplasm, from 192 nucleus (the published masks hold 0, 128
    and 255 with a few stray values between).

    Parameters
    ----------
    path : str or Path
        A grey image file.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        0 background, 1 cytoplasm, 2 nucleus.

    Raises
    ------
    ImageError
        As for `read_image`.
    """
    grey = cv2.cvtColor(read_image(path), cv2.COLOR_RGB2GRAY)
    return (grey >= 64).astype(np.uint8) + (grey >= 192)


def _check_pixels(image, data):
    """Refuse more pixels than can be held, and pixels that do not fit 8-bit RGB, by the header alone."""
    if image.width * image.height > MAX_PIXELS:
        raise ImageError("too_large", f"{image.width:,} x {image.height:,} pixels, and at most {MAX_PIXELS:,} are read")
    bits = 8
    if image.format == "PNG":
        bits = data[24]
    elif image.format == "TIFF":
        bits = max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    elif image.format == "JPEG" and (scans := data.count(JPEG_SCAN)) > MAX_SCANS:
        raise ImageError("too_large", f"{scans:,} scans, and at most {MAX_SCANS} are read")
    if bits > 8:  # Pillow itself squeezes 16-bit colour silently
        raise ImageError("unreadable", f"{bits} bits per sample; save it as 8-bit RGB")
    if image.mode not in PLAIN_MODES:
        raise ImageError("unreadable", f"colour mode {image.mode}; save it as 8-bit RGB")


def _stored_colours(image):
    """Decode with Pillow, but for what it does to a TIFF beyond its samples: turning it, and dividing by alpha."""
    if image.format == "TIFF":
        image.getexif()[ExifTags.Base.Orientation] = 1
        if image.mode == "RGBA" and any("a" in tile.args[0] for tile in image.tile):
            if image.tag_v2.get(TiffImagePlugin.PLANAR_CONFIGURATION) == SEPARATE_PLANES:
                raise ImageError("unreadable", "associated alpha on separate planes; save it as 8-bit RGB")
            image.tile = [tile._replace(args=(tile.args[0].upper(), *tile.args[1:])) for tile in image.tile]
    return np.array(image.getchannel(0).convert("RGB") if image.mode == "La" else image.convert("RGB"))


def _decode_jpeg(data, header):
    """Decode with OpenCV, which fills missing rows with grey: so the end marker is looked for first."""
    if data.find(JPEG_END, header.fp.tell()) < 0:
        raise ValueError("truncated: no end marker after the start of the scan")
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
    return len(data) < 10 or int.from_bytes(data[4:8], "little" if data[:1] == b"I" else "big") + 2 > len(data)

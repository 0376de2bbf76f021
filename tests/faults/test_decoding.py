"""Pixels come as they are stored, whatever the format: not turned by a tag, not divided by alpha, not blended."""

import errno
import io
import os

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from leukobench.imaging.io import ImageError, decode_image, read_image

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
ALPHA = np.repeat(np.array([0, 128, 255, 1], np.uint8), 10)[:, None, None].repeat(50, axis=1)
WITH_ALPHA = np.concatenate([PIXELS, ALPHA], axis=2)
TURNED = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
LAYOUTS = {
    "strips": {},
    "deflate": {"compression": "zlib"},
    "tiles": {"tile": (16, 16)},
    "tiles of deflate": {"tile": (16, 16), "compression": "zlib"},
    "big-endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
    "big-endian BigTIFF": {"bigtiff": True, "byteorder": ">"},
    "LZW with predictor": {"compression": "lzw", "predictor": True},
    "tiles of LZW": {"tile": (16, 16), "compression": "lzw"},
}


def tiff(pixels, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **{"photometric": "rgb"} | options)
    return file.getvalue()


def saved(kind, **options):
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_no_tiff_is_turned_by_its_tag(layout, orientation):
    data = tiff(PIXELS, extratags=[(274, "H", 1, orientation, True)], **LAYOUTS[layout])
    np.testing.assert_array_equal(decode_image(data), PIXELS)


def test_nor_by_what_is_written_in_its_xmp():
    data = tiff(PIXELS, extratags=[(700, "B", len(TURNED), TURNED, True)])
    np.testing.assert_array_equal(decode_image(data), PIXELS)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_nor_is_any_other_format(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(decode_image(saved(kind, exif=exif)), decode_image(saved(kind)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("alpha", ["assocalpha", "unassalpha", "unspecified"])
def test_colours_beside_alpha_are_the_stored_ones(layout, alpha):
    data = tiff(WITH_ALPHA, extrasamples=[alpha], **LAYOUTS[layout])
    np.testing.assert_array_equal(decode_image(data), PIXELS)


@pytest.mark.parametrize("alpha", ["assocalpha", "unassalpha"])
def test_grey_beside_alpha_is_the_stored_one(alpha):
    data = tiff(WITH_ALPHA[..., [0, 3]], photometric="minisblack", planarconfig="contig", extrasamples=[alpha])
    np.testing.assert_array_equal(decode_image(data), PIXELS[..., :1].repeat(3, axis=2))


@pytest.mark.parametrize("alpha", ["assocalpha", "unassalpha"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_colours_on_planes_of_their_own(alpha, depth):
    planes = np.moveaxis(WITH_ALPHA, 2, 0).astype(depth) << (8 if depth is np.uint16 else 0)
    for options in ({}, {"compression": "zlib"}):
        data = tiff(planes, planarconfig="separate", extrasamples=[alpha], **options)
        np.testing.assert_array_equal(decode_image(data), PIXELS)


def test_of_several_pages_the_first_is_read():
    np.testing.assert_array_equal(decode_image(tiff(np.stack([PIXELS, 255 - PIXELS]))), PIXELS)


def test_black_is_where_the_file_says():
    np.testing.assert_array_equal(
        decode_image(tiff(PIXELS[..., 0], photometric="miniswhite"))[..., 1], 255 - PIXELS[..., 0]
    )


def test_a_palette_of_16_bits_is_expanded():
    colours = np.random.default_rng(3).integers(0, 2**16, (3, 256), np.uint16)
    data = tiff(PIXELS[..., 0], photometric="palette", colormap=colours)
    np.testing.assert_array_equal(decode_image(data), np.moveaxis(colours[:, PIXELS[..., 0]] >> 8, 0, 2))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_are_spread_over_the_range(bits):
    levels = PIXELS[..., 0] >> (8 - bits)
    packed = np.packbits(np.unpackbits(levels[..., None], axis=2)[..., -bits:].reshape(40, -1), axis=1)
    file = io.BytesIO()
    options = {
        "photometric": "minisblack",
        "bitspersample": bits,
        "shape": (40, 50),
        "dtype": bool if bits == 1 else "u1",
    }
    tifffile.imwrite(file, iter([packed.tobytes()]), rowsperstrip=40, compression="none", **options)
    np.testing.assert_array_equal(decode_image(file.getvalue())[..., 0], levels * (255 // (2**bits - 1)))


@pytest.mark.parametrize("pixels", [PIXELS.astype(np.float32), PIXELS.astype(np.uint32), PIXELS.astype(np.int16)])
def test_what_has_no_eight_bits_is_refused(pixels):
    with pytest.raises(ImageError, match="save it as 8-bit RGB") as caught:
        decode_image(tiff(pixels))
    assert caught.value.kind == "unreadable"


def test_a_damaged_tag_is_no_default():
    """With its bits per sample lost a TIFF is one of one bit, by the standard's default."""
    data = bytearray(tiff(PIXELS))
    at = data.index((258).to_bytes(2, "little"))
    data[at + 2 : at + 4] = b"\xff\xff"
    with pytest.raises(ImageError, match="damaged tags: 258"):
        decode_image(bytes(data))


def test_a_tiff_with_a_hole_is_refused():
    with tifffile.TiffFile(io.BytesIO(data := tiff(PIXELS))) as file:
        at = file.pages[0].tags[279].valueoffset
    with pytest.raises(ImageError, match="not in the file"):
        decode_image(data[:at] + bytes(4) + data[at + 4 :])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_straight_alpha_of_other_writers(kind):
    file = io.BytesIO()
    Image.fromarray(WITH_ALPHA).save(file, kind)
    np.testing.assert_array_equal(decode_image(file.getvalue()), PIXELS)


def no_room(*arguments, **options):
    error = cv2.error("Insufficient memory: failed to allocate 392040 bytes")
    error.code = cv2.Error.StsNoMem
    raise error


def no_memory(*arguments, **options):
    raise MemoryError


@pytest.mark.parametrize(("kind", "decoder"), [("JPEG", (cv2, "imdecode")), ("PNG", (Image.Image, "convert"))])
@pytest.mark.parametrize("fail", [no_room, no_memory])
def test_a_lack_of_memory_is_no_bad_image(monkeypatch, kind, decoder, fail):
    data = saved(kind)
    monkeypatch.setattr(*decoder, fail)
    with pytest.raises(MemoryError):
        decode_image(data)


@pytest.mark.parametrize("code", [errno.ENOMEM, errno.EMFILE, errno.ENFILE])
def test_nor_is_what_the_machine_lacks_to_open_it(monkeypatch, tmp_path, code):
    def fail(*arguments, **options):
        raise OSError(code, os.strerror(code))

    (tmp_path / "cell.png").write_bytes(saved("PNG"))
    monkeypatch.setattr("leukobench.imaging.io.read_bytes", fail)
    with pytest.raises(OSError, match=os.strerror(code)):
        read_image(tmp_path / "cell.png")

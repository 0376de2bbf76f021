"""Zip archives from outside: how much they unpack to is bounded before anything is unpacked."""

import os
import struct
import zipfile

from leukobench.models.soundness import ensure

MIB = 2**20
MOST_BYTES = 2**31 - MIB  # of an archive; beyond this zip files have another form, which is refused
MOST_UNPACKED, FREE, RATIO = 2**32, 64 * MIB, 30  # the members of a small model shrink to a twentieth at most
ENTRY = 150  # bytes of a member's entry in the directory at most, its name included
END = "<4s4H2LH"  # the record at the end of an archive without a comment
LOCATOR = b"PK\x06\x07"  # what stands before that record where a second, larger one holds


def open_archive(file, most_members):
    """Open a zip archive whose directory and contents are bounded.

    Parameters
    ----------
    file : binary file
    most_members : int

    Returns
    -------
    zipfile.ZipFile
        Its members say that they unpack to 64 MiB and 30 times the archive at most, and to 4 GiB; `read_member` holds
        them to it.

    Raises
    ------
    ValueError
        Where it is larger, or is no such archive.
    """
    size = file.seek(0, os.SEEK_END)
    ensure(struct.calcsize(END) < size <= MOST_BYTES, f"{size:,} bytes")
    file.seek(-struct.calcsize(END), os.SEEK_END)
    signature, *_, directory, _, _ = struct.unpack(END, file.read())
    file.seek(max(0, size - struct.calcsize(END) - 20))
    ensure(signature == b"PK\x05\x06" and file.read(4) != LOCATOR, "no zip archive, or one of another form")
    ensure(directory <= ENTRY * most_members, "too many members")
    archive = zipfile.ZipFile(file)
    members = archive.infolist()
    ensure(len(members) <= most_members, f"{len(members):,} members")
    ensure(len(set(archive.namelist())) == len(members), "two members of one name")
    ensure(all(each.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for each in members), "odd packing")
    unpacked = sum(each.file_size for each in members)
    ensure(unpacked <= most_unpacked(size), f"{size:,} bytes that unpack to {unpacked:,}")
    return archive


def most_unpacked(size):
    """Bytes that an archive of a size may unpack to."""
    return min(MOST_UNPACKED, FREE + RATIO * size)


def read_member(archive, name, most=MOST_BYTES):
    """Bytes of a member; no more are unpacked than it says, since the size that it says need not be true.

    Parameters
    ----------
    archive : zipfile.ZipFile
    name : str
    most : int
        Bytes.

    Returns
    -------
    bytes

    Raises
    ------
    KeyError, ValueError, zipfile.BadZipFile
        Where there is no such member, it is too large, or not what it says.
    """
    said = archive.getinfo(name).file_size
    ensure(said <= most, f"a member {name} of {said:,} bytes")
    with archive.open(name) as stream:
        content = stream.read(said + 1)  # the byte more makes zipfile compare the checksum
    ensure(len(content) == said, f"a member {name} of another size than it says")
    return content

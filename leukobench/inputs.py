"""Files that others wrote: bounded before they are read, text in any common encoding, names in any bytes."""

import codecs
import csv
import errno
import io
import os
import re
import stat
import tomllib
import unicodedata
from pathlib import Path

from leukobench.errors import UsageError

MAX_TEXT_BYTES = 2**26
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
ENCODINGS = ("utf-8", "cp1252")  # of text without a mark; the second holds Latin-1's letters
DELIMITERS = ("\t", ";", ",")
AS_UTF8 = "save it as UTF-8 text"


def read_bytes(path, at_most):
    """Read a regular file, unless it is larger than allowed.

    Nothing else is opened to be waited for: a named pipe, a device or a socket is refused, and of a file that grows no
    more is read than it held at the start.

    Parameters
    ----------
    path : path-like
        The file.
    at_most : int
        The largest number of bytes that is read.

    Returns
    -------
    bytes
        The content.

    Raises
    ------
    OSError
        The file cannot be read, is none, is too large (errno EFBIG), or changes while it is read; `strerror` says so.

    Examples
    --------
    >>> len(read_bytes(__file__, 100_000)) == Path(__file__).stat().st_size
    True
    """
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EINVAL, "no regular file, but a pipe or a device", os.fspath(path))
        if facts.st_size > at_most:
            raise OSError(errno.EFBIG, f"{facts.st_size:,} bytes, and at most {at_most:,} are read", os.fspath(path))
        data = file.read(facts.st_size + 1)
    if data is None:  # the kernel's own files are regular by their word, and wait for what is not there yet
        raise OSError(errno.EAGAIN, "nothing can be read from it now", os.fspath(path))
    if len(data) != facts.st_size:
        raise OSError(errno.EBUSY, "the file changes while it is read", os.fspath(path))
    return data


def read_text(path):
    """Read a text file: UTF-8 or UTF-16 with a byte order mark, UTF-8, or else Windows' Western encoding (cp1252).

    Parameters
    ----------
    path : path-like
        A file of at most `MAX_TEXT_BYTES`.

    Returns
    -------
    str
        The text without its mark, with the line ends of the file.

    Raises
    ------
    UsageError
        The file cannot be read, or is no text; the line is named.
    """
    try:
        data = read_bytes(path, MAX_TEXT_BYTES)
    except OSError as error:
        raise UsageError(f"cannot read {spell(path)}: {error.strerror}", "it must be a text file") from error
    marked = [encoding for mark, encoding in MARKS.items() if data.startswith(mark)]
    for encoding in marked or ENCODINGS:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            line, reason = 1 + error.object.count(b"\n", 0, error.start), error.reason
            continue
        if "\0" in text:
            line, reason = 1 + text.count("\n", 0, text.index("\0")), "it holds a NUL"
            break
        return text
    raise UsageError(f"{spell(path)}, line {line}, is no text: {reason}", AS_UTF8)


def read_toml(path):
    """Read a TOML file, as `read_text` reads text.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    dict
        Its tables.

    Raises
    ------
    UsageError
        The file cannot be read or is no TOML; the line is named.
    """
    try:
        return tomllib.loads(read_text(path))
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits and nests of brackets among them
        raise UsageError(f"{spell(path)} is not a TOML file: {error}", "see https://toml.io for its rules") from error


def read_table(path, columns=None):
    """Read a table of text: cells between commas, semicolons or tabs, whichever is most frequent in its first line.

    A line ``sep=;`` that a spreadsheet writes on top says it instead.

    Parameters
    ----------
    path : path-like
        A text file, as for `read_text`. Empty lines are left out.
    columns : sequence of str, optional
        Names in the first line, in any case; the cells below them are given. Without it all cells of every line are.

    Returns
    -------
    list of (int, list of str)
        Number of the line, and its cells without the spaces around them.

    Raises
    ------
    UsageError
        The file cannot be read, a column is missing, or a line has too few cells; file and line are named.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
    >>> _ = path.write_text("Path;Label\\nward\\\\1.png;NE\\n")
    >>> read_table(path, ["label", "path"])
    [(2, ['NE', 'ward\\\\1.png'])]
    """
    text = read_text(path)
    first, _, rest = text.partition("\n")
    named = re.fullmatch(r'"?sep=(.)"?\r?', first)  # a spreadsheet's own line, which is no row
    text = f"\n{rest}" if named else text
    delimiter = named[1] if named else max(DELIMITERS, key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    try:
        for cells in lines:
            if any(map(str.strip, cells)):
                rows.append((lines.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise UsageError(f"{spell(path)}, line {lines.line_num}: {error}", "see that every quote is closed") from error
    return rows if columns is None else _pick(path, rows, columns)


def _pick(path, rows, columns):
    """The cells below the named columns."""
    line, header = rows[0] if rows else (1, [])
    places = {name.lower(): place for place, name in enumerate(header)}
    for name in columns:
        if name.lower() not in places:
            raise UsageError(f"{spell(path)}, line {line}: no column {name!r}", f"there are {', '.join(header)}")
    chosen = [places[name.lower()] for name in columns]
    for line, cells in rows[1:]:
        if len(cells) <= max(chosen):
            raise UsageError(f"{spell(path)}, line {line}: {len(cells)} of {len(header)} cells", "complete the line")
    return [(line, [cells[place] for place in chosen]) for line, cells in rows[1:]]


def spell(name):
    r"""Write the name of a file as text that any table and terminal can hold.

    Parameters
    ----------
    name : path-like
        A path or a part of one; on POSIX it may hold any bytes.

    Returns
    -------
    str
        The name; a byte that is no text is written as `\xe9`.

    Examples
    --------
    >>> spell(os.fsdecode(b"caf\xe9.png"))
    'caf\\xe9.png'
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def as_words(name):
    """Write a name so that it can be compared with what somebody typed: `spell`, with every accent in its letter (NFC).

    Parameters
    ----------
    name : path-like
        The name of a file or folder, such as macOS writes it, with the accents behind their letters.

    Returns
    -------
    str
        The name as text.

    Examples
    --------
    >>> len(as_words("Ka\u0308fig")), len("Ka\u0308fig")
    (5, 6)
    """
    return unicodedata.normalize("NFC", spell(name))


def locate(root, spelled):
    """Find a file by the name that `spell` gave it.

    Parameters
    ----------
    root : path-like
        The folder that the name is relative to.
    spelled : str
        The name as text.

    Returns
    -------
    Path
        The file; whether it is there is not asked.

    Examples
    --------
    >>> os.fsencode(locate("data", spell(os.fsdecode(b"caf\\xe9.png"))))
    b'data/caf\\xe9.png'
    """
    path = Path(root, spelled)
    if os.path.lexists(path):
        return path
    raw = re.sub(rb"\\x([89a-f][0-9a-f])", lambda found: bytes.fromhex(found[1].decode()), spelled.encode())
    return Path(root, os.fsdecode(raw))

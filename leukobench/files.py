"""Files that survive a kill: atomic writes and a lock that dies with its owner."""

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from pathlib import Path


def atomic_write(path, data):
    """Write a file so that a reader, or a kill, never meets half of it.

    Parameters
    ----------
    path : path-like
        Where the file goes; the folder is made where it is missing.
    data : bytes, str or callable
        The content, or a function that is handed the path of a file beside it to write to.

    Raises
    ------
    OSError
        Where the disk is full or the folder is read-only; the old file is then untouched.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "note.txt"
    >>> atomic_write(path, "kept")
    >>> path.read_text()
    'kept'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    os.close(handle)
    try:
        if callable(data):
            data(beside)
        else:
            Path(beside).write_bytes(data.encode() if isinstance(data, str) else data)
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        raise


def fitting_name(name, ending="", limit=255):
    """A file name that a file system takes: cut where it would be too long, and then told apart by a digest.

    Parameters
    ----------
    name : str
        May hold what UTF-8 cannot, as names of files on a disk do.
    ending : str, default ""
        What comes after it, never cut.
    limit : int, default 255
        Bytes that a name may have.

    Returns
    -------
    str

    Examples
    --------
    >>> fitting_name("cell.jpg", ".png")
    'cell.jpg.png'
    >>> fitting_name("a" * 254, ".png", limit=30)
    'aaaaaaaaaaaaa~136496c2a16a.png'
    """
    whole = os.fsencode(name)
    room = limit - len(os.fsencode(ending))
    if len(whole) <= room:
        return name + ending
    digest = hashlib.sha256(whole).hexdigest()[:12]
    return f"{whole[: room - 13].decode(errors='ignore')}~{digest}{ending}"


@contextlib.contextmanager
def locked(path, *, wait=True, shared=False):
    """Hold a lock on a file for as long as the block runs.

    The operating system drops the lock when its owner ends, however it ends, `kill -9` included.

    Parameters
    ----------
    path : path-like
        The lock file; it is made where it is missing and left in place.
    wait : bool, default True
        Wait for another owner; otherwise give up at once.
    shared : bool, default False
        Share the lock with others who share it; by default there is one owner.

    Yields
    ------
    bool
        Whether the lock is held.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "cell.lock"
    >>> with locked(path) as mine, locked(path, wait=False) as theirs:
    ...     mine, theirs
    (True, False)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def content_hash(value, length=16):
    """Fingerprint of a plain value (numbers, text, lists, dictionaries), whatever the order of its keys.

    Parameters
    ----------
    value : JSON-serialisable
        What to fingerprint.
    length : int, default 16
        Number of hexadecimal digits.

    Returns
    -------
    str
        The first `length` digits of a SHA-256.

    Examples
    --------
    >>> content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]

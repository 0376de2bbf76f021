"""Files that survive a kill and a full disk: atomic writes, and a lock that dies with its owner."""

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from pathlib import Path

from leukobench.errors import UsageError

ROOM = 1 << 20  # bytes that must be free before long work begins


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
        Where the disk is full or the folder is read-only, with the name of the file; the old file is then untouched.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "note.txt"
    >>> atomic_write(path, "kept")
    >>> path.read_text()
    'kept'
    """
    path = Path(path)
    with blamed_on(path):
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


def keep_result(path, data):
    """As `atomic_write`, of what took long to compute: where it cannot be written, it is kept elsewhere.

    Parameters
    ----------
    path, data
        As for `atomic_write`.

    Raises
    ------
    UsageError
        Where it was kept in the folder for temporary files, and why.
    OSError
        Where it could not be written there either.
    """
    try:
        atomic_write(path, data)
    except OSError as error:
        spare = Path(tempfile.mkdtemp(prefix="leukobench-")) / Path(path).name
        atomic_write(spare, data)
        raise UsageError(f"cannot write {path}: {error.strerror}", f"the result is kept in {spare}") from error


def check_writable(path, folder=False, spare=()):
    """Say before long work, and not after it, that its result cannot be written.

    Parameters
    ----------
    path : path-like
        What is to be written; folders that are missing above it will be made.
    folder : bool, default False
        Whether it is a folder, into which files will be written.
    spare : iterable of path-like, default ()
        Files that are read, or written too, and must not be replaced by it.

    Raises
    ------
    UsageError
        Where it is of the other kind, stands below a file, is to be spared, or the disk takes no megabyte more.

    Examples
    --------
    >>> check_writable("/dev/null/index.csv")
    Traceback (most recent call last):
    ...
    leukobench.errors.UsageError: cannot write /dev/null/index.csv: /dev/null is no folder; name another place
    """
    whole = Path(path).resolve()
    there = next(each for each in (whole, *whole.parents) if each.exists())
    is_file = there == whole and not folder
    if not (there.is_file() if is_file else there.is_dir()):
        why = f"{there} is no {'file' if is_file else 'folder'}"
        raise UsageError(f"cannot write {path}: {why}", "name another place")
    if whole in (Path(each).resolve() for each in spare):
        raise UsageError(f"cannot write {path}: another file of this command lies there", "name another place")
    try:
        with tempfile.TemporaryFile(dir=there.parent if is_file else there) as file:
            file.write(bytes(ROOM))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}", "make room, or name another place") from error


@contextlib.contextmanager
def blamed_on(path):
    """Give an error of the disk the name of what was to be written: it often names none, or a file beside it.

    Parameters
    ----------
    path : path-like
        The file or folder.

    Raises
    ------
    OSError
        With this path as its file name.
    """
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno) if error.errno else str(error), str(path)) from error


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
    with open(path, "ab") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def file_digest(path):
    """SHA-256 of a file, as `sha256sum` gives it.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "note.txt"
    >>> atomic_write(path, "kept")
    >>> file_digest(path)[:8]
    '79f076ab'
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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

"""Where Optuna keeps the trials of a tuning: a journal that a kill or a full disk may tear, memory, or a database."""

import json
import logging
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)


class StorageLost(ConnectionError):
    """The database of the tunings cannot be reached."""


def open_storage(path, keep=True, url=None):
    """Optuna storage of one tuning.

    Parameters
    ----------
    path : path-like
        Journal of the tuning, of `RunFolder.journal_path`; the caller holds the lock of its run cell.
    keep : bool, default True
        Keep trials in the journal, which survives a kill, else in memory.
    url : str, optional
        Database that keeps them in place of a journal, as SQLAlchemy writes it.

    Returns
    -------
    optuna.storages.BaseStorage
        The storage. A journal goes on from its last whole line; one that makes no sense is named in the log and begun
        again.

    Raises
    ------
    StorageLost
        Where the database cannot be reached.

    Examples
    --------
    >>> import tempfile
    >>> storage = open_storage(Path(tempfile.mkdtemp()) / "cell-0.log")
    >>> optuna.get_all_study_names(storage)
    []
    """
    if url:
        return open_database(url)
    if not keep:
        return InMemoryStorage()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for lock in path.parent.glob(f"{path.name}.lock*"):  # of a process that was killed: the cell lock is ours
        lock.unlink()
    cut_torn_end(path)
    try:
        storage = _journal(path)
        optuna.get_all_study_names(storage)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        log.warning("journal %s is damaged (%s): its tuning starts again", path.name, error)
        path.unlink()
        storage = _journal(path)
    return storage


def open_database(url):
    """Optuna storage of a database, such as "postgresql+psycopg2://user@host/leukobench".

    Raises
    ------
    StorageLost
        Where it cannot be reached.
    """
    try:
        return RDBStorage(url)
    except (StorageInternalError, SQLAlchemyError, ImportError) as error:
        raise StorageLost(str(error).splitlines()[0]) from error


def cut_torn_end(path):
    """Cut a journal behind its last whole line, since what Optuna appends would join the torn one.

    A line is whole where it ends and is JSON: a full disk or a kill leaves half a line, a machine that lost its power
    a tail of zeros. What stands before is the state of an earlier moment, from which the tuning goes on.

    Parameters
    ----------
    path : path-like
        The journal; nothing happens where there is none.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "cell-0.log"
    >>> path.write_bytes(b'{"op_code": 4}\\n{"op_co')
    22
    >>> cut_torn_end(path)
    >>> path.read_bytes()
    b'{"op_code": 4}\\n'
    """
    path = Path(path)
    if not path.exists():
        return
    whole = 0
    with open(path, "rb+") as file:
        for line in file:
            if not _is_whole(line):
                log.warning("journal %s is damaged behind byte %d: its tuning goes on from there", path.name, whole)
                file.truncate(whole)
                return
            whole += len(line)


def _is_whole(line):
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _journal(path):
    return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))

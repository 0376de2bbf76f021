"""Tables that are computed once: rows keyed by content, kept as immutable parquet shards."""

import contextlib
import json
import logging
import os
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs
import pyarrow as pa
import pyarrow.parquet as pq

from leukobench.files import atomic_write, content_hash
from leukobench.readback import DamagedFile, opened_table

log = logging.getLogger(__name__)
WRITTEN_OUT = 64  # numbers of an array that somebody has written down, not computed
FORMER = {"leukobench.segmentation.own_colours": "leukobench.segmentation.adaptation"}
"""A module that got another name keeps the former in keys: rows need not be computed again."""


def cache_folder():
    """Folder of everything that can be computed again: `LEUKOBENCH_CACHE`, else the user's cache directory.

    Returns
    -------
    pathlib.Path
        The folder; it need not exist yet.

    Examples
    --------
    >>> isinstance(cache_folder(), Path)
    True
    """
    return Path(os.environ.get("LEUKOBENCH_CACHE") or platformdirs.user_cache_dir("leukobench"))


def settings(*names):
    """Digest of the constants of modules: what decides their numbers beside their code.

    A version must be raised by somebody who thinks of it; a bound or a range that was changed changes this by itself.

    Parameters
    ----------
    *names : str
        Of modules. Of their names in capitals those count whose values are numbers, texts, lists of these, or arrays
        of at most `WRITTEN_OUT` numbers: longer ones are tables that are computed, and may differ between processors
        in their last digits.

    Returns
    -------
    str

    Examples
    --------
    >>> from unittest import mock
    >>> before = settings("leukobench.imaging.scale")
    >>> with mock.patch("leukobench.imaging.scale.RED_CELL_UM", 7.3):
    ...     settings("leukobench.imaging.scale") == before
    False
    """
    found = {}
    for module in names:
        known_as = FORMER.get(module, module)
        for name, value in vars(import_module(module)).items():
            with contextlib.suppress(TypeError):  # what JSON does not know is made of code or of the others
                found |= {f"{known_as}.{name}": json.dumps(value, default=_numbers)} if name.isupper() else {}
    return content_hash(found)


def _numbers(value):
    """A short array as JSON knows it."""
    if isinstance(value, np.ndarray) and value.size <= WRITTEN_OUT:
        return value.astype(float).round(9).tolist()
    raise TypeError(f"{type(value).__name__} is no plain value")


class TableCache:
    """Rows of numbers under content keys, shared safely by any number of processes.

    A table is named by a key, a dictionary of everything its numbers depend on (component versions, parameters).
    Its rows are named by ids, such as the sha256 of an image. Each `save` adds one shard and changes none, so two
    writers never meet; a shard that is damaged is named in the log, removed and thereby computed again. One that the
    machine cannot read (no permission, no memory) is left alone, and the error raised.

    Parameters
    ----------
    folder : path-like, optional
        Where the tables live; default `cache_folder() / "tables"`.

    Examples
    --------
    >>> import tempfile
    >>> cache = TableCache(tempfile.mkdtemp())
    >>> cache.save({"name": "area", "version": 1}, pd.DataFrame({"area": [7.0]}, index=["cell-a"]))
    >>> cache.load({"name": "area", "version": 1}, ["cell-a", "cell-b"])
            area
    cell-a   7.0
    """

    def __init__(self, folder=None):
        self.folder = Path(folder) if folder else cache_folder() / "tables"

    def table_folder(self, key):
        """Folder of one table: its name, made safe for a file system, and the fingerprint of its key."""
        name = "".join(c if c.isalnum() or c in "._-" else "-" for c in str(key["name"]))
        return self.folder / f"{name}-{content_hash(key)}"

    def save(self, key, table):
        """Add rows to a table.

        Parameters
        ----------
        key : dict
            What the numbers depend on; must have a "name".
        table : pandas.DataFrame
            The rows, indexed by id.
        """
        if table.empty:
            return
        folder = self.table_folder(key)
        if not (folder / "key.json").exists():
            atomic_write(folder / "key.json", json.dumps(key, indent=1, sort_keys=True))
        # One list column: a thousand parquet columns would take longer to open than to read.
        rows = pa.FixedSizeListArray.from_arrays(table.to_numpy().ravel(), table.shape[1])
        shard = pa.table({"id": list(table.index), "row": rows})
        shard = shard.replace_schema_metadata({"columns": json.dumps(_written(table.columns))})
        name = f"{content_hash(sorted(table.index), 24)}.parquet"
        atomic_write(folder / name, lambda path: pq.write_table(shard, path, write_page_checksum=True))

    def load(self, key, ids):
        """Rows of a table that are there, in the order asked for.

        Parameters
        ----------
        key : dict
            What the numbers depend on.
        ids : sequence of str
            The rows wanted.

        Returns
        -------
        pandas.DataFrame
            The rows found, indexed by id; rows that are missing are left out.
        """
        wanted = {*ids}
        shards = [self._read(path, wanted) for path in sorted(self.table_folder(key).glob("*.parquet"))]
        shards = [shard for shard in shards if shard is not None]
        if not shards:
            return pd.DataFrame()
        table = pd.concat(shards)
        table = table[~table.index.duplicated()]
        return table.loc[[i for i in ids if i in table.index]]

    def _read(self, path, wanted):
        try:
            return _understood(path, wanted)
        except FileNotFoundError:  # another process found it damaged first
            return None
        except DamagedFile as error:
            log.warning("%s: it is removed, its rows are computed again", error.message)
            with contextlib.suppress(OSError):  # in a cache that others keep it stays, and is left out each time
                path.unlink()
            return None


def _understood(path, wanted):
    """The rows of one shard, or None where it has none of those; DamagedFile where it is none."""
    with opened_table(path, "cache shard") as read:
        # Of what a laboratory has asked in a year, today's hundred cells are in a few shards.
        if wanted.isdisjoint(read(["id"])["id"].to_pylist()):
            return None
        shard = read()
        columns = _read_back(json.loads(shard.schema.metadata[b"columns"]))
        values = shard["row"].combine_chunks().flatten().to_numpy().reshape(len(shard), len(columns))
        if not np.issubdtype(values.dtype, np.number):
            raise TypeError(f"its values are no numbers but {shard['row'].type}")
        return pd.DataFrame(values, index=shard["id"].to_pylist(), columns=columns)


def _written(columns):
    """Names of columns for a shard; of mere numbers only how many, as crops have 76,800."""
    names = list(columns)
    return len(names) if names == _read_back(len(names)) else names


def _read_back(columns):
    return list(map(str, range(columns))) if isinstance(columns, int) else columns

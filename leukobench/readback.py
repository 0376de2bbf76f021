"""Reads back what was written, and tells a file that is damaged from a machine that cannot read it.

Bytes are fetched first and understood afterwards. What goes wrong while they are fetched (no permission, a bad disk, no
memory, too many open files) is the machine's and says nothing about the file; only bytes that were there and make no
sense prove damage, and only what is proved to be damaged may be deleted or made again.
"""

import contextlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from leukobench.errors import UsageError

NONSENSE = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, EOFError)
NONSENSE += (RecursionError, NotImplementedError)


class DamagedFile(UsageError):
    """A file whose bytes were read and are not what was written."""


@contextlib.contextmanager
def understanding(path, what, hint=""):
    """Take an error of the block, in which the bytes of a file are understood, for damage of that file.

    Parameters
    ----------
    path : path-like
        The file.
    what : str
        What it should be, such as "record".
    hint : str, default ""
        What to do about it.

    Raises
    ------
    DamagedFile
        Where the bytes make no sense. An error of the machine, which has an errno, and a lack of memory or threads
        stay what they are.

    Examples
    --------
    >>> with understanding("plan.json", "plan"):
    ...     json.loads("{")
    Traceback (most recent call last):
    ...
    leukobench.readback.DamagedFile: plan.json is not a readable plan (Expecting property name enclosed in double ...
    """
    try:
        yield
    except NONSENSE as error:
        if getattr(error, "errno", None):
            raise
        raise DamagedFile(f"{path} is not a readable {what} ({reason(error)})", hint) from error


def read_json(path, schema, what, hint=""):
    """Content of a JSON file that has the shape it should have.

    Parameters
    ----------
    path : path-like
        The file.
    schema : pydantic.TypeAdapter
        Its shape.
    what, hint : str
        As for `understanding`.

    Returns
    -------
    object
        The content as it was written, with all that the schema does not speak of.

    Raises
    ------
    DamagedFile
        Where it is no JSON, or of another shape.
    OSError
        Where it cannot be read.
    """
    data = Path(path).read_bytes()
    with understanding(path, what, hint):
        return parse_json(data, schema)


def parse_json(data, schema):
    """Content of the bytes of JSON; a ValueError where it does not fit the schema or could not be written again."""
    content = json.loads(data)
    schema.validate_python(content)
    if rb"\ud" in data.lower():  # half of a pair of surrogates, which is no character in UTF-8
        json.dumps(content, ensure_ascii=False).encode()
    return content


def read_table(path, what="table", hint=""):
    """A parquet file, as a pyarrow.Table; raises as `read_json` does.

    One thread reads it from memory: Arrow's own threads hang for good where the machine lets it have no more of them.
    """
    with opened_table(path, what, hint) as read:
        return read()


@contextlib.contextmanager
def opened_table(path, what="table", hint=""):
    """A parquet file as a function that gives some of its columns, or all; raises as `read_json` does."""
    data = Path(path).read_bytes()
    with (
        understanding(path, what, hint),
        pq.ParquetFile(pa.BufferReader(data), pre_buffer=False, page_checksum_verification=True) as file,
    ):
        yield lambda columns=None: file.read(columns, use_threads=False)


def reason(error):
    """Why bytes make no sense, in one line: of a schema the first place that does not fit it."""
    if isinstance(error, KeyError):
        return f"no {error}"
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"no '{place}'" if first["type"] == "missing" else f"{place}: {first['msg']}".lstrip(": ")
    return (str(error).splitlines() or [type(error).__name__])[0]

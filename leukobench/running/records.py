"""What a record vouches for and leaves out: checksums, seals that a change by hand breaks, folders of the machine."""

import hashlib
import json
import re
import sysconfig
from pathlib import Path, PurePath

import numpy as np
import pyarrow as pa

from leukobench.files import content_hash

SEAL = "seal"
INSTALLED = {*(sysconfig.get_path(kind) for kind in ("purelib", "platlib", "stdlib")), str(Path(__file__).parents[2])}
# An absolute path: within quotes whatever they hold, else up to a blank or bracket. What stands before its first slash
# tells it from the rest of a relative path, an address and a fraction.
ABSOLUTE = re.compile(
    r"""(?<=")/[^"\n]+(?=")|(?<=')/[^'\n]+(?=')|(?<![\w:/.~%)\]])/[^\s/"'<>|:,;()\[\]][^\s"'<>|:,;()\[\]]*"""
)


def checksum(table):
    """Checksum of predictions by value, the same however the file was compressed.

    Parameters
    ----------
    table : pyarrow.Table
        Text and number columns.

    Returns
    -------
    str
        SHA-256, in hexadecimal, over names and values of all columns in their order.

    Examples
    --------
    >>> checksum(pa.table({"true": ["LY"], "p_LY": [0.75]}))[:12]
    '3c2976c3ac39'
    """
    digest = hashlib.sha256()
    for name in table.column_names:
        column = table[name]
        digest.update(f"\x1f{name}\x1f".encode())
        if pa.types.is_floating(column.type):
            digest.update(np.ascontiguousarray(column.to_numpy(), "<f8").tobytes())
        else:
            digest.update(json.dumps(column.to_pylist(), ensure_ascii=False).encode())
    return digest.hexdigest()


def sealed(content):
    """A dictionary with the hash of its content as "seal", so that `seal_holds` notices a later change.

    Parameters
    ----------
    content : dict
        Plain values, as JSON knows them.

    Returns
    -------
    dict
        The same with "seal" last.

    Examples
    --------
    >>> seal_holds(sealed({"seed": 1})), seal_holds(sealed({"seed": 1}) | {"seed": 2}), seal_holds({"seed": 1})
    (True, False, False)
    """
    bare = {key: value for key, value in content.items() if key != SEAL}
    return bare | {SEAL: content_hash(bare, 64)}


def seal_holds(content):
    """Whether a dictionary is what `sealed` made of it; False also where it never had a seal."""
    return content.get(SEAL) == sealed(content)[SEAL]


def without_places(text):
    """Text of an error without the folders of this machine, which are nobody's business and differ between two.

    Parameters
    ----------
    text : str
        May hold absolute paths.

    Returns
    -------
    str
        Code is named from its package on, every other file by its name alone.

    Examples
    --------
    >>> without_places(f'File "{__file__}", line 7: no /data/our patients/a.png, see https://peps.python.org/pep-0001/')
    'File "leukobench/running/records.py", line 7: no our patients/a.png, see https://peps.python.org/pep-0001/'
    >>> without_places("cannot open '/data/our patients/a.png', 3/4 done")
    "cannot open 'a.png', 3/4 done"
    """
    for folder in sorted(INSTALLED, key=len, reverse=True):
        text = text.replace(f"{folder}/", "")
    text = ABSOLUTE.sub(lambda found: PurePath(found[0]).name, text)
    return text.encode(errors="backslashreplace").decode()  # names of files may hold what UTF-8 cannot

"""What a record vouches for: checksums of predictions, and seals that a change by hand breaks."""

import hashlib
import json

import numpy as np
import pyarrow as pa

from leukobench.files import content_hash

SEAL = "seal"


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

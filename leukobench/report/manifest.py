"""The manifest of a run folder: one file that seals all others: its SHA-256 in print binds every one of them."""

import hashlib
import json

from leukobench.files import content_hash
from leukobench.running.records import checksum

NAME = "manifest.json"
LOOSE = ("plan.json", "environment.json", "representations.json", "samples.parquet")
NO_DIGEST = "0" * 64  # stands in the tables for the digest of the manifest that seals them


def digest_of(content):
    """SHA-256 of bytes or text, in hexadecimal, as `sha256sum` gives it.

    Parameters
    ----------
    content : bytes or str

    Returns
    -------
    str

    Examples
    --------
    >>> digest_of("")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def loose_digests(store):
    """Digest of each file of a run folder that is neither a record nor a table, by its name; none of what is not there.

    Parameters
    ----------
    store : RunFolder

    Returns
    -------
    dict of str to str
    """
    there = [name for name in LOOSE if (store.path / name).is_file()]
    return {name: digest_of((store.path / name).read_bytes()) for name in there}


def record_digest(record):
    """Digest of a record by its content, wherever it is kept.

    Parameters
    ----------
    record : dict
        As it was written.

    Returns
    -------
    str
    """
    return content_hash(record, 64)


def table_digest(text, digest=NO_DIGEST):
    """Digest of a table, in which the digest of the manifest itself counts as zeros.

    Parameters
    ----------
    text : str
    digest : str, default zeros
        Of the manifest that the table names.

    Returns
    -------
    str
    """
    return digest_of(text.replace(digest, NO_DIGEST))


def write_manifest(run, tables):
    """The manifest of a run folder.

    Parameters
    ----------
    run : reader.Run
    tables : dict of str to str
        File name to content, with `NO_DIGEST` where the digest goes.

    Returns
    -------
    str
        JSON with the digest of every file, records and predictions by their content, under the names that they have in
        a folder that was never compacted.
    """
    store, files = run.store, loose_digests(run.store)
    for cell in run.plan["cells"]:
        if record := store.written_record(cell["fingerprint"]):
            files[record_name(record)] = record_digest(record)
            if record["status"] == "ok":
                known = None if store.rounded(cell["fingerprint"]) else record.get("predictions_checksum")
                files[predictions_name(record)] = known or checksum(run.prediction_table(record))
    files |= {name: table_digest(text) for name, text in tables.items()}
    return json.dumps({"files": files}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def record_name(record):
    """File of a record, as manifest and messages name it."""
    return f"cells/{record['fingerprint']}.json"


def predictions_name(record):
    """File of a record's predictions, as manifest and messages name it."""
    return f"predictions/{record['fingerprint']}.parquet"

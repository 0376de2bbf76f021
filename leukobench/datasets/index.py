"""The index: one row per image file, with its label, its group, its size and whether it can be used."""

import hashlib
import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from leukobench.datasets.examine import examine_all
from leukobench.datasets.registry import DATASETS, get_dataset, present_datasets
from leukobench.datasets.repeats import mark_repeats, mark_same_cells
from leukobench.datasets.taxonomy import LEVELS, to_level
from leukobench.errors import UsageError, unknown
from leukobench.files import keep_result
from leukobench.inputs import as_words, spell
from leukobench.text import to_csv

COLUMNS = {
    "dataset": "str",
    "path": "str",
    "native_label": "str",
    "code": "str",
    **dict.fromkeys(LEVELS, "str"),
    "group": "str",
    "split": "str",
    "height": "Int64",
    "width": "Int64",
    "mean_brightness": "float64",
    "mean_luminance": "float64",
    "sha256": "str",
    "status": "str",
    "reason": "str",
    "um_per_px": "float64",
    "synthetic": "bool",
    "folder": "str",
    "field": "str",
    "mask": "str",
    "second_label": "str",
    "second_label_repeat": "str",
    "same_cell": "str",
}
STATUSES = (
    *("ok", "not_an_image", "truncated", "too_large", "unreadable"),
    *("duplicate", "conflicting_label", "unlabelled"),
)
PHANTOM_FILE = "PHANTOM.json"  # marks a data root whose images are rendered
FORMATS = {
    "csv": lambda index, path: Path(path).write_text(to_csv(index), encoding="utf-8", newline=""),
    "parquet": lambda index, path: index.to_parquet(path, index=False),
    "pkl": lambda index, path: index.to_pickle(path),
}


def build_index(root, names=None, progress=None, jobs=None):
    """Read every image file of the datasets below a data root.

    Each file is read once: checksum, decoding, size and brightness come from the same bytes, and of large roots they
    are kept, so that a file which did not change is not read again. One bad file never stops the rest; it gets a
    status and a reason.

    Parameters
    ----------
    root : str or Path
        The data root, which holds one folder per dataset.
    names : sequence of str, optional
        The datasets to read; all that are there by default.
    progress : callable, optional
        Called as `progress(done, total)` after each file.
    jobs : int, optional
        Number of threads; as many as there are cores by default. The result does not depend on it.

    Returns
    -------
    DataFrame
        One row per file, sorted by dataset and path, with the columns and dtypes of `COLUMNS`, and a column of text for
        each of a card's attributes that is told of an image. `path` and `mask` are
        relative to the root, with forward slashes, spelled so that `leukobench.inputs.locate` finds the files again.
        `status` is one of `STATUSES`; rows that are not "ok" have a `reason`. Byte-identical files and pictures of the
        same cell are looked for over all datasets read: `same_cell` is the path of the first picture of a cell that
        several of its dataset show. Unknown labels, groups and the like are missing values. `synthetic` is true where
        the root holds a file `PHANTOM.json`.

    Raises
    ------
    UsageError
        The root is missing, a dataset is unknown or not there, or no image is found.
    """
    root = Path(root)
    pairs = _records(root, names)
    facts = examine_all([record.path for _, record in pairs], jobs, progress)
    synthetic = (root / PHANTOM_FILE).is_file()
    index = pd.DataFrame(
        [_row(root, card, record, each, synthetic) for (card, record), each in zip(pairs, facts, strict=True)],
        columns=list(columns := COLUMNS | _attributes(pairs)),
    )
    index = index.astype(columns)
    mark_repeats(index)
    mark_same_cells(index, [each["structure"] for each in facts])
    return index


def index_hash(index):
    """Give a checksum of what an index says of its images, to tell whether two runs saw the same data.

    Parameters
    ----------
    index : DataFrame
        As `build_index` gives it.

    Returns
    -------
    str
        SHA-256, in hexadecimal, over dataset, path, sha256, code, group, same_cell and status of all rows in sorted
        order.
    """
    rows = index[["dataset", "path", "sha256", "code", "group", "same_cell", "status"]].astype(object)
    lines = sorted(json.dumps([None if value != value else value for value in row]) for row in rows.to_numpy())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def write_index(index, path, format=None):
    """Write an index to a file, completely or not at all.

    Parameters
    ----------
    index : DataFrame
        As `build_index` gives it.
    path : str or Path
        The file to write; its folder is made where it is missing.
    format : {"csv", "parquet", "pkl"}, optional
        Taken from the file name by default.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    UsageError
        The format is unknown, or the file cannot be written.
    """
    path = Path(path)
    format = format or path.suffix.lstrip(".").lower()
    if format not in FORMATS:
        raise unknown("index format", format, FORMATS)
    keep_result(path, partial(FORMATS[format], index))
    return path


def _records(root, names):
    """List what the readers find, as sorted pairs of card and record."""
    if not root.is_dir():
        raise UsageError(f"no data root {root}", "give --data DIR, or set LEUKOBENCH_DATA")
    sources = [get_dataset(name, root) for name in dict.fromkeys(present_datasets(root) if names is None else names)]
    found = {source.card.name: [(source.card, record) for record in source.read(root)] for source in sources}
    empty = [name for name, pairs in found.items() if not pairs]
    if names is not None and empty:
        raise UsageError(
            f"no images of {', '.join(empty)} under {root}",
            "`leukobench data ls` shows what is there and where the rest is to be had",
        )
    pairs = [pair for each in found.values() for pair in each]
    if not pairs:
        raise UsageError(
            f"no images under {root}",
            f"it should hold a folder such as {', '.join(DATASETS)}, or <name>/<class>/<images>",
        )
    return sorted(pairs, key=lambda pair: (pair[0].name, pair[1].path.relative_to(root).as_posix()))


def _attributes(pairs):
    """The further columns of what was read, and their type."""
    told = {card.name: card.attributes for card, record in pairs if record.attributes}
    return dict.fromkeys((name for names in told.values() for name in names), "str")


def _row(root, card, record, facts, synthetic):
    """Put together what the card, the reader and the file itself say of one image."""
    code = None if record.doubt else card.labels.get(record.native_label)
    um_per_px = card.um_per_px if record.um_per_px is None else record.um_per_px
    status, reason = facts["status"], facts["reason"]
    if status == "ok" and code is None:
        known = ", ".join(card.labels)
        status, reason = "unlabelled", record.doubt or f"label {record.native_label!r} is none of {known}"
    return {
        **{key: spell(value) if isinstance(value, str) else value for key, value in record._asdict().items()},
        **(record.attributes or {}),
        **facts,
        **{level: to_level(code, level) for level in LEVELS},
        "dataset": card.name,
        "path": spell(record.path.relative_to(root).as_posix()),
        "code": code,
        "status": status,
        "reason": reason,
        "um_per_px": np.nan if um_per_px is None else um_per_px,
        "synthetic": synthetic,
        "folder": as_words(record.path.parent.name),
        "mask": spell(record.mask.relative_to(root).as_posix()) if record.mask else None,
    }

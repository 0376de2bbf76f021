"""What a laboratory asks about: image files, folders of them, and tables that name them."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd

from leukobench.datasets.card import Record, check_pixel_size
from leukobench.datasets.examine import examine_all
from leukobench.datasets.index import PHANTOM_FILE
from leukobench.datasets.label_table import SUFFIXES, read_labels
from leukobench.datasets.terms import cell_type
from leukobench.datasets.walk import IMAGE_SUFFIXES, image_tree
from leukobench.errors import UsageError
from leukobench.imaging.io import ImageError, read_file, read_mask
from leukobench.inputs import as_words, spell

COLUMNS = ["path", "sha256", "um_per_px", "code", "mask", "mask_sha256", "synthetic", "error"]


def read_images(paths, um_per_px=None, progress=None):
    """Look at every image that some paths name.

    Parameters
    ----------
    paths : sequence of path-like
        Images; folders, of which every image is taken in whatever folders it lies below (`datasets.walk` says which are
        found), and a folder that is named like a cell type labels what is in it; tables (.csv, .tsv) with a column path
        and, where they are known, label, um_per_px and mask (`datasets.label_table`); what is named by its whole path
        may lie anywhere.
    um_per_px : float or None, default None
        Micrometres per pixel of the images of which no table says it; None is unknown.
    progress : callable, optional
        Called as progress(done, total) in files.

    Returns
    -------
    images : pandas.DataFrame
        One row per file, sorted by path: path (below `folder`, with forward slashes, spelled so that
        `leukobench.inputs.locate` finds the file again), sha256, um_per_px, code (of its cell type where a label is
        given, else ""), mask (as path) and mask_sha256, both "" where none came with it, synthetic, and error, which is
        empty for an image that can be read.
    folder : Path
        That the paths are relative to: the one that was named, or the deepest that holds all files.

    Raises
    ------
    UsageError
        Where there is no such path, no image that can be read, or the pixel size is none.
    """
    paths = [Path(path) for path in paths]
    check_pixel_size(um_per_px, spell(paths[0]))
    records = {}
    for path in paths:
        for record in _records(path):
            records.setdefault(record.path, record)
    if not records:
        raise UsageError(
            f"no images in {', '.join(map(spell, paths))}",
            f"files that end in {', '.join(sorted(IMAGE_SUFFIXES))} are looked for",
        )
    folder = _common(paths)
    rows = []
    files = sorted(records)
    drawn = {place: _is_drawn(place) for place in {path.parent for path in files}}
    for path, facts in zip(files, examine_all(files, progress=progress, measured=False), strict=True):
        record = records[path]
        own = record.um_per_px or um_per_px
        mask, wrong = _mask_of(record, facts)
        rows.append(
            {
                "path": _below(folder, path),
                "sha256": facts["sha256"],
                "um_per_px": np.nan if own is None else own,
                "code": (record.native_label and cell_type(record.native_label)) or "",
                "mask": _below(folder, record.mask) if mask else "",
                "mask_sha256": mask,
                "synthetic": drawn[path.parent],
                "error": wrong if facts["status"] == "ok" else f"{facts['status']}: {facts['reason']}",
            }
        )
    images = pd.DataFrame(rows, columns=COLUMNS).sort_values("path", ignore_index=True)
    if images["error"].ne("").all():
        first = images.iloc[0]
        raise UsageError(
            f"none of the {len(images)} files in {spell(folder)} can be read", f"{first['path']}: {first['error']}"
        )
    return images, folder


def _records(path):
    """The images that one path names."""
    if path.is_dir():
        return [Record(each, _label_of(path, each)) for each in image_tree(path)]
    if not os.path.lexists(path):
        raise UsageError(f"no file or folder {spell(path)}", "name images, folders with images, or a table of them")
    if path.suffix.lower() in SUFFIXES:
        told = read_labels(path.parent, path, needed=("path",), anywhere=True)
        return [record for record, line in told if line is not None]
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return [Record(path, None)]
    raise UsageError(
        f"{spell(path)} is no image and no table", f"they end in {', '.join(sorted(IMAGE_SUFFIXES))}, .csv"
    )


def _mask_of(record, facts):
    """sha256 of the mask of an image, and what is wrong with it."""
    if record.mask is None or facts["status"] != "ok":
        return "", ""
    try:
        digest = hashlib.sha256(read_file(record.mask)).hexdigest()
        height, width = read_mask(record.mask, digest).shape
    except ImageError as error:
        return "", f"unreadable: its mask {spell(record.mask.name)}: {error.reason}"
    if (height, width) != (facts["height"], facts["width"]):
        sizes = f"{width} x {height} and {facts['width']} x {facts['height']}"
        return "", f"unreadable: mask and image are of different sizes, {sizes} pixels"
    return digest, ""


def _label_of(folder, path):
    """The name of the nearest folder above an image that is a cell type's; None where there is none."""
    names = map(as_words, path.relative_to(folder).parts[-2::-1])
    return next((name for name in names if cell_type(name)), None)


def _common(paths):
    """The folder that all paths are named from."""
    folders = [path if path.is_dir() else path.parent for path in paths]
    return folders[0] if len(folders) == 1 else Path(os.path.commonpath([folder.absolute() for folder in folders]))


def _below(folder, path):
    """A path as text below a folder; one that lies elsewhere keeps its own."""
    for place, each in ((folder, path), (folder.absolute(), path.absolute())):
        if each.is_relative_to(place):
            return spell(each.relative_to(place).as_posix())
    return spell(path.absolute().as_posix())


def _is_drawn(folder):
    folder = folder.resolve()
    return any((each / PHANTOM_FILE).is_file() for each in (folder, *folder.parents))

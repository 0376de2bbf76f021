"""The draft of a `dataset.toml` for a laboratory's own folder, with what its words may mean."""

import json
import textwrap

from leukobench.datasets.facts import ASKED, FACTS_FILE, LEFT_OUT
from leukobench.datasets.folder import read_words
from leukobench.datasets.taxonomy import CELL_TYPES
from leukobench.datasets.terms import cell_type, guess
from leukobench.errors import UsageError
from leukobench.files import atomic_write
from leukobench.inputs import spell

HEAD = """\
# What is known of these images. Read every line of [labels]: words that are guessed or asked for say so.
{codes}
title = {title}
# licence = "internal"
# um_per_px = 0.1                  # micrometres per pixel, where it is known
# group = '^(?P<group>[^_]+)_'     # regular expression on the file name: the slide or patient, where it is known

[labels]
"""
WRAPPED = {"initial_indent": "# ", "subsequent_indent": "# "}


def draft_facts(folder):
    """Write a `dataset.toml` into a folder, with the cell type that each of its words may mean.

    Parameters
    ----------
    folder : Path
        It has class folders or a table of labels.

    Returns
    -------
    path : Path
        The file.
    asked : list of str
        Words that nobody could guess: they stand as "?" in it, which a run refuses.

    Raises
    ------
    UsageError
        There is no such folder, no image with a word in it, or the file is there already.
    """
    path = folder / FACTS_FILE
    if not folder.is_dir():
        raise UsageError(f"no folder {spell(folder)}", "name a folder with class folders or a table of labels")
    if path.exists():
        raise UsageError(f"{spell(path)} is there already", "change it by hand, or move it away")
    counts = {}
    for record, _ in read_words(folder, {}):
        if record.native_label:
            counts[record.native_label] = counts.get(record.native_label, 0) + 1
    if not counts:
        raise UsageError(f"no image in {spell(folder)} has a label", "it needs class folders, or a table path,label")
    codes = ", ".join(f"{code} {each.name}" for code, each in CELL_TYPES.items())
    codes = textwrap.fill(f'Codes: {codes}; "{LEFT_OUT}" leaves the images out.', 110, **WRAPPED)
    head = HEAD.format(codes=codes, title=_quoted(spell(folder.resolve().name)))
    atomic_write(path, head + "".join(_line(word, n) for word, n in sorted(counts.items())))
    return path, [word for word in sorted(counts) if not guess(word)]


def _line(word, n):
    found = guess(word)
    if not found:
        remark = f", not known: which code, or {_quoted(LEFT_OUT)}"
    else:
        remark = "" if cell_type(word) else f", guessed: is it {CELL_TYPES[found].name}"
    images = "1 image" if n == 1 else f"{n:,} images"
    return f"{_quoted(word)} = {_quoted(found or ASKED)}    # {images}{remark}{'?' if remark else ''}\n"


def _quoted(text):
    """A text as TOML writes it, whose escapes are JSON's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

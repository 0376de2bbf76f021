"""What a laboratory says of its own folder: `dataset.toml`, and how file names tell the group.

Regular expressions are RE2's, as pyarrow has it: whatever they are, their time grows only with the length of the names.
Python's own can take for ever over thirty letters, and an alternative with a time limit took all memory within it.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

from leukobench.datasets.card import check_pixel_size
from leukobench.datasets.taxonomy import CELL_TYPES
from leukobench.errors import UsageError
from leukobench.inputs import as_words, read_text, read_toml, spell

FACTS_FILE = "dataset.toml"
KEYS = {"title": str, "licence": str, "um_per_px": object, "group": str, "table": str, "labels": dict}
LEFT_OUT, ASKED = "-", "?"  # in place of a code: images that take no part, and a word that somebody is asked for
LONGEST_PATTERN = 200  # characters of a regular expression
CODES = f"""{", ".join(CELL_TYPES)}, or "{LEFT_OUT}" to leave the images out"""


def find_groups(pattern, names, where):
    """Find the group that each file name tells.

    Parameters
    ----------
    pattern : str
        A regular expression with a group of that name; without one no group is known.
    names : list of str
        File names.
    where : str
        What to blame for a pattern that cannot be used.

    Returns
    -------
    list of str or None
        One per name; None where the pattern is not found.

    Raises
    ------
    UsageError
        The pattern is too long, no regular expression, names no group, or may be misunderstood.

    Examples
    --------
    >>> find_groups("^(?P<group>[^_]+)_", ["slide3_17.png", "17.png"], "ward7")
    ['slide3', None]
    """
    if not pattern:
        return [None] * len(names)
    if len(pattern) > LONGEST_PATTERN:
        raise UsageError(f"group in {where} has {len(pattern)} characters", f"{LONGEST_PATTERN} may be written")
    if pattern.count("(?P<group>") != 1:
        raise UsageError(f"group = {pattern!r} in {where} names no group", "write for example '^(?P<group>[^_]+)_'")
    foreign = next((name for name in names if not name.isascii()), None)
    if foreign and re.search(r"\\[wWbB]", pattern):
        raise UsageError(
            f"group = {pattern!r} in {where} and the file {foreign!r}: \\w and \\b know English letters only",
            r"write [^_] or [\pL\pN_] in place of \w",
        )
    try:
        found = pc.extract_regex(pa.array(names, pa.string()), pattern)
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"group = {pattern!r} in {where} is no regular expression that can be used: {error}",
            "write (?:...) for groups without a name; looking around and back is not possible",
        ) from error
    return [match["group"] or None if match else None for match in found.to_pylist()]


def read_facts(path):
    """Read and check a `dataset.toml`; an absent one gives an empty dict."""
    if not path.exists():
        return {}
    facts, named = read_toml(path), spell(path)
    for key, value in facts.items():
        if key not in KEYS:
            raise UsageError(f"unknown key {key!r} in {named}", f"keys are {', '.join(KEYS)}")
        if not isinstance(value, KEYS[key]):
            raise UsageError(f"{key} = {value!r} in {named} has the wrong type", "see `dataset.toml` in the docs")
    for name, code in facts.get("labels", {}).items():
        if code == ASKED:
            raise UsageError(f"{_in_line(path, ASKED)}: nobody has said what {name!r} is", f"write {CODES}")
        if not isinstance(code, str) or code not in (LEFT_OUT, *CELL_TYPES):
            raise UsageError(f"unknown cell type {code!r} for {name!r} in {named}", f"codes are {CODES}")
    check_pixel_size(facts.get("um_per_px"), named)
    find_groups(facts.get("group", ""), [""], named)
    return facts | {"labels": {as_words(name): code for name, code in facts.get("labels", {}).items()}}


def _in_line(path, value):
    """The first line of a file in which a value is given, for a message."""
    lines = read_text(path).splitlines()
    number = next(number for number, line in enumerate(lines, start=1) if f'"{value}"' in line or f"'{value}'" in line)
    return f"{spell(path)}, line {number}"

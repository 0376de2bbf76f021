"""What people call cell types, in the languages and codes of `terms.toml`: what a name says, and what it may mean."""

import re
import unicodedata
from functools import cache
from pathlib import Path

from leukobench.datasets.taxonomy import CELL_TYPES
from leukobench.inputs import read_toml

WORDS = read_toml(Path(__file__).with_suffix(".toml"))
SHORT = 4  # letters from which on a word may have an ending; below it is an abbreviation
LIKE_LATIN = str.maketrans({"ı": "i", "μ": "u", "æ": "ae", "œ": "oe"})


def fold(name):
    """Write a name in small letters without accents, with single spaces for whatever is no letter or digit.

    Parameters
    ----------
    name : str

    Returns
    -------
    str

    Examples
    --------
    >>> fold("Nötrofil"), fold("BAND_Neutrophils "), fold("µm/px")
    ('notrofil', 'band neutrophils', 'um px')
    """
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    return " ".join(re.split(r"[\W_]+", plain.casefold().translate(LIKE_LATIN))).strip()


@cache
def cell_type(name):
    """Give the code that a name stands for.

    Parameters
    ----------
    name : str
        A code, an abbreviation, or a name in words in one of the languages of `terms.toml`.

    Returns
    -------
    str or None
        The code; None if the name is no cell type, or may be more than one.

    Examples
    --------
    >>> cell_type("sne"), cell_type("Stabkernige Neutrophile"), cell_type("Lenfositler"), cell_type("artefacts")
    ('SNE', 'BNE', 'LY', None)
    """
    words = fold(name).split()
    for some in (words, [word for word in words if not _is_any(word, "filler")]):
        codes = {code for code, stems in _terms() if len(stems) == len(some) and _stand_in(stems, some)}
        if codes:
            return codes.pop() if len(codes) == 1 else None
    return None


def guess(name):
    """Guess the code that a name may mean, for somebody to check.

    Parameters
    ----------
    name : str
        A name in words that may hold more than the cell type.

    Returns
    -------
    str or None
        The code; None if no cell type is named in it, more than one is, or a word says that it is none.

    Examples
    --------
    >>> guess("01_Lymphozyten (fertig)"), guess("atypische Lymphozyten 2"), guess("Lymphozyten und Monozyten")
    ('LY', 'LYA', None)
    """
    if found := cell_type(name):
        return found
    words = fold(name).split()
    if any(_is_any(word, "doubtful") for word in words):
        return None
    hits = [(code, stems) for code, stems in _terms() if _stand_in(stems, words) or _is_written(stems, words)]
    widest = [code for code, stems in hits if not any(_lies_in(stems, others) for _, others in hits)]
    return widest[0] if len(set(widest)) == 1 else None


def find_column(name, heads):
    """Find the column of a table that a laboratory may call by its own word.

    Parameters
    ----------
    name : {"path", "label", "group", "um_per_px", "mask"}
    heads : list of str
        The first line.

    Returns
    -------
    int or None
        Its place; None where there is none.

    Examples
    --------
    >>> find_column("path", ["Klasse", "Datei"]), find_column("um_per_px", ["Klasse"])
    (1, None)
    """
    folded = [fold(head) for head in heads]
    return next((folded.index(word) for word in WORDS["columns"][name] if word in folded), None)


@cache
def _terms():
    """Pairs of code and words: of the label tree, and of the table."""
    own = [(code, text) for code, each in CELL_TYPES.items() for text in (code, each.name)]
    others = [(code, text) for code, texts in WORDS["terms"].items() for text in texts]
    return [(code, tuple(fold(text).split())) for code, text in own + others]


@cache
def _is(stem, word):
    """Whether a word is another one, or has an ending more."""
    return word == stem or (len(stem) >= SHORT and word.startswith(stem) and word[len(stem) :] in WORDS["endings"])


def _is_any(word, kind):
    return any(_is(stem, word) for stem in WORDS[kind])


def _stand_in(stems, words):
    return all(any(_is(stem, word) for word in words) for stem in stems)


def _is_written(stems, words):
    """Whether a term of a script without spaces stands somewhere in a word."""
    return len(stems) == 1 and not stems[0].isascii() and any(stems[0] in word for word in words)


def _lies_in(stems, others):
    """Whether a term is part of a wider one: of its words, or of a word in a script without spaces."""
    return stems != others and (set(stems) < set(others) or (not stems[0].isascii() and stems[0] in others[0]))

"""Text that is not ours: how names, paths, labels and messages are shown on a terminal, in Markdown and in CSV.

File names, labels and failures come from strangers. On a terminal they must neither colour nor move anything, in
Markdown they must stay the text that they are, and in a spreadsheet no cell of them may be a formula.
"""

import csv
import re

from rich.console import Console
from tabulate import DataRow, TableFormat

_MARKDOWN = re.compile(r"[\\`*|<~&$#]|(?<![^\W_])_|_(?![^\W_])|\](?=[(\[:])|^[-+](?=\s)|^>")
_FORMULA = re.compile(r"^'*[=+\-@\t\r\n]")  # what makes a spreadsheet compute a cell, behind apostrophes of ours
_ROW = DataRow("| ", " | ", " |")
# Without padding, so that one long cell does not change every line of a table that is kept in a repository.
_TABLE = TableFormat(None, lambda widths, _: "|" + "---|" * len(widths), None, None, _ROW, _ROW, 0, None)


def visible(text):
    """Text in one line, with what cannot be seen written out: escapes, newlines, bidirectional marks, lone surrogates.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> visible("a\\x1b[31mred\\nb\\u202egpj.exe")
    'a\\\\x1b[31mred\\\\nb\\\\u202egpj.exe'
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def split_outside(text, sign):
    """Split a text at a sign, but not where it stands in quotes or brackets; nothing between two signs is left out.

    Parameters
    ----------
    text, sign : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> split_outside('lda,knn[metric=cosine,n_neighbors=3],onnx:"a,b"+knn', ",")
    ['lda', 'knn[metric=cosine,n_neighbors=3]', 'onnx:"a,b"+knn']
    """
    quoted = r'"[^"]*"'
    return re.findall(rf'(?:{quoted}|\[(?:{quoted}|[^\]"])*\]|[^{re.escape(sign)}])+', text)


class Terminal(Console):
    """A rich console that prints text as it is: brackets are no markup, colons no emoji, escapes are made visible.

    Every string is one line, in a table too. What shall have a style is a `rich.text.Text`, or is given one with
    `style=`.

    Parameters
    ----------
    **options
        As for `rich.console.Console`.

    Examples
    --------
    >>> import io
    >>> Terminal(file=io.StringIO()).say("[copy] 1.png")
    """

    def __init__(self, **options):
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text, **options):
        """As rich's own, of the text with everything visible."""
        return super().render_str(visible(text), **options)

    def say(self, *lines, style=None):
        """Print lines, each of them one whatever the width: they can be searched for and copied."""
        for line in lines:
            self.print(line, style=style, soft_wrap=True)


def markdown(text):
    """Text that Markdown shows as it stands: in a paragraph, a heading or a cell of a table.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> print(markdown("mobilenet_v2|_x_ <b> [a](b) [.4, .5]"))
    mobilenet_v2\\|\\_x\\_ \\<b> [a\\](b) [.4, .5]
    """
    return _MARKDOWN.sub(r"\\\g<0>", visible(text))


def markdown_table(table):
    """A table of Markdown, with every header and cell as it stands.

    Parameters
    ----------
    table : DataFrame
        Its index is left out. Numbers are shown as Python writes them, so give what shall be short as text.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> print(markdown_table(pd.DataFrame({"class": ["a|b", "c"], "recall": ["1.000", "-"]})))
    | class | recall |
    |---|---|
    | a\\|b | 1.000 |
    | c | - |
    """
    shown = table.rename(columns=lambda name: markdown(str(name))).map(lambda cell: markdown(str(cell)))
    return shown.to_markdown(index=False, tablefmt=_TABLE, disable_numparse=True, stralign=None)


def to_csv(table, **options):
    """A table as CSV, in which no spreadsheet finds a formula.

    Text that begins with one of ``= + - @``, a tab or a line break has an apostrophe before it, headers too; `from_csv`
    takes it off. Numbers stay as they are.

    Parameters
    ----------
    table : DataFrame
        Its index is left out.
    **options
        As for `DataFrame.to_csv`.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> print(to_csv(pd.DataFrame({"file": ["=HYPERLINK(1)", "a.png"], "gap": [-0.5, 0.25]})), end="")
    file,gap
    '=HYPERLINK(1),-0.5
    a.png,0.25
    """
    text = _of_texts(_guarded, table).to_csv(index=False, lineterminator="\n", **options)
    if "\r" not in text:
        return text
    # Python's writer leaves a carriage return bare where it does not end the lines, and readers then end one there.
    options["quoting"] = csv.QUOTE_NONNUMERIC
    return _of_texts(_guarded, table).to_csv(index=False, lineterminator="\n", **options)


def from_csv(table):
    """A table that `to_csv` wrote and pandas has read, with its texts as they were.

    Parameters
    ----------
    table : DataFrame

    Returns
    -------
    DataFrame

    Examples
    --------
    >>> import io
    >>> import pandas as pd
    >>> from_csv(pd.read_csv(io.StringIO(to_csv(pd.DataFrame({"label": ["-", "'=1", "MO"]}))))).label.tolist()
    ['-', "'=1", 'MO']
    """
    return _of_texts(_bare, table)


def _of_texts(change, table):
    changed = table.rename(columns=change)
    for position, dtype in enumerate(changed.dtypes):
        if dtype.kind == "O":
            changed.isetitem(position, changed.iloc[:, position].map(change))
    return changed


def _guarded(cell):
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _bare(cell):
    return cell[1:] if isinstance(cell, str) and cell[:1] == "'" and _FORMULA.match(cell) else cell

"""The leaderboard as a table of LaTeX: to be taken into a paper, or compiled as it is."""

from leukobench.report.board import columns
from leukobench.report.leaderboard import DAGGER
from leukobench.text import visible

NARROW = 2  # columns that a terminal gives up sooner than this are no column of a paper either
ESCAPED = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "-": "-{}",  # two of them make no dash
    "[": "{[}",  # after the end of a row it would open a distance
    "]": "{]}",
    DAGGER: r"\textdagger{}",
}
# A class can be given once only: where there is one already, LaTeX has made the command one that complains.
_OPENING = r"""% \input{leaderboard} in a paper with \usepackage{booktabs,graphicx,textcomp}, \usepackage[T1]{fontenc}
\expandafter\ifx\csname @twoclasseserror\endcsname\documentclass\else
\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{booktabs,graphicx,textcomp}
\begin{document}
\def\leukobenchalone{}
\fi
\begin{table}
\centering
"""
_CLOSING = r"""\end{table}
\ifdefined\leukobenchalone\end{document}\fi
"""


def latex(text):
    r"""Text that LaTeX shows as it stands.

    Parameters
    ----------
    text : str
        Letters beyond Latin 1 are written as their code points, since no font is sure to have them.

    Returns
    -------
    str

    Examples
    --------
    >>> print(latex("vote@augmented_50% & [C=1]"))
    vote@augmented\_50\% \& {[}C=1{]}
    """
    return "".join(ESCAPED.get(c) or (c if ord(c) < 0x100 else f"U+{ord(c):04X}") for c in visible(text))


def as_latex(report):
    """The leaderboard as `leaderboard.tex`.

    Parameters
    ----------
    report : build.Report

    Returns
    -------
    str
    """
    shown = [column for column in columns(report) if column.keep >= NARROW]
    rows, section = [], None
    for row in report.board.to_dict("records"):
        if section not in (None, row["section"]):
            rows.append(r"\midrule")
        section = row["section"]
        rows.append(_line(column.text(row) for column in shown))
    synthetic = r"\textbf{SYNTHETIC (phantom) images.} " * report.synthetic
    notes = " ".join(latex(f"{line[0].upper()}{line[1:]}.") for line in report.notes)
    return "\n".join(
        [
            rf"{_OPENING}\caption{{{synthetic}Leaderboard: {latex(report.protocol_line)}. {notes}}}",
            r"\label{tab:leukobench}",
            r"\resizebox{\textwidth}{!}{%",
            rf"\begin{{tabular}}{{{''.join('l' if column.left else 'r' for column in shown)}}}",
            r"\toprule",
            _line(column.title for column in shown),
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}}",
            _CLOSING,
        ]
    )


def _line(cells):
    return " & ".join(map(latex, cells)) + r" \\"

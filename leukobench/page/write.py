"""Writes `leaderboard.html`: template, style, scripts and figures in one file that asks nothing of the network."""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from leukobench.files import atomic_write
from leukobench.page.content import content_of

PAGE = "leaderboard.html"
FOLDER = Path(__file__).parent
# In this order: what a script uses stands before it.
SCRIPTS = (
    "elements",
    "colours",
    "state",
    "matrix",
    "plots",
    "board",
    "answer",
    "sides",
    "cost",
    "ranks",
    "confusion",
    "cell",
    "gallery",
)
SCRIPTS += ("calibration", "steps", "panel", "start")


def write_page(report, root=None):
    """Write the page of a report into its run folder.

    Parameters
    ----------
    report : Report
    root : path-like, optional
        The data root, for pictures of the cells.

    Returns
    -------
    Path
        Of the page.
    """
    path = report.run.folder / PAGE
    atomic_write(path, render_page(report, root))
    return path


def render_page(report, root=None):
    """The page of a report, not yet written.

    Parameters
    ----------
    report : Report
    root : path-like, optional
        The data root, for pictures of the cells.

    Returns
    -------
    str
        HTML; nothing in it is loaded from elsewhere, and no script runs that is not the page's own.
    """
    content = content_of(report, root)
    scripts = [_static("plotly-basic.min.js"), as_script(SCRIPTS)]
    return (
        _environment()
        .get_template("page.html")
        .render(
            content=content,
            data=Markup(as_json(content)),
            style=Markup(_static("style.css", "templates")),
            scripts=[Markup(text) for text in scripts],
            sources=" ".join(f"'sha256-{digest(text)}'" for text in scripts),
        )
    )


def as_json(content):
    """JSON that may stand in a script element, whatever text is in it.

    Parameters
    ----------
    content : dict

    Returns
    -------
    str

    Examples
    --------
    >>> as_json({"class": "</script><b>"})
    '{"class":"\\\\u003c/script>\\\\u003cb>"}'
    """
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def as_script(names, *more):
    """One script of the page's own, by name, and of others' behind them; nothing of it is global.

    Parameters
    ----------
    names : sequence of str
    *more : str
        Text of further scripts.

    Returns
    -------
    str
    """
    parts = "\n".join([*(_static(f"{name}.js", "templates") for name in names), *more])
    return f'"use strict";\n(() => {{\n{parts}\n}})();\n'


def digest(text):
    """Base64 of a script's sha256, as the page's content security policy names it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _static(name, folder="static"):
    return (FOLDER / folder / name).read_text(encoding="utf-8")


@cache
def _environment():
    loader = jinja2.FileSystemLoader(FOLDER / "templates")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)

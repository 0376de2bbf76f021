"""`leukobench models ls` and `leukobench suites ls`."""

import json
from typing import Annotated

import typer

from leukobench import plugins
from leukobench.cli.common import ModelFiles, Use, console, table_of
from leukobench.errors import unknown
from leukobench.text import markdown_table

models = typer.Typer(help="Models: the registered recipes.", no_args_is_help=True)
suites = typer.Typer(help="Suites: the benchmarks that come with the package.", no_args_is_help=True)


@models.callback()
def _models():
    """A group of commands, also while it has one only."""


@suites.callback()
def _suites():
    """A group of commands, also while it has one only."""


@models.command("ls")
def models_ls(
    family: Annotated[
        str | None, typer.Option(help="control, classical, embedding, fine-tuned, fused or pictures.")
    ] = None,
    format: Annotated[str, typer.Option(help="table, md or json.")] = "table",
    model_file: ModelFiles = None,
    use: Use = None,
):
    """Show the registered models, whether they can run here, and the names that are made on demand.

    leukobench models ls --family embedding
    """
    from leukobench.models import MODELS, register_file
    from leukobench.models.catalogue import describe, networks, on_demand
    from leukobench.models.recipe import FAMILIES

    for name in use or ():
        plugins.use(name)
    for name in model_file or ():
        register_file(name)
    known = tuple(dict.fromkeys((*FAMILIES, *(recipe.family for recipe in MODELS.values()))))
    for kind, given, names in (("family", family or known[0], known), ("format", format, FORMATS)):
        if given not in names:
            raise unknown(kind, given, names)
    recipes = [recipe for recipe in MODELS.values() if family in (None, recipe.family)]
    models = [describe(recipe) for recipe in recipes]
    listed = {"models": models, "networks": networks(recipes), "on demand": on_demand()}
    if format == "json":
        typer.echo(json.dumps(listed, indent=1, ensure_ascii=False))
    elif format == "md":
        typer.echo("\n".join(_markdown(title, rows) for title, rows in listed.items() if rows))
    else:
        tables = {f"{name} models": [row for row in models if row["family"] == name] for name in known}
        tables |= {"pretrained networks": listed["networks"], "made on demand": listed["on demand"]}
        for title, rows in tables.items():
            if rows:
                console.print(_table(title, rows))


FORMATS = ("table", "md", "json")
ELSEWHERE = ("family", "weights", "licence")  # in the title of a table of models, and in the table of networks


def _shown(row):
    """The row with one column for whether it runs here, before what explains it."""
    shown = {name: value for name, value in row.items() if name not in ("missing", "what it is")}
    shown["runs here"] = f"no: {row['missing']}" if row["missing"] else "yes"
    return shown | {"what it is": row["what it is"]} if "what it is" in row else shown


def _table(title, rows):
    left_out = ELSEWHERE if "model" in rows[0] else ()
    rows = [_shown(row) for row in rows]
    columns = [name for name in rows[0] if name not in left_out and any(row[name] for row in rows)]
    table = table_of(columns, title, show_lines=True)
    for row in rows:
        table.add_row(*(row[name] or "-" for name in columns))
    return table


def _markdown(title, rows):
    import pandas as pd

    return f"## {title}\n\n{markdown_table(pd.DataFrame(map(_shown, rows)).replace('', '-'))}\n"


@suites.command("ls")
def suites_ls():
    """Show the suites and their files."""
    from leukobench.running.suite import list_suites, load_suite

    table = table_of(["suite", "level", "datasets", "protocols", "file"], "suites")
    for name, path in list_suites().items():
        suite = load_suite(name)
        table.add_row(name, suite.level, ", ".join(suite.datasets), ", ".join(suite.protocols), str(path))
    console.print(table)

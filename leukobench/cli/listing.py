"""`leukobench models ls` and `leukobench suites ls`."""

import json
from typing import Annotated

import typer

from leukobench import plugins
from leukobench.cli.common import ModelFiles, Use, console, show_rows
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
    long: Annotated[bool, typer.Option("--long", help="All that is known, and names that are made on demand.")] = False,
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
        for name in known:
            if rows := [row for row in models if row["family"] == name]:
                show_rows(_at_length(rows) if long else _in_short(rows), f"{name} models")
        if long:
            show_rows(_at_length(listed["networks"]), "pretrained networks")
            show_rows(_at_length(listed["on demand"]), "made on demand")
        else:
            console.say(*dict.fromkeys(f"no: {row['missing']}" for row in models if row["missing"]))
            console.say("--long: what each is and stands on, networks, and names that are made on demand")


FORMATS = ("table", "md", "json")
ELSEWHERE = ("family", "weights", "licence")  # in the title of a table of models, and in the table of networks


def _shown(row):
    """The row with one column for whether it runs here, before what explains it."""
    shown = {name: value for name, value in row.items() if name not in ("missing", "what it is")}
    shown["runs here"] = f"no: {row['missing']}" if row["missing"] else "yes"
    return shown | {"what it is": row["what it is"]} if "what it is" in row else shown


def _at_length(rows):
    """All that is known, but for what stands in the title or in the table of networks."""
    left_out = ELSEWHERE if rows and "model" in rows[0] else ()
    return [{name: text for name, text in _shown(row).items() if name not in left_out} for row in rows]


def _in_short(rows):
    """One line a model."""
    return [{"model": row["model"], "reads": row["reads"], "here": "no" if row["missing"] else "yes"} for row in rows]


def _markdown(title, rows):
    import pandas as pd

    return f"## {title}\n\n{markdown_table(pd.DataFrame(map(_shown, rows)).replace('', '-'))}\n"


@suites.command("ls")
def suites_ls():
    """Show the suites and their files."""
    from leukobench.running.suite import list_suites, load_suite

    rows = []
    for name, path in list_suites().items():
        suite = load_suite(name)
        lists = {key: ", ".join(getattr(suite, key)) for key in ("datasets", "protocols")}
        rows.append({"suite": name, "what it is": suite.description, "level": suite.level, **lists, "file": str(path)})
    show_rows(rows, "suites")

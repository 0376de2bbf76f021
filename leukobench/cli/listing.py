"""`leukobench models ls` and `leukobench suites ls`."""

import typer
from rich.table import Table

from leukobench.cli.common import console

models = typer.Typer(help="Models: the registered recipes.", no_args_is_help=True)
suites = typer.Typer(help="Suites: the benchmarks that come with the package.", no_args_is_help=True)


@models.callback()
def _models():
    """A group of commands, also while it has one only."""


@suites.callback()
def _suites():
    """A group of commands, also while it has one only."""


@models.command("ls")
def models_ls():
    """Show the registered models."""
    from leukobench.models import MODELS

    table = Table("model", "family", "reads", "tuned", "cost", "what it is", title="models")
    for recipe in MODELS.values():
        tuned = ", ".join(recipe.space) or "-"
        table.add_row(recipe.name, recipe.family, recipe.representation, tuned, recipe.cost, recipe.description)
    console.print(table)


@suites.command("ls")
def suites_ls():
    """Show the suites and their files."""
    from leukobench.evaluation.suite import list_suites, load_suite

    table = Table("suite", "level", "datasets", "protocols", "file", title="suites")
    for name, path in list_suites().items():
        suite = load_suite(name)
        table.add_row(name, suite.level, ", ".join(suite.datasets), ", ".join(suite.protocols), str(path))
    console.print(table)

"""The command line: one thin function per command."""

import io
import sys
import warnings
from typing import Annotated

import typer
from rich.text import Text

from leukobench import __version__, plugins
from leukobench.cli import caches, data, features, listing, run, segment, store, submissions
from leukobench.cli.choices import epilog
from leukobench.cli.common import Use, console
from leukobench.cli.compare import compare
from leukobench.cli.diagnose import diagnose
from leukobench.cli.doctor import doctor
from leukobench.cli.explore import explore
from leukobench.cli.predict import predict
from leukobench.errors import sentence
from leukobench.text import Terminal, visible

app = typer.Typer(
    name="leukobench",
    help="How well do white-blood-cell classifiers carry over from one laboratory to the next?",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for command in (run.run, run.plan):
    app.command(epilog=epilog())(command)
for command in (store.report, store.status, store.verify, store.publish, store.merge, store.compact):
    app.command()(command)
app.command()(compare)
app.command()(diagnose)
app.command()(doctor)
app.command()(explore)
app.command()(predict)
app.command()(submissions.submit)
app.command()(submissions.leaderboard)
app.add_typer(caches.app, name="cache")
app.add_typer(data.app, name="data")
app.add_typer(features.app, name="features")
app.add_typer(segment.app, name="segment")
app.add_typer(listing.models, name="models")
app.add_typer(listing.suites, name="suites")


def main():
    """Run the command line; a user's mistake, and what the machine cannot do, are one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character gets its number, not a traceback
            stream.reconfigure(errors="backslashreplace")
    warnings.formatwarning = lambda message, *rest, **options: f"note: {visible(str(message))}\n"
    try:
        sys.exit(
            app(prog_name="leukobench", standalone_mode=False)
        )  # commands return None; click hands over the code of a typer.Exit
    except (KeyboardInterrupt, typer.Abort):
        Terminal(stderr=True).say("stopped; the same command goes on where it was left")
        sys.exit(130)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "show"):
            error.show()
            sys.exit(2)
        told = sentence(error)
        if told is None:
            raise
        Terminal(stderr=True).say(Text.assemble(("error:", "red"), f" {visible(told)}"))
        sys.exit(2)


@app.callback(invoke_without_command=True)
def _before(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    use: Use = None,
):
    if version:
        console.say(f"leukobench {__version__}")
        raise typer.Exit
    for name in use or ():
        plugins.use(name)

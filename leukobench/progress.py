"""Progress of long work: bars where there is a terminal, plain lines where there is none."""

import time

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from leukobench.text import visible

PLAIN_INTERVAL = 15.0  # seconds between two plain lines


class ProgressReport:
    """Stages of a run, on a rich console.

    Parameters
    ----------
    console : rich.console.Console
        Where to report; without a terminal behind it, plain lines are printed now and then.

    Examples
    --------
    >>> import io
    >>> from rich.console import Console
    >>> text = io.StringIO()
    >>> with ProgressReport(Console(file=text)) as report:
    ...     report.stage("index", 2)
    ...     report.advance(2, "a.png")
    >>> text.getvalue().splitlines()[-1]
    'index: 2 of 2, a.png'
    """

    def __init__(self, console):
        self.console = console
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}", style="dim", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        self.name, self.task, self.total, self.done, self.said = "", None, None, 0, 0.0

    def __enter__(self):
        self.bars.start()
        return self

    def __exit__(self, *exception):
        self.bars.stop()

    def stage(self, name, total):
        """Begin a stage of `total` steps; None where the number is not known yet."""
        self.name, self.total, self.done, self.said = name, total, 0, time.monotonic()
        self.task = self.bars.add_task(visible(name), total=total, text="")

    def count(self, done, total):
        """Say that `done` of `total` steps are done."""
        begun, self.total = self.total is None and total > 0, total
        self.bars.update(self.task, total=total)
        if begun and done == 0 and not self.console.is_terminal:
            # the first step may take long, and a log should say what it is waited for
            self.note(f"{self.name}: 0 of {total}")
        self.advance(done - self.done)

    def advance(self, steps, text=""):
        """Say that further steps are done, the last of them named `text`."""
        self.done += steps
        self.bars.update(self.task, completed=self.done, text=visible(text))
        finished = self.total is not None and self.done >= self.total
        if not self.console.is_terminal and (finished or time.monotonic() - self.said > PLAIN_INTERVAL):
            self.said = time.monotonic()
            self.note(f"{self.name}: {self.done} of {self.total}{', ' + text if text else ''}")

    def note(self, text):
        """Print a line that stays."""
        self.console.print(Text(visible(text)), soft_wrap=True)

"""What the commands share: the console, the options, and tables on it."""

import contextlib
from pathlib import Path
from textwrap import wrap
from typing import Annotated

import typer
from rich import box
from rich.measure import Measurement
from rich.table import Table

from leukobench.errors import UsageError
from leukobench.text import Terminal, split_outside

console = Terminal()
BLOCK = {"initial_indent": "    ", "subsequent_indent": "      ", "break_long_words": False, "break_on_hyphens": False}


def named_path(text):
    """The path that an option names; nothing at all, such as of an unset variable, would mean the current folder."""
    if not str(text):
        raise UsageError("a path is empty", "name a file or folder; the current folder is .")
    return Path(text)


JOBS = "Worker processes; default and most: one per core. There are no more than there is work for, such as run cells."
Data = Annotated[str | None, typer.Option(help="Data root; else LEUKOBENCH_DATA, else the user data directory.")]
AddFolder = Annotated[
    list[str] | None,
    typer.Option(
        "--add-folder",
        help="A folder of your own from anywhere, DIR or name=DIR, with class folders or a table path,label. May be "
        "given several times.",
    ),
]
SuiteName = Annotated[str, typer.Option(help="A suite of those below, or a TOML file.")]
Names = Annotated[str | None, typer.Option(help="Comma-separated names; default: the suite's.")]
Datasets = Annotated[
    str | None, typer.Option(help="Comma-separated names; default: the suite's, mostly all under the data root.")
]
Protocols = Annotated[str | None, typer.Option(help="Comma-separated, of those below; default: the suite's.")]
Resamples = Annotated[
    int | None,
    typer.Option(help="Train on so many resamples of each source too, for the variance over training samples."),
]
Seeds = Annotated[str | None, typer.Option(help="Comma-separated seeds; default: as many as the budget says.")]
BudgetName = Annotated[
    str | None, typer.Option(help="tiny, quick, standard or full, see below; default: the suite's, which is quick.")
]
LevelName = Annotated[
    str | None, typer.Option(help="L5, L8, L11, L15, or an attribute of cells; default: the suite's.")
]
Out = Annotated[
    Path | None, typer.Option(parser=named_path, metavar="PATH", help="Run folder; default results/runs/SUITE.")
]
Jobs = Annotated[int | None, typer.Option(help=JOBS, min=1)]
ModelFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--model-file",
        help="A Python file with a model of your own, my.py or my.py:Name, which joins the others. It is run, here and "
        "in the workers. May be given several times.",
    ),
]
Use = Annotated[list[str] | None, typer.Option(help="Module or .py file that adds something; as often as needed.")]
RankBy = Annotated[
    str | None,
    typer.Option(help="Metric that ranks models, such as macro_f1; default: that of the folder, or balanced_accuracy."),
]
Figures = Annotated[bool, typer.Option(envvar="LEUKOBENCH_FIGURES", help="Draw figures/*.png and *.pdf too.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or reference.")]


def split_names(text):
    """Names between commas, those in brackets kept whole; None where the option is not given."""
    return None if text is None else [part.strip() for part in split_outside(text, ",") if part.strip()]


@contextlib.contextmanager
def data_with(data, folders, **default):
    """The data root with folders of the user's own beside its datasets, and the names of those."""
    from leukobench.datasets import find_data_root
    from leukobench.datasets.added import with_folders

    root = find_data_root(data, **({"default": None} if folders else default))
    with with_folders(root, folders or ()) as found:
        yield found


def images_with_masks(data):
    """Images, expert masks and labels of the datasets that have masks, by dataset; a pair that is unfit is named."""
    from leukobench.datasets import build_index, find_data_root
    from leukobench.imaging.io import ImageError
    from leukobench.inputs import locate

    root = find_data_root(data)
    index = build_index(root)
    found = {}
    for row in index[(index["status"] == "ok") & index["mask"].notna()].itertuples():
        try:
            pair = read_pair(locate(root, row.path), locate(root, row.mask))
        except ImageError as error:
            console.say(f"left out: {row.path} with the mask {row.mask}: {error.reason}")
            continue
        for known, new in zip(found.setdefault(row.dataset, ([], [], [])), (*pair, row.L5), strict=True):
            known.append(new)
    if not found:
        raise UsageError(f"no dataset with label masks under {root}", "CVB and Jiangxi have expert masks")
    return found


def read_pair(path, mask_path):
    """An image and its label mask; ImageError where one cannot be read or they do not fit each other."""
    from leukobench.imaging.io import ImageError, read_image, read_mask

    image, mask = read_image(path), read_mask(mask_path)
    if mask.shape != image.shape[:2]:
        sizes = " and ".join(f"{width} x {height}" for height, width in (mask.shape, image.shape[:2]))
        raise ImageError("unreadable", f"mask and image are of different sizes, {sizes} pixels")
    return image, mask


def draw(report):
    """Draw the figures of a report, and say where they are, or what they would need."""
    try:
        from leukobench.report.figures import write_figures
    except ImportError as error:
        console.say(f"no figures, for lack of {error.name}: pip install 'leukobench[report]'")
        return
    if written := write_figures(report):
        console.say(f"figures: {written[0].parent}")


def show(frame, title):
    """Print a table with its index; last columns that have no room are left out, and named."""
    table = table_of([*map(str, frame.index.names if frame.index.names[0] else [""]), *map(str, frame.columns)], title)
    for key, *values in frame.itertuples():
        keys = key if isinstance(key, tuple) else (key,)
        table.add_row(*map(str, keys), *map(str, values))
    left_out, anyhow = [], console.options.update(max_width=10_000)
    while len(table.columns) > 1 and Measurement.get(console, anyhow, table).minimum > console.width:
        left_out.insert(0, table.columns.pop().header)
    if left_out:
        table.caption = f"no room for {', '.join(left_out)}"
    console.print(table)


def show_rows(rows, title):
    """Print rows of text as a table, or where that has no room each as a block: its name, and below it what is said.

    Parameters
    ----------
    rows : list of dict of str
        With the same keys, the name first; what no row has is left out. Nothing is printed for none.
    title : str
    """
    if not rows:
        return
    columns = [name for name in rows[0] if any(row[name] for row in rows)]
    console.say(title, style="italic")  # above the table, whose columns it has no say in
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*(row[name] or "-" for name in columns))
    if Measurement.get(console, console.options.update(max_width=10_000), table).maximum <= console.width:
        console.print(table)
        return
    for row in rows:
        console.say(row[columns[0]])
        for name in columns[1:]:
            if row[name]:
                console.say(*wrap(f"{name}: {row[name]}", console.width, **BLOCK))


def table_of(columns, title, **options):
    """A table without rows that cuts nothing on a narrow terminal: names stay whole, and other text is folded."""
    table = Table(title=title, **options)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == columns[0])
    return table

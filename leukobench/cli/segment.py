"""`leukobench segment`: nucleus and cell against expert masks."""

import typer

from leukobench.cli.common import Data, images_with_masks, show

app = typer.Typer(help="Segmentation of nucleus and cell.", no_args_is_help=True)


@app.callback()
def _group():
    """A group of commands, also while it has one only."""


@app.command("bench")
def segment_bench(data: Data = None):
    """Dice of nucleus and cell against the expert masks.

    leukobench segment bench --data DIR
    """
    from leukobench.segmentation.bench import bench

    for name, (pictures, masks, labels) in images_with_masks(data).items():
        show(bench(pictures, masks, labels).round(3), f"Dice on {name}")

"""`leukobench features`: catalogue, extraction, speed."""

from pathlib import Path
from typing import Annotated

import typer

from leukobench.cli.common import (
    AddFolder,
    Data,
    Device,
    Jobs,
    Names,
    console,
    data_with,
    images_with_masks,
    named_path,
    show,
    split_names,
)
from leukobench.progress import ProgressReport

app = typer.Typer(help="Hand-crafted features: catalogue, extraction, speed.", no_args_is_help=True)


@app.command("ls")
def features_ls(
    group: Annotated[str | None, typer.Option(help="morphology, colour or texture.")] = None,
    feature_set: Annotated[str, typer.Option("--set", help="core, full, extended, ...")] = "core",
    format: Annotated[str, typer.Option(help="table or md.")] = "table",
):
    """Print the feature catalogue.

    leukobench features ls --group morphology --format md
    """
    from leukobench.features import catalogue_markdown, catalogue_table

    if format == "md":
        typer.echo(catalogue_markdown(group=group, feature_set=feature_set))
    else:
        show(catalogue_table(group=group, feature_set=feature_set).set_index("name"), "features")


@app.command("extract")
def features_extract(
    data: Data = None,
    add_folder: AddFolder = None,
    out: Annotated[Path, typer.Option(parser=named_path, metavar="PATH", help="Parquet file to write.")] = Path(
        "features.parquet"
    ),
    datasets: Names = None,
    feature_set: Annotated[str, typer.Option("--set", help="core, full, extended, ...")] = "core",
    device: Device = "auto",
    jobs: Jobs = None,
):
    """Segment every usable image and write its features, one row per image.

    leukobench features extract --data DIR --out features.parquet
    """

    import pandas as pd

    from leukobench.cache import TableCache
    from leukobench.datasets import build_index
    from leukobench.features import feature_names
    from leukobench.features.backends import get_backend
    from leukobench.files import check_writable, keep_result
    from leukobench.running.computing import compute_missing
    from leukobench.running.pool import worker_count
    from leukobench.running.representations import get_representation, image_ids

    feature_names(feature_set)  # mistakes are named before any image is read
    get_backend(device)
    check_writable(out)
    name = f"features:{feature_set}"
    jobs = worker_count(jobs)
    with data_with(data, add_folder) as (root, names), ProgressReport(console) as progress:
        progress.stage("index", None)
        chosen = split_names(datasets)
        index = build_index(root, names=chosen and [*chosen, *names], progress=progress.count)
        usable = index[index["status"] == "ok"].reset_index(drop=True)
        progress.stage("features", len(usable))
        lost = {}
        compute_missing([name], usable, root, jobs=jobs, device=device, progress=progress.count, lost=lost)
    usable = usable[~usable["path"].isin(lost)].reset_index(drop=True)
    ids = image_ids(usable)
    rows = TableCache().load(get_representation(name).key, ids).loc[ids].reset_index(drop=True)
    table = pd.concat([usable[["dataset", "path", "sha256", "native_label", "code"]], rows], axis=1)
    keep_result(out, table.to_parquet)
    wrong = index[~index["status"].isin(["ok", "duplicate"])]
    console.say(*(f"{row.status}: {row.path}: {row.reason}" for row in wrong.itertuples()))
    console.say(*(f"changed: {path}: {reason}" for path, reason in lost.items()))
    console.say(f"{len(table):,} images x {rows.shape[1]} features written to {out}")


@app.command("bench")
def features_bench(
    data: Data = None,
    images: Annotated[int, typer.Option(help="Images per dataset.", min=2)] = 100,
):
    """Measure images per second of each backend and of its peers on this machine.

    leukobench features bench --data DIR
    """
    from leukobench.features.bench import run_bench

    for name, (pictures, masks, _) in images_with_masks(data).items():
        table = run_bench(pictures[:images], masks[:images]).set_index("extractor").round(1)
        show(table, f"features on {name}, {min(images, len(masks))} images")

"""`leukobench predict`: a laboratory's own images."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from leukobench.cli.common import (
    AddFolder,
    Data,
    Device,
    Jobs,
    ModelFiles,
    console,
    data_with,
    named_path,
    show,
    split_names,
)
from leukobench.errors import UsageError
from leukobench.progress import ProgressReport


def predict(
    folder: Annotated[Path, typer.Argument(help="Images to predict, in whatever folders below.")],
    model: Annotated[str | None, typer.Option(help="A model, as `models ls` names it.")] = None,
    model_file: ModelFiles = None,
    train: Annotated[str | None, typer.Option(help="Comma-separated datasets to train on.")] = None,
    data: Data = None,
    add_folder: AddFolder = None,
    level: Annotated[str | None, typer.Option(help="L5, L8, L11 or L15; default: L5.")] = None,
    um_per_px: Annotated[float | None, typer.Option(help="Micrometres per pixel of the images to predict.")] = None,
    out: Annotated[Path, typer.Option(parser=named_path, metavar="PATH", help="CSV file to write.")] = Path(
        "predictions.csv"
    ),
    explain: Annotated[
        Path | None,
        typer.Option(parser=named_path, metavar="PATH", help="Folder for Grad-CAM pictures; networks only."),
    ] = None,
    tune: Annotated[int, typer.Option(help="Optuna trials on the datasets; 0 takes the defaults.", min=0)] = 0,
    epochs: Annotated[int | None, typer.Option(help="Of a fine-tuned network; default: the model's.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Seed of the training.", min=0, max=2**32 - 1)] = 0,
    jobs: Jobs = None,
    device: Device = "auto",
    save: Annotated[
        Path | None, typer.Option(parser=named_path, metavar="PATH", help="File to keep the trained model in.")
    ] = None,
    load: Annotated[
        Path | None,
        typer.Option(
            help="File of --save, in place of a training. It is checked and nothing in it is run; whether it predicts "
            "well is only as sure as its origin."
        ),
    ] = None,
):
    """Predict the images of a folder with one model, trained on one or several datasets.

    The table has one row per file: class, its probability, the entropy, and the probability of every class. A file that
    cannot be read has an error in place of a class.

        leukobench predict cells/ --model vote@augmented --train barcelona --data ../shared/data --um-per-px 0.1

        leukobench predict cells/ --model finetune:mobilenet_v2 --train barcelona,munich --explain cams/ --save net.zip

        leukobench predict more/ --load net.zip --out more.csv
    """
    from leukobench.features.backends import check_device
    from leukobench.files import check_writable, file_digest, keep_result
    from leukobench.inference.model_file import check_keepable, load_model, save_model
    from leukobench.inference.predict import check_explainable, explain_images, notes, predict_images, read_folder
    from leukobench.inference.trained import train_model
    from leukobench.models import register_file
    from leukobench.running.pool import worker_count
    from leukobench.text import to_csv

    check_device(device)
    own = [name for text in model_file or () for name in register_file(text)]
    model = model or (own[0] if len(own) == 1 and not load else None)
    check_way(
        load, {"--model": model, "--train": train or add_folder}, {"--level": level, "--tune": tune, "--epochs": epochs}
    )
    for path in filter(None, (out, save)):
        check_writable(path)
    if explain:
        check_writable(explain, folder=True)
    if explain and explain.resolve().is_relative_to(folder.resolve()):
        raise UsageError(
            f"{explain} lies in {folder}", "its pictures would be predicted next time: name another folder"
        )
    trained = load_model(load) if load else None
    if explain:
        check_explainable(trained.model if load else model)
    if save and not load:
        check_keepable(model)
    place = contextlib.nullcontext((None, [])) if load else data_with(data, add_folder)
    options = {"jobs": worker_count(jobs), "device": device}
    with place as (root, names), ProgressReport(console) as progress:
        progress.stage(f"images of {folder}", None)
        images = read_folder(folder, um_per_px, progress.count)
        options["progress"] = progress
        if not load:
            chosen = {"level": level or "L5", "trials": tune, "epochs": epochs, "seed": seed}
            trained = train_model(model, [*(split_names(train) or []), *names], root, **chosen, **options)
        if save:
            save_model(trained, save)
        table = predict_images(trained, images, folder, **options)
        keep_result(out, to_csv(table, float_format="%.6g"))
        if explain:
            explain_images(trained, images, table, explain, progress=progress)
    summarise(table, [f"note: {note}" for note in notes(trained, images)])
    console.say(f"predicted by {trained.model}, trained on {', '.join(trained.sources)}: {out}")
    if kept := save or load:
        console.say(f"the model is {kept}, sha256 {file_digest(kept)}")
    if explain:
        console.say(f"Grad-CAM pictures of {trained.model} in {explain}")


def check_way(load, needed, training):
    """Refuse a model that is both trained and loaded, or neither; and a model that is not known, before any reading."""
    from leukobench.models import get_model

    given = [name for name, value in (needed | training).items() if value]
    if load and given:
        raise UsageError(f"--load and {', '.join(given)} do not go together", "the file says how it was trained")
    missing = [name for name, value in needed.items() if not value]
    if missing and not load:
        raise UsageError(
            f"no {' and '.join(missing)}", "for example --model vote@augmented --train barcelona; or --load"
        )
    if not load:
        get_model(needed["--model"])


def summarise(table, lines):
    """Print what was predicted how often, what could not be read, and lines."""
    wrong = table[table["error"] != ""]
    chosen = table[table["error"] == ""].groupby("class")["probability"]
    show(chosen.agg(["size", "mean"]).round(2).set_axis(["images", "mean probability"], axis=1), "predictions")
    for row in wrong.itertuples():
        console.say(f"{row.file}: {row.error}")
    console.say(*lines)
    console.say(f"{len(table) - len(wrong)} of {len(table)} files are predicted, {len(wrong)} cannot be read")

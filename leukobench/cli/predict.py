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
from leukobench.inputs import spell
from leukobench.progress import ProgressReport


def predict(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Images, folders of images, tables (.csv) with a column path.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="A model, as `models ls` names it; default: an ensemble that docs/predict.md names."),
    ] = None,
    model_file: ModelFiles = None,
    train: Annotated[str | None, typer.Option(help="Comma-separated datasets to train on.")] = None,
    data: Data = None,
    add_folder: AddFolder = None,
    level: Annotated[str | None, typer.Option(help="L5, L8, L11 or L15; default: L5.")] = None,
    um_per_px: Annotated[float | None, typer.Option(help="Micrometres per pixel of the images to predict.")] = None,
    out: Annotated[Path, typer.Option(parser=named_path, metavar="PATH", help="CSV file to write.")] = Path(
        "predictions.csv"
    ),
    page: Annotated[bool, typer.Option(help="Write a page with every cell beside the table.")] = True,
    explain: Annotated[
        Path | None,
        typer.Option(
            parser=named_path, metavar="PATH", help="Folder for why: where a network looks, which features weigh."
        ),
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
    """Predict images with one model, and say of each whether to trust it.

    The table has one row per file: class, or unsure and why; probabilities, calibrated on the source; what was measured
    of the cell. A page beside it shows every cell. Where labels are given, by folders or in a table, they score it.

        leukobench predict cells/ --um-per-px 0.1

        leukobench predict cells/ --train barcelona,munich --data DIR --save model.zip

        leukobench predict more/ labels.csv --load model.zip --out more.csv
    """
    from leukobench.features.backends import check_device
    from leukobench.running.ahead import workers_for

    check_device(device)
    own = [name for text in model_file or () for name in registered(text)]
    with workers_for(paths or (), jobs, device) as pool:
        from leukobench.datasets import find_data_root
        from leukobench.datasets.registry import get_dataset
        from leukobench.files import check_writable, file_digest, keep_result
        from leukobench.inference.explain import check_explainable, explain_images
        from leukobench.inference.model_file import check_keepable, load_model, release_file, save_model
        from leukobench.inference.page import write_page
        from leukobench.inference.predict import notes, predict_images
        from leukobench.inference.reading import read_images
        from leukobench.inference.trained import train_model
        from leukobench.running.pool import worker_count
        from leukobench.text import to_csv

        model = model or (own[0] if len(own) == 1 and not load else None)
        load = load or (None if model or train or add_folder else release_file())
        model = check_way(load, model, train or add_folder, {"--level": level, "--tune": tune, "--epochs": epochs})
        if not paths and (load or not save):
            raise UsageError("no images are named", "name images, folders or tables; or only --train and --save")
        pages = [out.with_suffix(".html")] if page else []
        check_writable(out, spare=[*pages, *filter(None, (*(paths or ()), load, save))])
        for path in pages:
            check_writable(path, spare=filter(None, (*(paths or ()), load, save)))
        if save:
            check_writable(save, spare=paths or ())
        if explain:
            check_writable(explain, folder=True)
        for path in paths or ():
            if explain and explain.resolve().is_relative_to(path.resolve()):
                raise UsageError(
                    f"{explain} lies in {path}", "its pictures would be predicted next time: name another folder"
                )
        trained = load_model(load) if load else None
        if explain:
            check_explainable(trained.model if load else model)
        if save and not load:
            check_keepable(model)
        place = contextlib.nullcontext((None, [])) if load else data_with(data, add_folder)
        options = {"jobs": worker_count(jobs), "pool": pool, "device": device}
        with place as (root, names), ProgressReport(console) as progress:
            sources = [] if load else [*(split_names(train) or []), *names]
            for source in sources:
                # a wrong name is told before thousands of images are read
                get_dataset(source, root)
            if paths:
                progress.stage(f"images of {', '.join(map(spell, paths))}", None)
                images, folder = read_images(paths, um_per_px, progress.count)
            options["progress"] = progress
            if not load:
                chosen = {"level": level or "L5", "trials": tune, "epochs": epochs, "seed": seed}
                trained = train_model(model, sources, root, **chosen, **options)
            if save:
                save_model(trained, save)
            if paths:
                table = predict_images(trained, images, folder, **options)
                keep_result(out, to_csv(table, float_format="%.6g"))
                weights = explain_images(trained, images, table, explain, progress=progress) if explain else None
                if page:
                    beside = {
                        "root": root or find_data_root(data, default=None),
                        "weights": weights,
                        "maps": explain,
                        "progress": progress,
                    }
                    write_page(out.with_suffix(".html"), trained, images, table, folder, **beside)
    if paths:
        summarise(trained, images, table)
        console.say(*(f"note: {note}" for note in notes(trained, images, table)))
        console.say(f"predicted by {trained.model}, trained on {', '.join(trained.sources)}: {out}")
    if kept := save or load:
        console.say(f"the model is {kept}, sha256 {file_digest(kept)}")
    if explain:
        console.say(f"why, of every cell: {explain}")
    if paths and page:
        console.say(f"every cell: {out.with_suffix('.html')}")


def registered(text):
    """Names of the models of a file of one's own; without such a file the models are not imported so early."""
    from leukobench.models import register_file

    return register_file(text)


def check_way(load, model, sources, training):
    """The model to train; refuses one that is both trained and loaded, or neither, before any reading."""
    from leukobench.inference.model_file import release_file
    from leukobench.models import get_model
    from leukobench.models.catalogue import default_model

    release = release_file()
    if load and load != release:
        given = {"--model": model, "--train": sources} | training
        if given := [name for name, value in given.items() if value]:
            raise UsageError(f"--load and {', '.join(given)} do not go together", "the file says how it was trained")
    if load == release and not release.is_file():
        raise UsageError(
            f"no model is there: none in {release}", "train one, for example --train barcelona; or --load a file"
        )
    if load:
        return None
    if not sources:
        raise UsageError("no --train", "for example --train barcelona; or --load")
    if model:
        return get_model(model).name
    name, note = default_model()
    console.say(*([f"note: {note}"] if note else []))
    return name


def summarise(trained, images, table):
    """Print the differential count, what labels and all answers together say, and what could not be read."""
    from leukobench.inference.laboratory import count_errors, differential_count, scores, warnings_of
    from leukobench.inference.predict import UNSURE

    wrong, unsure = table[table["error"] != ""], table[table["class"] == UNSURE]
    counts = differential_count(table, trained.head).round(1)
    if counts["images"].any():
        show(counts.set_axis(["sure", "percent", "95% from", "to"], axis=1), "differential count")
    else:
        console.say("no answer is sure: there is no differential count")
    for row in wrong.itertuples():
        console.say(f"{row.file}: {row.error}")
    why = (
        unsure["why"]
        .str.split("; ")
        .explode()
        .str.replace(r"[\d.]+ um across, unlike", "of another size than", regex=True)
    )
    for reason, number in why.value_counts().items():
        console.say(f"unsure ({number}): {reason}")
    if (errors := count_errors(trained, images, table)) is not None:
        show(errors.round(1), "differential count against the labels, in percent and points")
    console.say(*scores(trained, images, table))
    console.say(*(f"warning: {each}" for each in warnings_of(trained, table)))
    said = f"{len(table) - len(wrong)} of {len(table)} files are predicted, {len(unsure)} of them unsure"
    console.say(f"{said}, {len(wrong)} cannot be read")

"""A laboratory's own images, predicted by a trained model, with pictures of where a network looked."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from scipy.stats import entropy
from threadpoolctl import threadpool_limits

from leukobench.cache import TableCache
from leukobench.datasets.card import check_pixel_size
from leukobench.datasets.examine import examine
from leukobench.datasets.index import PHANTOM_FILE
from leukobench.datasets.walk import IMAGE_SUFFIXES, image_tree
from leukobench.errors import UsageError
from leukobench.files import atomic_write, fitting_name
from leukobench.inference.trained import represent
from leukobench.inputs import spell
from leukobench.models import MODELS, get_model
from leukobench.models.network.explain import grad_cam, overlay
from leukobench.running.representations import load_rows


def read_folder(folder, um_per_px=None, progress=None):
    """Look at every image file below a folder, in whatever folders they lie; `datasets.walk` says which are found.

    Parameters
    ----------
    folder : path-like
    um_per_px : float or None, default None
        Micrometres per pixel of all images; None is unknown.
    progress : callable, optional
        Called as progress(done, total) in files.

    Returns
    -------
    pandas.DataFrame
        One row per file that is named like an image, sorted by path: path (below the folder, with forward slashes,
        spelled so that `leukobench.inputs.locate` finds the file again), sha256, um_per_px, synthetic, and error, which
        is empty for an image that can be read.

    Raises
    ------
    UsageError
        Where there is no such folder, no image that can be read in it, or the pixel size is none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}", "name a folder with images")
    check_pixel_size(um_per_px, spell(folder))
    paths = image_tree(folder)
    if not paths:
        raise UsageError(
            f"no images in {folder}", f"files that end in {', '.join(sorted(IMAGE_SUFFIXES))} are looked for"
        )
    synthetic = any((each / PHANTOM_FILE).is_file() for each in (folder.resolve(), *folder.resolve().parents))
    rows = []
    for done, path in enumerate(paths, start=1):
        facts = examine(path)
        error = "" if facts["status"] == "ok" else f"{facts['status']}: {facts['reason']}"
        shown = spell(path.relative_to(folder).as_posix())
        rows.append((shown, facts["sha256"], np.nan if um_per_px is None else um_per_px, synthetic, error))
        if progress:
            progress(done, len(paths))
    images = pd.DataFrame(rows, columns=["path", "sha256", "um_per_px", "synthetic", "error"])
    if images["error"].ne("").all():
        first = images.iloc[0]
        raise UsageError(
            f"none of the {len(images)} files in {folder} can be read", f"{first['path']}: {first['error']}"
        )
    return images


def predict_images(trained, images, folder, *, jobs=1, device="auto", cache=None, progress):
    """Predict the images of a folder; a transductive model looks at all of them together.

    Parameters
    ----------
    trained : TrainedModel
    images : pandas.DataFrame
        Of `read_folder`.
    folder : path-like
        The same folder.
    jobs, device, cache, progress
        As in `train_model`.

    Returns
    -------
    pandas.DataFrame
        One row per file: file, class, probability, entropy (natural logarithm, 0 to log k), one column `p_<class>` for
        each of the k classes of the head, synthetic (whether the model or the image is) and error. A file that cannot
        be read, or has changed since `read_folder`, has an error and no class.

    Raises
    ------
    UsageError
        Where no file is left, the model reads another number of columns, or gives something that is no probability.
    """
    representation, lost = get_model(trained.model).representation, {}
    rows = represent(representation, images[images["error"] == ""], folder, jobs, device, cache, progress, lost)
    gone = images["path"].isin(lost)
    errors = images["error"].where(~gone, images["path"].map(lambda path: f"changed: {lost.get(path)}"))
    readable = (errors == "").to_numpy()
    progress.stage("prediction", 1)
    try:
        with threadpool_limits(1):
            probabilities = trained.fitted.predict_proba(rows, trained.head)
    except ValueError as error:  # of a model from a file, whose numbers are those of whoever made it
        raise UsageError(f"{trained.model} cannot predict these images: {error}", "train it again") from error
    progress.advance(1)
    table = pd.DataFrame({"file": images["path"], "class": "", "probability": np.nan, "entropy": np.nan})
    table[[f"p_{name}" for name in trained.head]] = np.nan
    table["synthetic"] = images["synthetic"] | trained.synthetic
    table["error"] = errors
    table.loc[readable, [f"p_{name}" for name in trained.head]] = probabilities
    table.loc[readable, "class"] = np.array(trained.head)[probabilities.argmax(axis=1)]
    table.loc[readable, "probability"] = probabilities.max(axis=1)
    table.loc[readable, "entropy"] = entropy(probabilities, axis=1)
    return table


def explain_images(trained, images, table, out, *, cache=None, progress):
    """Draw where a fine-tuned network sees the class that it predicts, one picture per image.

    Parameters
    ----------
    trained : TrainedModel
    images, table : pandas.DataFrame
        Of `read_folder` and `predict_images`.
    out : path-like
        Folder to write into: `<file>.png`, in the same folders as the images.
    cache, progress
        As in `train_model`.

    Raises
    ------
    UsageError
        Where the model is no network, or one that Grad-CAM cannot explain.
    """
    check_explainable(trained.model)
    readable = table["error"] == ""
    rows = load_rows(get_model(trained.model).representation, images[readable], TableCache(cache))
    network = trained.fitted.estimator
    shown = table[readable]
    progress.stage("Grad-CAM", len(shown))
    codes = np.searchsorted(trained.fitted.classes, shown["class"].to_numpy(dtype=str))
    maps = grad_cam(network, rows, codes)
    for row, crop, heat in zip(shown.itertuples(), network.field_of(rows), maps, strict=True):
        caption = f"{shown.at[row.Index, 'class']} {row.probability:.2f}{', SYNTHETIC' if row.synthetic else ''}"
        _, encoded = cv2.imencode(".png", overlay(crop, heat, caption)[..., ::-1])
        *folders, name = Path(row.file).parts
        atomic_write(Path(out, *folders, fitting_name(name, ".png")), encoded.tobytes())
        progress.advance(1, row.file)


def check_explainable(model):
    """Refuse a model that Grad-CAM cannot explain; the hint names those that are listed and that it can."""
    if not get_model(model).explainable:
        able = ", ".join(recipe.name for recipe in MODELS.values() if recipe.explainable)
        raise UsageError(
            f"{model} is no network, and Grad-CAM explains networks only",
            f"take one of {able}; or leave out --explain",
        )


def notes(trained, images):
    """What must be known to judge a model's predictions, one sentence each.

    Parameters
    ----------
    trained : TrainedModel
    images : pandas.DataFrame
        Of `read_folder`.

    Returns
    -------
    list of str
    """
    recipe = get_model(trained.model)
    n, own = int((images["error"] == "").sum()), int(images["sha256"].isin(trained.images).sum())
    rare = ", ".join(f"{name} ({count})" for name, count in trained.left_out.items())
    said = [
        (trained.synthetic, f"SYNTHETIC: {trained.model} was trained on rendered cells"),
        (images["synthetic"].any(), "SYNTHETIC: the images are rendered cells"),
        (rare, f"never predicted, as {' and '.join(trained.sources)} has too few images of it: {rare}"),
        (
            recipe.transductive,
            f"{recipe.name} is transductive: it looks at all {n} images together, so that what it says of one depends "
            "on the others",
        ),
        (
            recipe.contamination,
            f"contaminated: the weights of {recipe.name} have seen images of {', '.join(recipe.contamination)} in "
            "their pretraining, and do better on these than on others",
        ),
        (own, f"{own} of the files were trained on: what is said of them says nothing of others"),
        (
            images["um_per_px"].isna().any(),
            "no pixel size was given (--um-per-px): models with a view estimate it, all others measure these images in "
            "pixels, and those of datasets whose pixel size is known in micrometres",
        ),
    ]
    return [text for holds, text in said if holds]

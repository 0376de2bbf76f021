"""Why a model answers what it answers: where a network looks, one picture per image."""

from pathlib import Path

import cv2
import numpy as np

from leukobench.cache import TableCache
from leukobench.errors import UsageError
from leukobench.files import atomic_write, fitting_name
from leukobench.models import MODELS, get_model
from leukobench.models.network.explain import grad_cam, overlay
from leukobench.running.representations import load_rows


def explain_images(trained, images, table, out, *, cache=None, progress):
    """Draw where a fine-tuned network sees the class that it predicts, one picture per image.

    Parameters
    ----------
    trained : TrainedModel
    images, table : pandas.DataFrame
        Of `leukobench.inference.reading.read_images` and `predict_images`.
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

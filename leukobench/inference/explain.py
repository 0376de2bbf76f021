"""Why a model answers what it answers: where a network looks, and which features weigh with all others."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from leukobench.cache import TableCache
from leukobench.errors import UsageError
from leukobench.files import atomic_write, fitting_name, keep_result
from leukobench.models import MODELS, get_model
from leukobench.models.ensemble import members_of
from leukobench.models.network.explain import around, grad_cam, overlay
from leukobench.running.representations import columns_of, load_rows
from leukobench.running.tuning import Fitted
from leukobench.segmentation import segment
from leukobench.text import to_csv

SHOWN = 8  # features of each cell, those that weigh most
FLOOR = 1e-9  # of a probability before its logarithm
FEATURES = "features.csv"


def explain_images(trained, images, table, out, *, cache=None, progress):
    """Say why each image is predicted as it is.

    Parameters
    ----------
    trained : TrainedModel
    images, table : pandas.DataFrame
        Of `leukobench.inference.reading.read_images` and `predict_images`.
    out : path-like
        Folder to write into. Of a network `<file>.png`, in the same folders as the images; of a model that reads
        features `features.csv`, with what weighs most in each answer. Of models that answer together both: the mean map
        of all networks, and the features of the first that reads some, as they weigh in its own answer.
    cache, progress
        As in `train_model`.

    Returns
    -------
    dict of str to list of (str, float, float)
        File to feature, its value in standard deviations from the source's mean, and its weight (of `weigh`), the
        heaviest first; empty of a network.

    Raises
    ------
    UsageError
        Where nothing can explain the model.
    """
    check_explainable(trained.model)
    recipe, readable = get_model(trained.model), table["error"] == ""
    rows = load_rows(recipe.representation, images[readable].assign(condition=""), TableCache(cache))
    members = members_of(recipe, rows)
    estimators = trained.fitted.estimator.estimators_ if len(members) > 1 else [trained.fitted.estimator]
    parts = [
        (
            dataclasses.replace(trained, model=member.name, fitted=Fitted.restore(estimator, trained.fitted.classes)),
            part,
        )
        for (member, part), estimator in zip(members, estimators, strict=True)
    ]
    networks = [(part, some) for part, some in parts if get_model(part.model).explainable]
    if networks:
        _draw(networks, table[readable], out, progress)
    named = [(part, some) for part, some in parts if columns_of(get_model(part.model).representation) is not None]
    return _weigh_all(*named[0], table[readable], Path(out), progress) if named else {}


def _draw(networks, shown, out, progress):
    (trained, rows), *_ = networks
    progress.stage("Grad-CAM", len(shown))
    codes = np.searchsorted(trained.fitted.classes, shown["likeliest"].to_numpy(dtype=str))
    maps = np.mean([grad_cam(each.fitted.estimator, some, codes) for each, some in networks], axis=0)
    crops = trained.fitted.estimator.field_of(rows)
    for row, crop, heat, mask in zip(shown.itertuples(), crops, maps, segment(list(crops)), strict=True):
        unsure = "" if row.why == "" else ", unsure"
        on_cell = f", {heat[mask > 0].sum() / heat.sum():.0%} on the cell" if heat.any() and mask.any() else ""
        synthetic = ", SYNTHETIC" if row.synthetic else ""
        caption = f"{row.likeliest} {row.probability:.2f}{unsure}{on_cell}{synthetic}"
        place = around(mask)
        _, encoded = cv2.imencode(".png", overlay(crop[place], heat[place], caption)[..., ::-1])
        atomic_write(map_of(out, row.file), encoded.tobytes())
        progress.advance(1, row.file)


def map_of(out, file):
    """Where in a folder the map of a file lies, if a network drew one."""
    *folders, name = Path(file).parts
    return Path(out, *folders, fitting_name(name, ".png"))


def _weigh_all(trained, rows, shown, out, progress):
    names = [feature.name for feature in columns_of(get_model(trained.model).representation)]
    mean, spread = (np.array(each) for each in trained.trust.typical)
    if not len(mean) == len(names) == rows.shape[1]:  # of a file whose maker wrote something else
        raise UsageError(f"what is usual of {len(mean)} features is known, of {len(names)}", "train the model again")
    progress.stage("what weighs", len(shown))
    found, lines = {}, []
    for row, values in zip(shown.itertuples(), rows, strict=True):
        weights = weigh(trained, values, row.likeliest)
        order = np.argsort(-np.abs(weights), kind="stable")[:SHOWN]
        away = np.nan_to_num((values - mean) / spread)
        found[row.file] = [(names[i], round(float(away[i]), 2), round(float(weights[i]), 4)) for i in order]
        lines += [(row.file, row.likeliest, *each) for each in found[row.file]]
        progress.advance(1, row.file)
    columns = ["file", "likeliest", "feature", "deviations", "weight"]
    keep_result(out / FEATURES, to_csv(pd.DataFrame(lines, columns=columns)))
    return found


def weigh(trained, row, label):
    """How much each feature speaks for a class: the log odds that are lost where it takes its mean in the source.

    Of a linear model in log odds of two classes these are its exact contributions; of others each says what the feature
    does beside all others as they are, so that of two that say the same neither may weigh.

    Parameters
    ----------
    trained : TrainedModel
    row : ndarray of float, shape (p,)
        Of its representation.
    label : str

    Returns
    -------
    ndarray of float, shape (p,)
        In natural logarithms; below 0 where it speaks against the class.
    """
    occluded = np.tile(row, (len(row) + 1, 1))
    np.fill_diagonal(occluded, trained.trust.typical[0])
    with threadpool_limits(1):
        given = trained.fitted.predict_proba(occluded, trained.head)[:, list(trained.head).index(label)]
    odds = np.log(np.maximum(given, FLOOR)) - np.log(np.maximum(1 - given, FLOOR))
    return odds[-1] - odds[:-1]


def check_explainable(model):
    """Refuse a model of which nobody can say why; the hint names the networks that Grad-CAM explains."""
    recipe = get_model(model)
    members = recipe.build.members if recipe.kind == "several" else [recipe]
    if not any(each.explainable or columns_of(each.representation) is not None for each in members):
        able = ", ".join(recipe.name for recipe in MODELS.values() if recipe.explainable)
        raise UsageError(
            f"{model} reads numbers without a name, and is no network that Grad-CAM explains",
            f"take a model of features, or one of {able}; or leave out --explain",
        )

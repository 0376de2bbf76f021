"""A model trained on datasets of the data root for other images than theirs, and the file that keeps it."""

import dataclasses
import json
import zipfile

import optuna
import skops.io
from threadpoolctl import threadpool_limits

from leukobench.cache import TableCache, cache_folder
from leukobench.datasets import build_index
from leukobench.errors import UsageError
from leukobench.evaluation.environment import describe_environment
from leukobench.evaluation.folds import derive_seed, group_ids
from leukobench.evaluation.plan import head_of, select_samples
from leukobench.evaluation.representations import compute_missing, image_ids, load_rows, representation_key
from leukobench.evaluation.suite import load_suite
from leukobench.evaluation.tuning import Fitted, tune
from leukobench.files import content_hash, keep_result
from leukobench.models import get_model

SUITE = "cross-dataset"  # whose limits and folds hold here too
CARD, ESTIMATOR = "card.json", "model.skops"  # what lies in the file of a model
MADE_OF = ("numpy", "scikit-learn", "xgboost", "torch")  # packages whose objects are in it
TRUSTED = (  # beside leukobench's own classes and those that skops trusts: what is allowed to be made from such a file
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.ManhattanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
)


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """A fitted model, with what must be known to use and to judge it.

    Parameters
    ----------
    model : str
        Name of the recipe.
    sources : tuple of str
        Datasets that it was trained on.
    level : str
        Cut through the label tree.
    seed : int
    params : dict
        Parameters of the recipe.
    head : tuple of str
        Classes that it can predict.
    left_out : dict of str to int
        Classes of the sources with too few images, with their counts.
    images : frozenset of str
        sha256 of the images that it was trained on.
    synthetic : bool
        Whether these are rendered.
    fitted : Fitted
    """

    model: str
    sources: tuple
    level: str
    seed: int
    params: dict
    head: tuple
    left_out: dict
    images: frozenset = dataclasses.field(repr=False)
    synthetic: bool
    fitted: Fitted = dataclasses.field(repr=False)


def train_model(
    model, sources, root, *, level="L5", trials=0, epochs=None, seed=0, jobs=1, device="auto", cache=None, progress
):
    """Train a model on all usable images of some datasets.

    Trained on one dataset, it is the model that the protocol "pairwise" scores at the same trials, epochs and seed.

    Parameters
    ----------
    model : str
        Name of a recipe.
    sources : sequence of str
        Datasets below the data root.
    root : path-like
        The data root.
    level : str, default "L5"
        Cut through the label tree.
    trials : int, default 0
        Optuna trials inside the sources; 0 takes the recipe's defaults.
    epochs : int or None, default None
        Of a fine-tuned network; None is the recipe's.
    seed, jobs : int
        `jobs` are worker processes for the representation, default 1.
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"
        Where features are computed.
    cache : path-like or None, default None
        Folder of the representations; None is the user's.
    progress : leukobench.progress.ProgressReport

    Returns
    -------
    TrainedModel

    Raises
    ------
    UsageError
        Where model, dataset or level are unknown, or the sources have fewer than two classes with enough images.
    """
    recipe = get_model(model).with_epochs(epochs)
    suite = load_suite(SUITE, datasets=sources, models=[model], level=level)
    progress.stage(f"images of {', '.join(suite.datasets)}", None)
    index = build_index(root, names=list(suite.datasets), progress=progress.count)
    samples = select_samples(index, suite)
    head, left_out = head_of(samples, suite.datasets, suite)
    if len(head) < 2:
        raise UsageError(
            f"{', '.join(suite.datasets)} has {len(head)} class(es) with {suite.min_source_images} images at {level}",
            "two are needed: train on more datasets, or choose another --level",
        )
    samples = samples[samples["class"].isin(head)].reset_index(drop=True)
    rows = represent(recipe.representation, samples, root, jobs, device, cache, progress)
    classes = samples["class"].to_numpy(dtype=str)
    laboratories = samples["dataset"].to_numpy(dtype=str)
    groups = group_ids(samples)
    own_seed = derive_seed("pairwise", "+".join(suite.datasets), model, seed, 0)
    progress.stage(f"fit of {model}", 1)
    with threadpool_limits(1):  # as in a run's workers, so that the numbers are the same
        params = tune(
            recipe,
            rows,
            classes,
            groups,
            laboratories=laboratories,
            strata=(samples["dataset"] + " " + samples["class"]).to_numpy(dtype=str),
            trials=trials,
            n_folds=suite.budget.inner_folds,
            seed=own_seed,
            storage=optuna.storages.InMemoryStorage(),
        )
        key = [model, recipe.version, representation_key(recipe.representation), params, own_seed]
        key = content_hash(
            [*key, sorted(zip(image_ids(samples), laboratories.tolist(), classes.tolist(), strict=True))]
        )
        told = {"groups": groups, "checkpoint": cache_folder() / "predict" / f"{key}.checkpoint"}
        fitted = Fitted(recipe, params, own_seed, rows, classes, laboratories, **told)
    progress.advance(1)
    return TrainedModel(
        model=recipe.name,
        sources=suite.datasets,
        level=suite.level,
        seed=seed,
        params=params,
        head=tuple(head),
        left_out=left_out,
        images=frozenset(samples["sha256"]),
        synthetic=bool(index["synthetic"].any()),
        fitted=fitted,
    )


def save_model(trained, path):
    """Keep a trained model in a file: a zip of its card, which is read first, and its estimator as skops writes it.

    Parameters
    ----------
    trained : TrainedModel
    path : path-like

    Raises
    ------
    UsageError
        Where the file cannot be written, with the name of another that holds the model.
    """
    card = {field.name: getattr(trained, field.name) for field in dataclasses.fields(trained)}
    fitted = card.pop("fitted")
    card |= {
        "images": sorted(trained.images),
        "classes": fitted.classes.tolist(),
        "made_with": _versions(trained.model),
    }

    def write(beside):
        # packed inside, not outside: a damaged byte is then found by the outer checksum and never unpacked
        with zipfile.ZipFile(beside, "w") as file:
            file.writestr(CARD, json.dumps(card, indent=1))
            file.writestr(ESTIMATOR, skops.io.dumps(fitted.estimator, compression=zipfile.ZIP_DEFLATED))

    keep_result(path, write)


def load_model(path):
    """Read a trained model from its file.

    Nothing in the file is run: skops makes objects of known classes from it; a file that asks for others is refused.

    Parameters
    ----------
    path : path-like
        Of `save_model`.

    Returns
    -------
    TrainedModel

    Raises
    ------
    UsageError
        Where there is no such file, it is none of these, it asks for classes that are not
        trusted, or other versions made it. The estimator is then not read.
    """
    again = "train it again with --train and --save"
    try:
        with zipfile.ZipFile(path) as file:
            card = json.loads(file.read(CARD))
            made, here = card["made_with"], _versions(card["model"])
            differs = [f"{name} {made.get(name)}, here {here[name]}" for name in here if made.get(name) != here[name]]
            if differs:
                raise UsageError(f"{path} was saved by other versions: {'; '.join(differs)}", again)
            estimator = read_estimator(file.read(ESTIMATOR), path)
        fitted = Fitted.restore(estimator, card.pop("classes"))
        del card["made_with"]
        card |= {name: tuple(card[name]) for name in ("sources", "head")} | {"images": frozenset(card["images"])}
        return TrainedModel(**card, fitted=fitted)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}", again) from error
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no model that --save has written, or a damaged one", again) from error


def read_estimator(content, path):
    """The estimator in the bytes that skops wrote; UsageError where they ask for classes that are not trusted."""
    types = skops.io.get_untrusted_types(data=content)
    strange = [name for name in types if name not in TRUSTED and not name.startswith("leukobench.")]
    if strange:
        names = ", ".join(strange)
        raise UsageError(f"{path} asks for {names}, which no model of leukobench is made of", "do not use it")
    return skops.io.loads(content, trusted=types)


def represent(name, samples, root, jobs, device, cache, progress):
    """Rows of a representation for images, computed where the cache lacks them; parameters as in `train_model`."""
    tables = TableCache(cache)
    progress.stage(f"{name} of {len(samples):,} images", None)
    compute_missing([name], samples, root, cache=tables, jobs=jobs, device=device, progress=progress.count)
    return load_rows(name, samples, tables)


def _versions(model):
    """What the file of a model depends on."""
    recipe, facts = get_model(model), describe_environment()
    packages = {name: facts["packages"].get(name) for name in MADE_OF}
    key = content_hash(representation_key(recipe.representation))
    return {"leukobench": facts["leukobench"], **packages, model: recipe.version, recipe.representation: key}

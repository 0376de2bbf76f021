"""A model trained on datasets of the data root for other images than theirs."""

import contextlib
import dataclasses

import numpy as np
import optuna
from threadpoolctl import threadpool_limits

from leukobench.cache import TableCache, cache_folder
from leukobench.datasets import build_index
from leukobench.devices import training_precision
from leukobench.errors import UsageError, in_one_line
from leukobench.files import content_hash
from leukobench.inference.trust import Trust, fit_trust
from leukobench.models import get_model
from leukobench.models.ensemble import members_of
from leukobench.models.identity import recipe_hash
from leukobench.models.recipe import COSTS
from leukobench.models.tables import themselves
from leukobench.running.computing import compute_missing
from leukobench.running.folds import derive_seed, group_ids, inner_folds
from leukobench.running.plan import head_of
from leukobench.running.representations import columns_of, image_ids, load_rows, representation_key
from leukobench.running.samples import level_notes, select_samples
from leukobench.running.suite import load_suite
from leukobench.running.tuning import Fitted, tune

SUITE = "cross-dataset"  # whose limits and folds hold here too
LOOKS = "looks:cell"
HELD_OUT = 4  # folds, each predicted by a model that has not seen it


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
    trust : Trust
        What the sources say of its answers.
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
    trust: Trust = dataclasses.field(repr=False)


def train_model(
    model,
    sources,
    root,
    *,
    level="L5",
    trials=0,
    epochs=None,
    seed=0,
    jobs=1,
    pool=None,
    device="auto",
    cache=None,
    progress,
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
    pool : LocalPool or None, default None
        Workers that are there already, to take in place of new ones.
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
        Where model, dataset or level are unknown, the sources have fewer than two classes with enough images, or the
        model refuses its parameters or its rows.
    """
    recipe = get_model(model).with_training(epochs=epochs, precision=training_precision())
    suite = load_suite(SUITE, datasets=sources, models=[model], level=level)
    progress.stage(f"images of {', '.join(suite.datasets)}", None)
    index = build_index(root, names=list(suite.datasets), progress=progress.count)
    samples = select_samples(index, suite)
    for note in level_notes(index, suite):
        progress.note(note)
    head, left_out = head_of(samples, suite.datasets, suite)
    if len(head) < 2:
        raise UsageError(
            f"{', '.join(suite.datasets)} has {len(head)} class(es) with {suite.min_source_images} images at {level}",
            "two are needed: train on more datasets, or choose another --level",
        )
    samples = samples[samples["class"].isin(head)].reset_index(drop=True)
    names = [recipe.representation, LOOKS]
    rows, looks = represent(names, samples, root, jobs=jobs, pool=pool, device=device, cache=cache, progress=progress)
    classes = samples["class"].to_numpy(dtype=str)
    laboratories = samples["dataset"].to_numpy(dtype=str)
    groups = group_ids(samples)
    estimator_seed = own_seed(suite.datasets, model, seed)
    strata = (samples["dataset"] + " " + samples["class"]).to_numpy(dtype=str)
    folds = inner_folds(strata, classes, groups, HELD_OUT, estimator_seed)
    # A network is fitted once more, since each fit takes long. An image is not asked about where all others of its
    # class are held out with it (they show one slide): that fit has never seen the class.
    folds = folds[: 1 if COSTS[recipe.cost].pruned else None]
    folds = [(train, test[np.isin(classes[test], classes[train])]) for train, test in folds]
    folds = [(train, test) for train, test in folds if len(test)]
    progress.stage(f"fit of {model}", 1 + len(folds))
    with threadpool_limits(1), _trains(model):  # one thread as in a run's workers, so that the numbers are the same
        params = tune(
            recipe,
            rows,
            classes,
            groups,
            laboratories=laboratories,
            strata=strata,
            trials=trials,
            n_folds=suite.budget.inner_folds,
            seed=estimator_seed,
            storage=optuna.storages.InMemoryStorage(),
        )
        key = [model, recipe_hash(recipe), representation_key(recipe.representation), params, estimator_seed]
        content = sorted(zip(image_ids(samples), laboratories.tolist(), classes.tolist(), strict=True))

        def fit(some, *which):
            name = content_hash([*key, content, *which])
            kept = cache_folder() / "predict" / f"{name}.checkpoint"
            told = {"groups": groups[some], "checkpoint": kept}
            fitted = Fitted(recipe, params, estimator_seed, rows[some], classes[some], laboratories[some], **told)
            progress.advance(1)
            return fitted

        fitted = fit(np.arange(len(rows)))
        said = [
            (test, fit(train, number).predict_proba(rows[test], head)) for number, (train, test) in enumerate(folds)
        ]
    held = np.concatenate([test for test, _ in said] or [np.empty(0, int)])
    said = np.concatenate([each for _, each in said] or [np.empty((0, len(head)))])
    tables = [part for member, part in members_of(recipe, rows) if columns_of(member.representation) is not None]
    held_out = held, said, np.searchsorted(head, classes[held])
    trust = fit_trust(looks, samples, groups, held_out, estimator_seed, themselves(tables[0]) if tables else None)
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
        trust=trust,
    )


@contextlib.contextmanager
def _trains(model):
    """Say in one sentence that a model refuses what its name fixes, or what it is trained on."""
    try:
        yield
    except ValueError as error:
        hint = "look at the numbers in its name, and at its own file where it has one"
        raise UsageError(f"{model} cannot be trained: {in_one_line(error)}", hint) from error


def own_seed(sources, model, seed):
    """Seed of the estimator: that of the protocol "pairwise", whose model one source then gives."""
    return derive_seed("pairwise", "+".join(sources), model, seed, 0)


def represent(names, samples, root, *, jobs=1, pool=None, device="auto", cache=None, progress, lost=None):
    """Rows of representations for images, computed where the cache lacks them; parameters as in `train_model`.

    Images that train nothing have a column `condition`, empty where they are shown as they are. With a dict `lost`,
    images that are no longer what was indexed are put there and have no rows; else they are errors.
    """
    tables = TableCache(cache)
    progress.stage(f"{names[0]} of {len(samples):,} images", None)
    told = {"jobs": jobs, "pool": pool, "device": device, "progress": progress.count}
    compute_missing(names, samples, root, cache=tables, lost=lost, **told)
    samples = samples[~samples["path"].isin(lost or {})]
    if samples.empty:
        raise UsageError(f"none of the images in {root} is left as it was indexed", "start the same command again")
    return [load_rows(name, samples, tables) for name in names]

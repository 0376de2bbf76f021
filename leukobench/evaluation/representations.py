"""Representations: images as rows of numbers, each computed once and cached by content."""

import dataclasses
import time
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from leukobench import features, segmentation
from leukobench.cache import TableCache
from leukobench.errors import UsageError
from leukobench.features import views
from leukobench.imaging.io import read_image

BATCH = 32  # images that one worker holds in memory at a time


@dataclasses.dataclass(frozen=True)
class Representation:
    """What an estimator sees of an image.

    Parameters
    ----------
    name : str
        "features:<feature set>", "features:<feature set>@<view>" or "embedding:<backbone>[~<variant>...]".
    key : dict
        Everything its numbers depend on, for the cache.
    needs_masks : bool
        Whether the images are segmented first.
    compute : callable
        (images, masks, um_per_px) to a DataFrame with one row per image.
    copies : int, default 0
        Augmented copies whose values follow those of the image itself in its row.
    """

    name: str
    key: dict
    needs_masks: bool
    compute: callable = dataclasses.field(compare=False)
    copies: int = 0


def get_representation(name, device="auto"):
    """A representation by name.

    Parameters
    ----------
    name : str
        "features:<feature set>" or "embedding:<backbone>[~<variant>...]", either with "@<view>" behind it, or
        "pixels:<view>".
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"
        Where features are computed; the numbers are the same.

    Returns
    -------
    Representation
        Ready to compute.

    Raises
    ------
    UsageError
        For a name of another kind.
    """
    kind, _, what = name.partition(":")
    if kind not in KINDS:
        raise UsageError(f"unknown representation '{name}'", f"it begins with {': or '.join(KINDS)}:")
    return KINDS[kind](name, *what.split("@", 1), device=device)


def _features(name, feature_set, view_name=None, *, device):
    if view_name is None:
        versions = {"segmentation": segmentation.VERSION, "catalogue": features.CATALOGUE_VERSION}

        def compute(images, masks, um_per_px):
            return features.extract_features(images, masks, um_per_px=um_per_px, device=device, feature_set=feature_set)

        return Representation(name, {"name": name, **versions}, True, compute)
    view = views.get_view(view_name)

    def compute(images, masks, um_per_px):
        rows = views.view_features(images, view, um_per_px=um_per_px, feature_set=feature_set, device=device)
        return pd.DataFrame(rows.reshape(len(rows), -1))

    return Representation(name, {"name": name, **views.view_key(view)}, False, compute, view.copies)


def _embedding(name, what, view_name=None, *, device):
    from leukobench.models.embedding import view_vectors
    from leukobench.models.variants import embedding_key, open_embedding

    if view_name is None:

        def compute(images, masks, um_per_px):
            return pd.DataFrame(np.asarray(open_embedding(what).transform(images, um_per_px=um_per_px)))

        return Representation(name, {"name": name, **embedding_key(what)}, False, compute)
    view = views.get_view(view_name)

    def compute(images, masks, um_per_px):
        rows = view_vectors(images, open_embedding(what), view, um_per_px=um_per_px)
        return pd.DataFrame(rows.reshape(len(rows), -1))

    key = {"name": name, "view": views.view_key(view), "embedding": embedding_key(what)}
    return Representation(name, key, False, compute, view.copies)


def _pixels(name, view_name, *, device):
    from leukobench.models.network.crops import crop_key, crop_rows

    def compute(images, masks, um_per_px):
        return pd.DataFrame(crop_rows(images, view_name, um_per_px))

    return Representation(name, {"name": name, **crop_key(view_name)}, False, compute)


KINDS = {"features": _features, "embedding": _embedding, "pixels": _pixels}
JOINT = "&"  # between the names of representations whose columns a model reads side by side


def parts_of(name):
    """The representations that a name stands for: one, or several with "&" between them."""
    return name.split(JOINT)


def representation_key(name):
    """What the numbers of a representation depend on, as plain values; of several, of each."""
    keys = [get_representation(part).key for part in parts_of(name)]
    return keys[0] if len(keys) == 1 else {"name": name, "parts": keys}


def image_ids(samples):
    """Cache ids of images: the content, and the pixel size that lengths are scaled by.

    Parameters
    ----------
    samples : pandas.DataFrame
        With the columns sha256 and um_per_px.

    Returns
    -------
    list of str
        One id per row.
    """
    pairs = zip(samples["sha256"], samples["um_per_px"], strict=True)
    return [f"{sha}@{'px' if pd.isna(um) else format(um, '.6g')}" for sha, um in pairs]


def compute_missing(names, samples, root, *, cache=None, jobs=1, device="auto", progress=None):
    """Compute what the cache lacks: every image is decoded and segmented once for all representations.

    Parameters
    ----------
    names : iterable of str
        Representations; several may be joined by "&".
    samples : pandas.DataFrame
        Of `leukobench.evaluation.plan.select_samples`.
    root : path-like
        The data root that paths are relative to.
    cache : TableCache, optional
        Default: the user's.
    jobs : int, default 1
        Worker processes.
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"
        Where features are computed.
    progress : callable, optional
        Called as progress(done, total) in images.

    Returns
    -------
    dict
        Representation name to {"images": number computed, "ms_per_image": worker milliseconds, masks included}.
    """
    cache = cache or TableCache()
    ids = np.array(image_ids(samples))
    missing = {}
    for name in dict.fromkeys(part for joint in names for part in parts_of(joint)):
        there = set(cache.load(get_representation(name).key, ids).index)
        missing[name] = np.array([i not in there for i in ids], dtype=bool)
    todo = np.flatnonzero(np.logical_or.reduce([np.zeros(len(ids), bool), *missing.values()]))
    seconds = dict.fromkeys(missing, 0.0)
    batches = [todo[start : start + BATCH] for start in range(0, len(todo), BATCH)]
    tasks = []
    for batch in batches:
        wanted = tuple(name for name, mask in missing.items() if mask[batch].any())
        paths = [str(Path(root) / path) for path in samples["path"].iloc[batch]]
        um = samples["um_per_px"].iloc[batch].to_numpy(dtype=float)
        tasks.append(delayed(_compute_batch)(cache.folder, wanted, list(ids[batch]), paths, um, device))
    done = 0
    with Parallel(n_jobs=jobs, return_as="generator_unordered", inner_max_num_threads=1 if jobs > 1 else None) as pool:
        for n, spent in pool(tasks):
            done += n
            for name, value in spent.items():
                seconds[name] += value
            if progress:
                progress(done, len(todo))
    counts = {name: int(mask.sum()) for name, mask in missing.items()}
    return {
        name: {"images": n, "ms_per_image": round(1000 * seconds[name] / n, 3) if n else None}
        for name, n in counts.items()
    }


def _compute_batch(folder, names, ids, paths, um_per_px, device):
    representations = [get_representation(name, device) for name in names]
    start = time.perf_counter()
    images = [read_image(path) for path in paths]
    read = time.perf_counter() - start
    masks, segmented = None, 0.0
    if any(each.needs_masks for each in representations):
        start = time.perf_counter()
        masks = segmentation.segment(images, um_per_px=um_per_px)
        segmented = time.perf_counter() - start
    spent = {}
    for each in representations:
        start = time.perf_counter()
        table = each.compute(images, masks, um_per_px)
        table.index = ids
        table.columns = table.columns.astype(str)
        TableCache(folder).save(each.key, table)
        spent[each.name] = read + segmented * each.needs_masks + time.perf_counter() - start
    return len(ids), spent


def load_rows(name, samples, cache=None):
    """Rows of a representation for every image.

    Parameters
    ----------
    name : str
        The representation; several joined by "&" stand side by side, and must make the same number of copies.
    samples : pandas.DataFrame
        The images.
    cache : TableCache, optional
        Default: the user's.

    Returns
    -------
    numpy.ndarray of shape (n, p), or (n, 1 + copies, p) where the representation has copies
        The rows in the order of `samples`; of an image and its copies, the image itself comes first.

    Raises
    ------
    RuntimeError
        Where rows are missing: `compute_missing` was not run, or a shard was found corrupt since.
    """
    parts = [_load_part(part, samples, cache or TableCache()) for part in parts_of(name)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)


def _load_part(name, samples, cache):
    ids = image_ids(samples)
    representation = get_representation(name)
    table = cache.load(representation.key, ids)
    if len(table) < len(ids):
        raise RuntimeError(f"{len(ids) - len(table)} rows of {name} are not in the cache: start the run again")
    rows = table.to_numpy()
    return rows.reshape(len(rows), 1 + representation.copies, -1) if representation.copies else rows

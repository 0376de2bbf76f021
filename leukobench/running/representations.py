"""Representations: images as rows of numbers, each computed once and cached by content."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd

from leukobench import features
from leukobench.cache import TableCache
from leukobench.errors import UsageError
from leukobench.features.viewed import seen_features
from leukobench.models.spec import ModelSpec, parts_of, tables_of
from leukobench.models.tables import Tables
from leukobench.preparation.conditions import versions
from leukobench.preparation.views import Seen, View, get_view, view_key
from leukobench.segmentation import segmentation_key


@dataclasses.dataclass(frozen=True)
class Representation:
    """What an estimator sees of an image.

    Parameters
    ----------
    name : str
        As in the grammar of `leukobench.models.spec`, such as "features:core@augmented".
    key : dict
        Everything its numbers depend on, for the cache.
    needs_masks : bool
        Whether the images are segmented first, where they are seen through no view.
    compute : callable
        From what is seen of the images, (pictures, masks, um_per_px), where masks may be None of each where they are
        not needed, to a DataFrame with one row per image.
    copies : int, default 0
        Augmented copies whose values follow those of the image itself in its row.
    view : View or None, default None
        What the images are seen through; None leaves them as they are.
    """

    name: str
    key: dict
    needs_masks: bool
    compute: Callable = dataclasses.field(compare=False)
    copies: int = 0
    view: View | None = None


def get_representation(name, device="auto", bare=False):
    """A representation by name.

    Parameters
    ----------
    name : str
        "features:<feature set>" or "embedding:<backbone>", either with "@<view>" and the latter with "+<way to embed>"
        behind it, or "pixels:<view>"; or "looks:cell", which no model is trained on (`leukobench.features.looks`).
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"
        Where features are computed; the numbers are the same.
    bare : bool, default False
        Without augmented copies: the image itself alone, for images that train nothing.

    Returns
    -------
    Representation
        Ready to compute.

    Raises
    ------
    UsageError
        For a name of another kind.
    """
    spec = ModelSpec.parse(name)
    if spec.base not in KINDS or not spec.argument:
        raise UsageError(f"unknown representation '{name}'", f"it begins with {': or '.join(KINDS)}:")
    return KINDS[spec.base](spec, device, bare)


def _features(spec, device, bare):
    name, feature_set = str(spec), ":".join(spec.argument)
    versions = features.features_key(feature_set)
    if not spec.view:

        def compute(images, masks, um_per_px):
            return features.extract_features(images, masks, um_per_px=um_per_px, device=device, feature_set=feature_set)

        return Representation(name, {"name": name, "segmentation": segmentation_key(), **versions}, True, compute)
    view = _seen_through(spec, bare)

    def compute(*seen):
        rows = seen_features(Seen(*seen), view, feature_set, device)
        return pd.DataFrame(rows.reshape(len(rows), -1))

    return Representation(name, {"name": name, **view_key(view), **versions}, False, compute, view.copies, view)


def _embedding(spec, device, bare):
    from leukobench.models.embedding import seen_vectors
    from leukobench.models.variants import embedding_key, open_embedding

    name, what = str(spec), str(spec.stands_on)
    if not spec.view:

        def compute(images, masks, um_per_px):
            return pd.DataFrame(np.asarray(open_embedding(what).transform(images, um_per_px=um_per_px)))

        return Representation(name, {"name": name, **embedding_key(what)}, False, compute)
    view = _seen_through(spec, bare)

    def compute(*seen):
        rows = seen_vectors(Seen(*seen), open_embedding(what), view)
        return pd.DataFrame(rows.reshape(len(rows), -1))

    own = embedding_key(what)
    key = {"name": own.get("name", name), "view": view_key(view), "embedding": own}
    return Representation(name, key, False, compute, view.copies, view)


def _pixels(spec, device, bare):
    from leukobench.preparation.crops import crop_key, crop_view, seen_crops

    name, view = str(spec), spec.argument[0]

    def compute(*seen):
        return pd.DataFrame(seen_crops(Seen(*seen)))

    return Representation(name, {"name": name, **crop_key(view)}, False, compute, view=crop_view(view))


def _seen_through(spec, bare):
    view = get_view(spec.view)
    return dataclasses.replace(view, copies=0) if bare else view


def _looks(spec, device, bare):
    from leukobench.features.looks import COPIES, cell_looks, looks_key, looks_of_copies

    def compute(images, masks, um_per_px):
        if bare:
            return cell_looks(images, um_per_px, masks)
        return pd.DataFrame(looks_of_copies(images, um_per_px).reshape(len(images), -1))

    key = {**looks_key(), "copies": 0 if bare else COPIES}
    return Representation(str(spec), key, False, compute, key["copies"])


KINDS = {"features": _features, "embedding": _embedding, "pixels": _pixels, "looks": _looks}


def columns_of(name):
    """What the columns of a representation are.

    Parameters
    ----------
    name : str

    Returns
    -------
    list or None
        Features in column order, of the image itself; None where the columns are no features.
    """
    if not name.startswith("features:") or len(tables_of(name)) > 1:
        return None
    return features.features_of(ModelSpec.parse(name).argument[0])


def names_in(name):
    """Names of the representations that a name joins."""
    return [str(part) for part in parts_of(name)]


def representation_key(name):
    """What the numbers of a representation depend on, as plain values; of several, of each."""
    keys = [get_representation(part).key for part in names_in(name)]
    return keys[0] if len(keys) == 1 else {"name": name, "parts": keys}


def image_ids(samples):
    """Cache ids of images: the content, the pixel size that lengths are scaled by, and what they are shown under.

    Parameters
    ----------
    samples : pandas.DataFrame
        With the columns sha256 and um_per_px, `condition` where images are corrupted, and `mask_sha256`, empty of those
        that have none, where masks came with them.

    Returns
    -------
    list of str
        One id per row.
    """
    masks = samples["mask_sha256"] if "mask_sha256" in samples else [""] * len(samples)
    facts = zip(samples["sha256"], samples["um_per_px"], conditions_of(samples), masks, strict=True)
    return [
        "/".join(
            [f"{sha}@{'px' if pd.isna(um) else format(um, '.6g')}", *_with_version(condition), *filter(None, [mask])]
        )
        for sha, um, condition, mask in facts
    ]


def _with_version(condition):
    return [f"{condition}.{''.join(versions([condition]).values())}"] if condition else []


def conditions_of(samples):
    """What each image is shown under, a list; "" as it is."""
    return list(samples["condition"]) if "condition" in samples else [""] * len(samples)


def load_rows(name, samples, cache=None):
    """Rows of a representation for every image.

    Parameters
    ----------
    name : str
        The representation; several joined by "&" stand side by side, and must make the same number of copies.
    samples : pandas.DataFrame
        The images; corrupted ones, with a column `condition`, have no copies.
    cache : TableCache, optional
        Default: the user's.

    Returns
    -------
    numpy.ndarray of shape (n, p), or (n, 1 + copies, p) where the representation has copies, or Tables
        The rows in the order of `samples`; of an image and its copies, the image itself comes first. Of an ensemble,
        one table for each member.

    Raises
    ------
    RuntimeError
        Where rows are missing: `compute_missing` was not run, or a shard was found corrupt since.
    """
    cache = cache or TableCache()

    def load(table):
        parts = [_load_part(part, samples, cache) for part in names_in(table)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    return side_by_side(name, load)


def side_by_side(name, load):
    """The tables of a representation, by a function that loads one by its name: one array, or several of an ensemble.

    Parameters
    ----------
    name : str
    load : callable

    Returns
    -------
    numpy.ndarray or Tables
    """
    names = tables_of(name)
    loaded = {table: load(table) for table in dict.fromkeys(names)}
    return loaded[name] if len(names) == 1 else Tables([loaded[table] for table in names])


def _load_part(name, samples, cache):
    ids = image_ids(samples)
    representation = get_representation(name, bare="condition" in samples)
    table = cache.load(representation.key, ids)
    if len(table) < len(ids):
        raise RuntimeError(f"{len(ids) - len(table)} rows of {name} are not in the cache: start the run again")
    rows = table.to_numpy()
    return rows.reshape(len(rows), 1 + representation.copies, -1) if representation.copies else rows

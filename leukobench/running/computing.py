"""Computes what the cache of representations lacks: a network or a file that fails costs its own representation."""

import contextlib
import dataclasses
import functools
import time
from concurrent.futures import FIRST_COMPLETED, wait

import numpy as np
from pebble import ProcessExpired

from leukobench.cache import TableCache
from leukobench.errors import UsageError, in_one_line
from leukobench.imaging.io import ImageError, read_image, read_mask
from leukobench.inputs import locate
from leukobench.preparation.conditions import show_under
from leukobench.preparation.shared_views import SharedViews
from leukobench.running.pool import LocalPool, how_it_ended, is_the_users
from leukobench.running.representations import conditions_of, get_representation, image_ids, names_in

BATCH = 32  # images that one worker is given at a time
BATCH_PIXELS = 16_000_000  # and pixels that it holds in memory, but for the last image: 32 of 700 x 700, 1 photograph
TRIES = 3  # of a batch whose process died; from the second on each of its representations has a process of its own


class NotComputed(Exception):
    """A representation that a model reads could not be computed."""


def compute_missing(
    names, samples, root, *, cache=None, jobs=1, pool=None, device="auto", progress=None, failed=None, lost=None
):
    """Compute what the cache lacks: every image is decoded and segmented once for all representations.

    Parameters
    ----------
    names : iterable of str
        Representations; several may be joined by "&".
    samples : pandas.DataFrame
        Of `leukobench.running.samples.select_samples`, or of `leukobench.running.setting.shown_samples`: where there is
        a column `condition`, images are corrupted as it says after they are read, and have no augmented copies.
    root : path-like
        The data root that paths are relative to.
    cache : TableCache, optional
        Default: the user's.
    jobs : int, default 1
        Worker processes; with 1 this process does it.
    pool : LocalPool, optional
        Workers to take in place of new ones, entered by the caller.
    device : {"auto", "cpu", "cuda", "reference"}, default "auto"
        Where features are computed.
    progress : callable, optional
        Called as progress(done, total) in images.
    failed : dict, optional
        Where representations that cannot be computed are put: name to (kind of failure, reason). What can be computed
        of them is in the cache all the same, and the others go on.
    lost : dict, optional
        Where images are put that are no longer what was indexed: path to reason, with all others computed. Without it
        their representations cannot be computed.

    Returns
    -------
    dict
        Representation name to {"images": number computed, "ms_per_image": worker milliseconds, masks included}.

    Raises
    ------
    UsageError
        Where a representation cannot be computed and nobody asked for `failed`.
    OSError
        Where the cache cannot be written.
    """
    cache = cache or TableCache()
    ids = np.array(image_ids(samples))
    lacking = {}
    for name in dict.fromkeys(part for joint in names for part in names_in(joint)):
        there = set(cache.load(get_representation(name, bare="condition" in samples).key, ids).index)
        lacking[name] = np.array([i not in there for i in ids], dtype=bool)
    batches = _batches(lacking, samples, ids)
    total, done = sum(len(batch.ids) * len(batch.names) for batch in batches), 0
    images = sum(len(batch.ids) for batch in batches)
    measured, wrong = {name: [0, 0.0] for name in lacking}, {}
    task = functools.partial(_compute_batch, cache.folder, str(root), device)
    if progress and images:
        progress(0, images)
    with contextlib.ExitStack() as held:
        if pool is None and jobs > 1 and batches:
            pool = held.enter_context(LocalPool(min(jobs, len(batches))))
        for batch, (spent, reasons, unread) in _outcomes(task, batches, pool):
            for name, (number, seconds) in spent.items():
                measured[name] = [measured[name][0] + number, measured[name][1] + seconds]
            if unread and lost is None:
                path, reason = next(iter(unread.items()))
                reasons = dict.fromkeys(batch.names, ("error", f"{path} cannot be read as it was indexed: {reason}"))
            elif unread:
                lost |= unread
            wrong |= reasons | wrong  # the first reason stays
            done += len(batch.ids) * len(batch.names)
            if progress:
                progress(images * done // total, images)
    if wrong and failed is None:
        name, (_, reason) = next(iter(wrong.items()))
        raise UsageError(f"{name} cannot be computed: {reason}", "what was computed is kept")
    if failed is not None:
        failed |= wrong
    return {
        name: {"images": n, "ms_per_image": round(1000 * seconds / n, 3) if n else None}
        for name, (n, seconds) in measured.items()
    }


@dataclasses.dataclass(frozen=True)
class Batch:
    """Images that lack the same representations, for one process at a time."""

    names: tuple
    ids: list
    sha256: list
    paths: list
    um_per_px: np.ndarray
    conditions: list | None = None  # of corrupted images
    masks: list | None = None  # (path, sha256) of masks that came with the images, empty of those that have none
    tries: int = 1


def _batches(lacking, samples, ids):
    """Batches of the images that lack something; `lacking` is a mask of images for each representation."""
    patterns = np.column_stack(list(lacking.values())).reshape(len(ids), -1)
    batches = []
    for pattern in np.unique(patterns, axis=0):
        names = tuple(name for name, lacks in zip(lacking, pattern, strict=True) if lacks)
        rows = np.flatnonzero((patterns == pattern).all(axis=1) & patterns.any(axis=1))
        for start in range(0, len(rows), BATCH):
            at = rows[start : start + BATCH]
            chosen = samples.iloc[at]
            um_per_px = chosen["um_per_px"].to_numpy(dtype=float)
            conditions = conditions_of(chosen) if "condition" in chosen else None
            files = list(chosen["sha256"]), list(chosen["path"])
            masks = list(zip(chosen["mask"], chosen["mask_sha256"], strict=True)) if "mask_sha256" in chosen else None
            batches.append(Batch(names, list(ids[at]), *files, um_per_px, conditions, masks))
    return batches


def _outcomes(task, batches, pool):
    """Give each batch with what the task made of it; of one whose process died, with the reason in the end."""
    if pool is None:
        yield from ((batch, task(batch)) for batch in batches)
        return
    waiting, running = batches[::-1], {}
    while waiting or running:
        while waiting and len(running) < pool.ahead:
            batch = waiting.pop()
            running[pool.submit(task, batch)] = batch
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            batch = running.pop(future)
            try:
                found = future.result()
            except ProcessExpired as error:
                if batch.tries < TRIES:  # one of its representations is to blame: each has a process of its own now
                    again = dataclasses.replace(batch, tries=batch.tries + 1)
                    waiting += [dataclasses.replace(again, names=(name,)) for name in batch.names]
                    continue
                found = {}, dict.fromkeys(batch.names, ("killed", how_it_ended(error))), {}
            yield batch, found


def _compute_batch(folder, root, device, batch):
    """Compute the representations of a batch and put them into the cache.

    Returns
    -------
    spent : dict
        Name to (images, seconds).
    failed : dict
        Name to (kind of failure, reason); one that fails leaves the others as they are.
    unread : dict
        Path to reason, of images that are no longer what was indexed.
    """
    spent, failed, unread = dict.fromkeys(batch.names, (0, 0.0)), {}, {}
    cache = TableCache(folder)
    for at, images, um_per_px, masks, read in _read_images(root, batch, unread):
        ids = [batch.ids[number] for number in at]
        names = [name for name in batch.names if name not in failed]
        open_one = functools.partial(get_representation, device=device, bare=batch.conditions is not None)
        for name, seconds in _compute(cache, open_one, names, ids, images, um_per_px, masks, failed):
            spent[name] = spent[name][0] + len(images), spent[name][1] + read + seconds
    return {name: counts for name, counts in spent.items() if counts[0]}, failed, unread


def _read_images(root, batch, unread):
    """Read the images of a batch, no more at a time than may be held: places, images, scales, masks, and seconds."""
    at, images, scales, masks, start = [], [], [], [], time.perf_counter()
    for number, (path, sha256) in enumerate(zip(batch.paths, batch.sha256, strict=True)):
        try:
            image = read_image(locate(root, path), sha256)
            scale, condition = batch.um_per_px[number], batch.conditions[number] if batch.conditions else ""
            image, scale = show_under(image, scale, condition) if condition else (image, scale)
            mask, digest = batch.masks[number] if batch.masks else ("", "")
            masks.append(read_mask(locate(root, mask), digest) if mask else None)
            images.append(image), scales.append(scale), at.append(number)
        except ImageError as error:
            unread[path] = error.reason
        if sum(image.shape[0] * image.shape[1] for image in images) >= BATCH_PIXELS:
            yield at, images, np.array(scales), masks, time.perf_counter() - start
            for held in (at, images, scales, masks):
                held.clear()  # for the taker too, who would hold them while the next are read
            start = time.perf_counter()
    if images:
        yield at, images, np.array(scales), masks, time.perf_counter() - start


def _compute(cache, open_one, names, ids, images, um_per_px, masks, failed):
    """Put the representations of some images into the cache; gives those that could be, with the seconds."""
    opened = {}
    for name in names:
        with _blamed(name, failed):
            opened[name] = open_one(name)
    shared = SharedViews(images, um_per_px, [each.view for each in opened.values()], masks)
    for name, each in opened.items():
        with _blamed(name, failed):
            seen, prepared = (images, masks, um_per_px), 0.0
            if each.view or each.needs_masks:
                seen, prepared = shared.through(each.view)
            start = time.perf_counter()
            table = each.compute(*seen)
            if len(table) != len(images):
                raise ValueError(f"{len(table)} rows for {len(images)} images")
        if name in failed:
            continue
        table.index = ids
        table.columns = table.columns.astype(str)
        cache.save(each.key, table)
        yield name, prepared + time.perf_counter() - start


@contextlib.contextmanager
def _blamed(name, failed):
    """What goes wrong is the representation's own failure: whatever a network or a feature does is never a crash."""
    try:
        yield
    except MemoryError as error:
        failed[name] = "oom", in_one_line(error)
    except BaseException as error:
        if is_the_users(error):
            raise
        failed[name] = "error", in_one_line(error)

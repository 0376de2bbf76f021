"""Whole phantom datasets on disk: all of a set or nothing of it."""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import joblib
import numpy as np

from leukobench.cache import cache_folder
from leukobench.datasets.index import PHANTOM_FILE
from leukobench.datasets.phantom.domains import DOMAINS
from leukobench.datasets.phantom.layouts import CVB_IDS, CVB_LABELS, LAYOUTS, mask_path
from leukobench.datasets.phantom.render import BAND_SHARE, VERSION, get_domain, render_raw
from leukobench.errors import UsageError
from leukobench.files import blamed_on, content_hash, locked

CLASSES = ("NE", "EO", "BA", "LY", "MO")
GREY = np.array([0, 128, 255], np.uint8)  # of background, cytoplasm and nucleus in mask files
CHUNK = 10  # images per task


@dataclass(frozen=True)
class Item:
    """One image of a phantom set.

    Parameters
    ----------
    domain, code : str
        The dataset, and the cell type as its label can tell it.
    number : int
        Number within the dataset, from 0.
    slide : int
        Number of the slide.
    image, mask : str
        Paths below the data root.
    """

    domain: str
    code: str
    number: int
    slide: int
    image: str
    mask: str


def write_phantom(root, per_class=40, seed=0, domains=None, jobs=None, progress=None):
    """Render phantom datasets into a data root that the ordinary readers read.

    A set appears as a whole: it is rendered into a folder beside the root, which is renamed at the end. A complete
    set of the same parameters is left as it is. The same parameters give the same bytes, whatever the number of jobs.

    Parameters
    ----------
    root : str or Path
        The data root to make; absent, empty, or a phantom set of the same parameters.
    per_class : int, default 40
        Images of each of the five classes in each domain; a quarter of the neutrophils are bands.
    seed : int, default 0
        Any natural number.
    domains : sequence of str, optional
        Names in `DOMAINS`; all of them by default.
    jobs : int, optional
        Number of processes; all cores by default.
    progress : callable, optional
        Called as `progress(done, total)` as images are finished.

    Returns
    -------
    Path
        The data root. Masks (0 background, 128 cytoplasm, 255 nucleus) lie beside CVB's images, and under
        `phantom_masks/<dataset>/` for the others; `PHANTOM.json` says that nothing here is real.

    Raises
    ------
    UsageError
        Unknown domain, a number below one, or a root that holds something else.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = write_phantom(Path(folder) / "phantom", per_class=1, domains=["cvb"], jobs=1)
    ...     sorted(path.name for path in root.iterdir())
    ['PHANTOM.json', 'cvb']
    """
    root = Path(root).absolute()
    names = list(dict.fromkeys(get_domain(name).name for name in (DOMAINS if domains is None else domains)))
    if per_class < 1 or seed < 0 or not names:
        raise UsageError("a phantom set needs a domain, per_class >= 1 and seed >= 0")
    facts = {"synthetic": True, "version": VERSION, "seed": seed, "per_class": per_class, "domains": names}
    items = [item for name in names for item in plan(name, per_class)]
    with blamed_on(root), locked(root.with_name(f".{root.name}.lock")):
        if not _is_complete(root, facts, items):
            _replace(root, facts, items, jobs, progress)
    return root


def ensure_phantom(seed=0, per_class=40, jobs=None, progress=None):
    """Give the phantom datasets of the user's cache folder; the first call renders them.

    Parameters
    ----------
    seed, per_class, jobs, progress
        As for `write_phantom`.

    Returns
    -------
    Path
        The data root, `phantom/<key>` in `cache.cache_folder()`.
    """
    key = content_hash({"version": VERSION, "seed": seed, "per_class": per_class, "domains": list(DOMAINS)})
    return write_phantom(cache_folder() / "phantom" / key, per_class, seed, jobs=jobs, progress=progress)


def plan(domain, per_class):
    """List the images of one dataset, as a list of `Item`."""
    bands = round(per_class * BAND_SHARE)
    stages = {"SNE": per_class - bands, "BNE": bands} if LAYOUTS[domain].stages else {"NE": per_class}
    counts = stages | {code: per_class for code in CLASSES if code != "NE"}
    codes = [code for code, count in counts.items() for _ in range(count)]
    items = []
    for number, code in enumerate(codes):
        slide = number % DOMAINS[domain].slides
        image = LAYOUTS[domain].name_file(code, number, slide)
        items.append(Item(domain, code, number, slide, image, mask_path(domain, image)))
    return items


def _is_complete(root, facts, items):
    """Say whether the root holds this very set; refuse a root that holds something else."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    marker = root / PHANTOM_FILE
    try:
        held = json.loads(marker.read_bytes()) if marker.is_file() else None
    except (ValueError, RecursionError):  # not one of ours, or damaged
        held = None
    if held != facts:
        what = "something else" if held is None else "another phantom set"
        raise UsageError(f"{root} holds {what}", "name another folder, or remove this one")
    return all((root / path).is_file() for item in items for path in (item.image, item.mask))


def _replace(root, facts, items, jobs, progress):
    """Render beside the root, then rename. The caller holds the lock, so leftovers there belong to nobody."""
    prefix = f".{root.name}.partial-"
    for leftover in root.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover)
    beside = Path(tempfile.mkdtemp(dir=root.parent, prefix=prefix))
    try:
        _render_all(beside, facts["seed"], items, jobs, progress)
        (beside / PHANTOM_FILE).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        beside.chmod(0o755)
        replaced = beside.with_name(f"{beside.name}-replaced")
        if root.exists():  # empty, or a set of ours that somebody took files from
            os.rename(root, replaced)
        os.rename(beside, root)
        shutil.rmtree(replaced, ignore_errors=True)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)  # a worker may still be writing; the next call clears the rest
        raise


def _render_all(root, seed, items, jobs, progress):
    for folder in {(root / path).parent for item in items for path in (item.image, item.mask)}:
        folder.mkdir(parents=True, exist_ok=True)
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    parallel = joblib.Parallel(n_jobs=jobs or joblib.cpu_count(), return_as="generator_unordered")
    done = 0
    for count in parallel(joblib.delayed(_write_items)(root, seed, chunk) for chunk in chunks):
        done += count
        if progress:
            progress(done, len(items))
    numbered = [(item.number + 1, CVB_IDS[item.code]) for item in items if item.domain == "cvb"]
    if numbered:
        lines = ["image ID,class", *(f"{number},{label}" for number, label in numbered)]
        (root / CVB_LABELS).write_bytes("".join(f"{line}\r\n" for line in lines).encode())


def _write_items(root, seed, items):
    """Render and write some images; give their number."""
    for item in items:
        domain = DOMAINS[item.domain]
        rng = np.random.default_rng([seed, *item.domain.encode(), *item.code.encode(), item.number])
        cell = render_raw(item.code, domain, rng, item.slide)
        (root / item.image).write_bytes(LAYOUTS[item.domain].encode(cell.image, domain))
        (root / item.mask).write_bytes(cv2.imencode(".png", GREY[cell.mask])[1].tobytes())
    return len(items)

"""How fast: images per second of every backend here, beside other extractors on the same images and masks."""

import time
from importlib.util import find_spec

import numpy as np
import pandas as pd

from leukobench.devices import cuda_is_available
from leukobench.features.backends import get_backend
from leukobench.features.backends.cpu import thread_count, warm_up
from leukobench.features.catalogue import feature_names
from leukobench.features.extractor import extract_features
from leukobench.features.rivals import RIVALS

BASELINES = {"times_scikit_image": "scikit-image", "times_reference": "leukobench reference (core)"}
"""Column of ratios -> what the rates are divided by."""


def run_bench(images, masks, *, rivals=tuple(RIVALS), seconds=5.0, rounds=3, jobs=None, progress=None):
    """Measure this machine: images per second on cells with given masks.

    Everything runs in turn in the same process, `rounds` times, and the best round counts: so that other load on the
    machine hits all alike. A rival gets the cell's bounding box, its images spread over joblib workers (nyxus threads
    itself), and as many images as fit its time. The reference backend, which is what extraction cost before there were
    kernels, stands among the rivals.

    Parameters
    ----------
    images : sequence of ndarray of uint8, shape (H, W, 3)
    masks : sequence of ndarray of uint8, shape (H, W)
    rivals : sequence of str, default all
        Names of :data:`leukobench.features.rivals.RIVALS`; one that is not installed is listed as absent.
    seconds : float, default 5
        Time for one round of one rival, roughly.
    rounds : int, default 3
    jobs : int or None, default None
        Workers and threads; None takes NUMBA_NUM_THREADS or all cores.
    progress : callable or None, default None
        Called with the name of what is measured next.

    Returns
    -------
    DataFrame
        Columns extractor, features, images, images_per_s, times_scikit_image, times_reference (NaN where absent).
    """
    images, masks = list(images), list(masks)
    jobs = jobs or thread_count()
    warm_up()
    contenders = [(f"leukobench {d} ({s})", d, s) for d in _devices() for s in ("core", "full", "extended")]
    best, rows = {}, {}
    for _ in range(rounds):
        for name, device, feature_set in contenders:
            if progress is not None:
                progress(name)
            rate, count = _time_backend(images, masks, device, feature_set, seconds / 2)
            best[name] = max(best.get(name, 0.0), rate)
            rows[name] = len(feature_names(feature_set)), count
        for name in rivals:
            if find_spec(RIVALS[name].module) is None:
                best[name], rows[name] = np.nan, (np.nan, 0)
                continue
            if progress is not None:
                progress(name)
            rate, features, count = _time_rival(RIVALS[name], images, masks, seconds, jobs)
            best[name] = max(best.get(name, 0.0), rate)
            rows[name] = features, count
    table = pd.DataFrame(
        [(name, *rows[name], best[name]) for name in best], columns=["extractor", "features", "images", "images_per_s"]
    )
    return table.assign(**{column: table["images_per_s"] / best.get(of, np.nan) for column, of in BASELINES.items()})


def _devices():
    return ("cpu", "cuda") if cuda_is_available() else ("cpu",)


def _time_backend(images, masks, device, feature_set, seconds):
    """Rate over as many repetitions of the images as fill the time."""
    start = time.perf_counter()
    extract_features(images, masks, device=device, feature_set=feature_set)
    repeats = max(1, int(seconds / (time.perf_counter() - start)))
    start = time.perf_counter()
    for _ in range(repeats):
        extract_features(images, masks, device=device, feature_set=feature_set)
    return repeats * len(images) / (time.perf_counter() - start), repeats * len(images)


def _time_rival(rival, images, masks, seconds, jobs):
    """Rate, number of features and images of one rival; a first small round finds out how many images fit."""
    rival.extract(images[:1], masks[:1], jobs)
    few = min(len(images), 2 * jobs)
    start = time.perf_counter()
    features = rival.extract(images[:few], masks[:few], jobs)
    per_image = (time.perf_counter() - start) / few
    spread = np.linspace(0, len(images) - 1, int(np.clip(seconds / per_image, few, len(images)))).astype(int)
    start = time.perf_counter()
    features = rival.extract([images[k] for k in spread], [masks[k] for k in spread], jobs)
    return len(spread) / (time.perf_counter() - start), features, len(spread)


def run_cuda_bench(images=8000, size=300, seconds=5.0, feature_sets=("core", "full", "extended")):
    """Images per second on the CUDA device, with images and masks in the host's memory and on the device.

    Parameters
    ----------
    images : int, default 8000
        Copies of one drawn cell.
    size : int, default 300
        Height and width of an image; the cell's diameter is half of it.
    seconds : float, default 5
        Time of one measurement, roughly.
    feature_sets : sequence of str, default ("core", "full", "extended")

    Returns
    -------
    DataFrame
        Columns feature_set, features, data (``host list``, ``host stack`` or ``device stack``), images, images_per_s.

    Raises
    ------
    UsageError
        Where there is no CUDA device.
    """
    get_backend("cuda")
    import cupy

    y, x = np.mgrid[:size, :size]
    distance = np.hypot(y - size / 2, x - size / 2) / size
    image = np.random.default_rng(0).integers(60, 230, (size, size, 3)).astype(np.uint8)
    mask = (distance < 0.25).astype(np.uint8) + (distance < 0.17)
    host = np.repeat(image[None], images, 0), np.repeat(mask[None], images, 0)
    places = {
        "host list": tuple([*part] for part in host),
        "host stack": host,
        "device stack": tuple(cupy.asarray(part) for part in host),
    }
    rows = []
    for data, arrays in places.items():
        for feature_set in feature_sets:
            extract_features(*arrays, device="cuda", feature_set=feature_set)  # compiles, and fills the memory pools
            rate, count = _time_backend(*arrays, "cuda", feature_set, seconds)
            rows.append((feature_set, len(feature_names(feature_set)), data, count, rate))
    return pd.DataFrame(rows, columns=["feature_set", "features", "data", "images", "images_per_s"])


def run_scaling(images, masks, sizes=(100, 1000, 17000), feature_set="core"):
    """Cost per image over the number of images, streamed: copies of the given cells, made one by one.

    Parameters
    ----------
    images, masks : sequence of ndarray
    sizes : sequence of int, default (100, 1000, 17000)
    feature_set : str, default "core"

    Returns
    -------
    DataFrame
        Columns images, us_per_image, peak_rss_mb (of this process so far).
    """
    import resource

    warm_up()
    rows = []
    for n in sizes:
        start = time.perf_counter()
        stream = (images[k % len(images)].copy() for k in range(n))
        labels = (masks[k % len(masks)].copy() for k in range(n))
        extract_features(stream, labels, device="cpu", feature_set=feature_set)
        spent = time.perf_counter() - start
        rows.append((n, 1e6 * spent / n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    return pd.DataFrame(rows, columns=["images", "us_per_image", "peak_rss_mb"])

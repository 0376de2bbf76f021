"""Look at each file once: what it holds, and whether it can be used."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import joblib
import numpy as np
import pandas as pd

from leukobench.cache import TableCache, settings
from leukobench.datasets.repeats import fine_structure
from leukobench.imaging.io import ImageError, decode_image, read_file

GREY_WEIGHTS = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601 luma
LUMINANCE_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])  # Rec. 709 primaries
GREY = np.arange(256) / 255
VERSION = 1  # of what is kept of a file; to be raised where code changes it and no constant does
FACTS = np.dtype(
    [("sha256", "S64"), *[(name, "i8") for name in ("height", "width")]]
    + [(name, "f8") for name in ("mean_brightness", "mean_luminance")]
    + [("structure", "f2", 1024)]
)
WORTH_KEEPING = 500  # files; fewer are read as fast
LINEAR = np.where(GREY <= 0.04045, GREY / 12.92, ((GREY + 0.055) / 1.055) ** 2.4)  # sRGB to linear, IEC 61966-2-1


def examine(path, measured=True):
    """Read one file and say what it is.

    Parameters
    ----------
    path : Path
        An image file, or what claims to be one.
    measured : bool, default True
        Measure the picture, too. Without it the two brightnesses and `structure` stay None.

    Returns
    -------
    dict
        `sha256` of the bytes, `height`, `width`, `mean_brightness`, `mean_luminance`, `structure` (of
        `leukobench.datasets.repeats.fine_structure`), `status` and `reason`; what cannot be known is None.
    """
    facts = dict.fromkeys(("sha256", "height", "width", "mean_brightness", "mean_luminance", "structure"))
    try:
        data = read_file(path)
        facts["sha256"] = hashlib.sha256(data).hexdigest()
        image = decode_image(data)
    except ImageError as error:
        return facts | {"status": error.kind, "reason": error.reason}
    facts["height"], facts["width"] = image.shape[:2]
    if measured:
        facts["mean_brightness"], facts["mean_luminance"] = brightness(image)
        facts["structure"] = fine_structure(image)
    return facts | {"status": "ok", "reason": ""}


def examine_all(paths, jobs=None, progress=None, measured=True):
    """Read many files, and none again that has not changed since it was read for an earlier index.

    A file is told by its device, inode, size and times of its last changes, of which one cannot be set by hand; the
    facts of usable images are kept in the user's cache.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    jobs : int, optional
        Number of threads; as many as there are cores by default.
    progress : callable, optional
        Called as `progress(done, total)` after each file.
    measured : bool, default True
        As for `examine`; facts that lack what is measured are not kept.

    Returns
    -------
    list of dict
        Of `examine`, one per path.
    """
    cache = TableCache()
    modules = ("datasets.repeats", "datasets.examine", "imaging.io", "imaging.tiff")
    key = {"name": "facts", "version": VERSION, "cv2": cv2.__version__}
    key |= {"settings": settings(*[f"leukobench.{name}" for name in modules])}
    ids = [_identity(path) for path in paths]
    kept = cache.load(key, [i for i in ids if i]) if len(paths) >= WORTH_KEEPING else []
    known = {} if not len(kept) else dict(zip(kept.index, _unpack(kept.to_numpy()), strict=True))
    facts, new = [], {}
    with ThreadPoolExecutor(jobs or joblib.cpu_count()) as pool:
        found = {i: pool.submit(examine, path, measured) for i, path in enumerate(paths) if ids[i] not in known}
        for i in range(len(paths)):
            facts.append(found.pop(i).result() if i in found else known[ids[i]])
            if facts[-1]["status"] == "ok" and ids[i] and ids[i] not in known:
                new[ids[i]] = facts[-1]
            if progress:
                progress(i + 1, len(paths))
    if measured and len(new) >= WORTH_KEEPING:
        cache.save(key, pd.DataFrame(_pack(new.values()), index=list(new)))
    return facts


def _identity(path):
    """What changes with a file; empty where nobody can say."""
    try:
        facts = os.stat(path)
    except OSError:
        return ""
    return f"{facts.st_dev}-{facts.st_ino}-{facts.st_size}-{facts.st_mtime_ns}-{facts.st_ctime_ns}"


def _pack(facts):
    """Facts of usable images as rows of bytes, which a table of the cache can hold."""
    rows = np.array([tuple(each[name] for name in FACTS.names) for each in facts], FACTS)
    return rows.view(np.uint8).reshape(len(rows), FACTS.itemsize)


def _unpack(rows):
    for row in np.ascontiguousarray(rows).view(FACTS)[:, 0]:
        facts = {name: row[name] if name == "structure" else row[name].item() for name in FACTS.names}
        yield facts | {"sha256": facts["sha256"].decode(), "status": "ok", "reason": ""}


def brightness(image):
    """Measure how bright an image is.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Red, green and blue (sRGB).

    Returns
    -------
    mean_brightness : float
        Mean grey value, 0 to 1: the ITU-R BT.601 luma of the stored values.
    mean_luminance : float
        Mean relative luminance, 0 to 1: the Rec. 709 weighting of the values made linear as IEC 61966-2-1 says.

    Examples
    --------
    >>> brightness(np.full((2, 2, 3), 128, np.uint8))
    (0.50196..., 0.21586...)
    """
    counts = np.stack([cv2.calcHist([image], [c], None, [256], [0, 256]).ravel() for c in range(3)]).astype(float)
    share = counts / (image.shape[0] * image.shape[1])
    return float(GREY_WEIGHTS @ (share @ GREY)), float(LUMINANCE_WEIGHTS @ (share @ LINEAR))

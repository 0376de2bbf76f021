"""Look at each file once: what it holds, whether it can be used, and which files are the same."""

import hashlib

import cv2
import numpy as np

from leukobench.datasets.taxonomy import subsumes
from leukobench.imaging.io import ImageError, decode_image, read_file

GREY_WEIGHTS = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601 luma
LUMINANCE_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])  # Rec. 709 primaries
GREY = np.arange(256) / 255
LINEAR = np.where(GREY <= 0.04045, GREY / 12.92, ((GREY + 0.055) / 1.055) ** 2.4)  # sRGB to linear, IEC 61966-2-1


def examine(path):
    """Read one file and say what it is.

    Parameters
    ----------
    path : Path
        An image file, or what claims to be one.

    Returns
    -------
    dict
        `sha256` of the bytes, `height`, `width`, `mean_brightness`, `mean_luminance`, `status` and `reason`; what
        cannot be known is None.
    """
    facts = dict.fromkeys(("sha256", "height", "width", "mean_brightness", "mean_luminance"))
    try:
        data = read_file(path)
        facts["sha256"] = hashlib.sha256(data).hexdigest()
        image = decode_image(data)
    except ImageError as error:
        return facts | {"status": error.kind, "reason": error.reason}
    facts["height"], facts["width"] = image.shape[:2]
    facts["mean_brightness"], facts["mean_luminance"] = brightness(image)
    return facts | {"status": "ok", "reason": ""}


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


def mark_repeats(index):
    """Give byte-identical files their status, in place.

    One of them stays "ok": the first of those with the finest label, where all labels lie on one branch of the label
    tree (a neutrophil, and the same picture as a segmented neutrophil). The others become "duplicate". Where labels
    exclude each other nobody knows which is right: all become "conflicting_label".

    Parameters
    ----------
    index : DataFrame
        Columns path, code, sha256, status and reason, in the order in which the first counts; only rows with status
        "ok" are looked at.
    """
    usable = index[index["status"] == "ok"]
    for _, same in usable[usable["sha256"].duplicated(keep=False)].groupby("sha256", sort=False):
        finest = _finest(same["code"].unique())
        if finest is not None:
            first = same.index[same["code"] == finest][0]
            for row in same.index.drop(first):
                finer = "" if same.at[row, "code"] == finest else f", whose label {finest} is finer"
                reason = f"the same bytes as {same.at[first, 'path']}{finer}"
                index.loc[row, ["status", "reason"]] = ["duplicate", reason]
            continue
        for row in same.index:
            others = same[same["code"] != same.at[row, "code"]]
            named = ", ".join(f"{path} ({code})" for path, code in zip(others["path"], others["code"], strict=True))
            index.loc[row, ["status", "reason"]] = ["conflicting_label", f"the same bytes with another label: {named}"]


def _finest(codes):
    """The code that all others hold as a finer one; None where there is none."""
    return next((fine for fine in codes if all(subsumes(coarse, fine) for coarse in codes)), None)

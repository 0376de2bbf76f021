"""Which files are the same picture, and which pictures show the same cell."""

import cv2
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from leukobench.datasets.taxonomy import subsumes

SIDE = 32  # px to which a picture is reduced
SIGMA = 2.0  # px of the blur that is taken away: shade, colour and the round outline that all cells share
ALIKE = 0.88  # correlation: pictures of one cell have .92 and more in the five releases, of two cells .84 at most
BLOCK = 2048  # pictures that are compared with all others at once
COARSE = 128  # coefficients of the lowest frequencies, which tell nearly all pairs apart
BY_FREQUENCY = np.argsort(np.add.outer(np.arange(SIDE) ** 2, np.arange(SIDE) ** 2).ravel(), kind="stable")


def fine_structure(image):
    """Describe a picture by its detail, so that two pictures of one cell correlate and two cells do not.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Red, green and blue.

    Returns
    -------
    ndarray of float16, shape (1024,)
        Cosine transform, from low frequencies to high, of the grey picture at 32 px less its Gaussian blur, with mean
        0 and length 1; zeros where it has no detail. The product of two is their correlation.

    Examples
    --------
    >>> picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    >>> round(float(fine_structure(picture) @ fine_structure(255 - picture)), 1)
    -1.0
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    detail = cv2.dct(small - cv2.GaussianBlur(small, (0, 0), SIGMA)).ravel()[BY_FREQUENCY]
    detail[0] = 0  # the mean
    length = np.linalg.norm(detail)
    # Below a grey level per pixel there is nothing but rounding, which is alike in any two empty pictures.
    return (detail / length if length > SIDE else np.zeros_like(detail)).astype(np.float16)


def same_cells(structures):
    """Find the pictures that show one cell.

    Parameters
    ----------
    structures : array of shape (n, 1024)
        Of `fine_structure`.

    Returns
    -------
    ndarray of int, shape (n,)
        The position of the first picture of the same cell; a picture's own where no other shows it.

    Notes
    -----
    All pairs are compared, block by block, first by their low frequencies: with what the others can add at most, the
    product of their lengths, that bounds the correlation from above, and few pairs are left. A cell that was
    photographed again is shifted by a few pixels at most in the releases known here; one that was turned is not found.
    """
    structures = np.asarray(structures, np.float32)
    n = len(structures)
    rest = np.linalg.norm(structures[:, COARSE:], axis=1, keepdims=True)
    bound = np.hstack([structures[:, :COARSE], rest])
    found = [np.zeros((2, 0), int)]
    for start in range(0, n, BLOCK):
        row, column = np.nonzero(bound[start : start + BLOCK] @ bound[start:].T > ALIKE)
        row, column = row[row < column] + start, column[row < column] + start
        alike = np.einsum("ij,ij->i", structures[row], structures[column]) > ALIKE
        found.append(np.stack([row, column])[:, alike])
    row, column = np.concatenate(found, axis=1)
    graph = coo_array((np.ones(len(row), bool), (row, column)), shape=(n, n))
    _, first, part = np.unique(connected_components(graph, directed=False)[1], return_index=True, return_inverse=True)
    return first[part]


def mark_same_cells(index, structures):
    """Name the cell of pictures that show one cell, in place.

    Within a dataset they all stay, and `same_cell` names the first, so that a split keeps them together. Between
    datasets the first dataset's stays and the others become "duplicate": no fold could keep source and target apart.

    Parameters
    ----------
    index : DataFrame
        Columns dataset, path, same_cell, status and reason; only rows with status "ok" are looked at.
    structures : sequence of ndarray or None
        Of `fine_structure`, one per row.
    """
    usable = index.index[index["status"] == "ok"]
    if not len(usable):
        return
    first = pd.Series(usable[same_cells([structures[row] for row in usable])], index=usable)
    for at, rows in first.groupby(first).groups.items():
        own = index.loc[rows, "dataset"] == index.at[at, "dataset"]
        if own.sum() > 1:
            index.loc[rows[own], "same_cell"] = index.at[at, "path"]
        index.loc[rows[~own], ["status", "reason"]] = ["duplicate", f"the same cell as {index.at[at, 'path']}"]


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

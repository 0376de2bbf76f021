"""How well masks agree with expert masks: Dice by part of the cell and by class."""

import numpy as np
import pandas as pd

from leukobench.segmentation.segmenter import segment

PARTS = {"nucleus": 2, "cell": 1}  # lowest label that belongs to the part
POOR = 0.7  # a Dice below this is a failure
ALL = "all"


def dice(found, truth):
    """Dice coefficient of two boolean masks (Dice 1945); 1 where both are empty.

    Parameters
    ----------
    found, truth : bool arrays of one shape
        The masks.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    ValueError
        Where they are of different shapes, which NumPy would broadcast.

    Examples
    --------
    >>> import numpy as np
    >>> round(dice(np.array([True, True, False]), np.array([True, False, False])), 3)
    0.667
    """
    if np.shape(found) != np.shape(truth):
        raise ValueError(f"the masks are of different shapes, {np.shape(found)} and {np.shape(truth)}")
    together = np.count_nonzero(found) + np.count_nonzero(truth)
    return float(2 * np.count_nonzero(found & truth) / together) if together else 1.0


def bench(images, truths, labels, n_jobs=1):
    """Segment images and compare with expert masks.

    Parameters
    ----------
    images : sequence of uint8 arrays, shape (H, W, 3)
        RGB.
    truths, labels
        As for `dice_table`.
    n_jobs : int, default=1
        Threads.

    Returns
    -------
    DataFrame
        As `dice_table` returns it.
    """
    return dice_table(segment(images, n_jobs=n_jobs), truths, labels)


def dice_table(masks, truths, labels):
    """Dice coefficients by class and part.

    Parameters
    ----------
    masks : sequence of uint8 arrays, shape (H, W)
        Label masks to judge (0 background, 1 cytoplasm, 2 nucleus).
    truths : sequence of uint8 arrays, shape (H, W)
        Expert label masks of the same images.
    labels : sequence of str
        Class of each image.

    Returns
    -------
    DataFrame
        One row per class and part ("nucleus", "cell" with its nucleus), class "all" first: columns class, part, n,
        mean, median, p10 (10th percentile) and share_poor (share of images with a Dice under 0.7).

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.pad(np.full((4, 4), 2, np.uint8), 2, constant_values=1)
    >>> dice_table([truth], [truth], ["LY"])["mean"].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    scores = pd.DataFrame(
        [
            {part: dice(mask >= level, truth >= level) for part, level in PARTS.items()} | {"class": label}
            for mask, truth, label in zip(masks, truths, labels, strict=True)
        ]
    )
    rows = []
    for label in [ALL, *sorted(scores["class"].unique())]:
        chosen = scores if label == ALL else scores[scores["class"] == label]
        for part in PARTS:
            values = chosen[part]
            rows.append(
                {
                    "class": label,
                    "part": part,
                    "n": len(values),
                    "mean": values.mean(),
                    "median": values.median(),
                    "p10": values.quantile(0.1),
                    "share_poor": (values < POOR).mean(),
                }
            )
    return pd.DataFrame(rows)

"""What the target's rows would look like if its laboratory were the source's, in one respect at a time."""

import numpy as np

POWER = {"um": 1, "um2": 2}  # of the magnification, by unit
GROUPS = ("colour", "texture")  # features that are aligned column by column
CORRECTIONS = ("colour", "scale", "texture")
ALL = "all"


def corrected(values, label, source, source_label, classes, features):
    """Correct a target's rows one thing at a time, then all together.

    Parameters
    ----------
    values, source : float array, shape (n, p)
        Rows of the target and of the source.
    label, source_label : str array, shape (n,)
    classes : list of str
        Those that both have.
    features : list
        With group and unit, one per column.

    Returns
    -------
    changed : dict of str to float array, shape (n, p)
        By name in `CORRECTIONS`, and `ALL`.
    factor : float
        See `magnification`.
    """
    powers = np.array([POWER.get(feature.unit, 0) for feature in features])
    factor = magnification(values, label, source, source_label, classes, powers)
    like = aligned(values, label, source, source_label, classes)
    changed = {"scale": values * factor**powers}
    everything = changed["scale"].copy()
    for group in GROUPS:
        columns = [feature.group == group for feature in features]
        changed[group] = np.where(columns, like, values)
        everything[:, columns] = like[:, columns]
    return changed | {ALL: everything}, factor


def moments(values, label, classes):
    """Mean and standard deviation of every column when each class weighs the same.

    Parameters
    ----------
    values : float array, shape (n, p)
    label : str array, shape (n,)
    classes : list of str

    Returns
    -------
    mean, std : float array, shape (p,)
        NaN where a column has no value in any class.
    """
    parts = [values[label == name] for name in classes]
    there = [np.isfinite(part) for part in parts]
    count = np.array([each.sum(0) for each in there])
    some = count > 0
    sums = np.array([np.where(each, part, 0).sum(0) for part, each in zip(parts, there, strict=True)])
    weight = some / np.where(some.any(0), some.sum(0), np.nan)
    mean = (weight * sums / np.maximum(count, 1)).sum(0)
    squares = [np.where(each, part - mean, 0) ** 2 for part, each in zip(parts, there, strict=True)]
    return mean, np.sqrt((weight * np.array([s.sum(0) for s in squares]) / np.maximum(count, 1)).sum(0))


def aligned(values, label, source, source_label, classes):
    """Rows shifted and stretched, column by column, to the source's class-balanced mean and standard deviation."""
    (here, spread), (there, wanted) = moments(values, label, classes), moments(source, source_label, classes)
    stretch = np.divide(wanted, spread, out=np.ones_like(spread), where=(spread > 0) & np.isfinite(wanted))
    return np.where(np.isfinite(here + there), (values - here) * stretch + there, values)


def magnification(values, label, source, source_label, classes, powers):
    """Factor on the target's lengths that makes them most like the source's.

    Parameters
    ----------
    values, source : float array, shape (n, p)
    label, source_label : str array, shape (n,)
    classes : list of str
    powers : int array, shape (p,)
        1 for lengths, 2 for areas, 0 for what has no unit.

    Returns
    -------
    float
        Median over lengths and areas of the class-balanced ratio of medians; 1 where there is none.
    """
    columns = np.flatnonzero(powers)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [
            np.log(_medians(source[source_label == name][:, columns]) / _medians(values[label == name][:, columns]))
            for name in classes
        ]
    ratios = np.mean(ratios, axis=0) / powers[columns]
    ratios = ratios[np.isfinite(ratios)]
    return float(np.exp(np.median(ratios))) if len(ratios) else 1.0


def _medians(values):
    filled = np.where(np.isfinite(values).any(0), values, 0.0)
    return np.nanmedian(filled, axis=0)

"""The catalogue of features: what every column is called, measures and is invariant to, as the parts say it."""

from dataclasses import asdict

from leukobench.errors import unknown
from leukobench.features.part import GROUPS, Feature
from leukobench.features.registry import parts_of
from leukobench.files import content_hash
from leukobench.text import markdown_table


def features_of(feature_set="core"):
    """Features of a set, in column order.

    Parameters
    ----------
    feature_set : str, default "core"
        One of :func:`leukobench.features.feature_sets`.

    Returns
    -------
    list of Feature

    Raises
    ------
    UsageError
        For an unknown feature set.
    """
    return [feature for part in parts_of(feature_set) for feature in part.features_in(feature_set)]


def feature_names(feature_set="core"):
    """Column names of a feature set, in order.

    Parameters
    ----------
    feature_set : str, default "core"

    Returns
    -------
    list of str

    Raises
    ------
    UsageError
        For an unknown feature set.

    Examples
    --------
    >>> feature_names("core")[:2], len(feature_names("core"))
    (['nucleus_area', 'nucleus_area_bbox'], 216)
    """
    return [feature.name for feature in features_of(feature_set)]


def features_key(feature_set="core"):
    """What the numbers of a feature set depend on besides image and mask, for cache keys.

    Parameters
    ----------
    feature_set : str, default "core"

    Returns
    -------
    dict
        The version of each part, and a digest of the column names: rows of other columns never mix.

    Raises
    ------
    UsageError
        For an unknown feature set.
    """
    versions = {part.name: part.key for part in parts_of(feature_set)}
    return {"parts": versions, "columns": content_hash(feature_names(feature_set))}


def catalogue_table(group=None, feature_set="core"):
    """The catalogue as a table.

    Parameters
    ----------
    group : {"morphology", "colour", "texture"} or None, default None
        Keep one group only.
    feature_set : str, default "core"

    Returns
    -------
    DataFrame
        Columns name, group, region, unit, invariances, formula, source, and feature_set: the smallest that has it.

    Raises
    ------
    UsageError
        For an unknown group or feature set.

    Examples
    --------
    >>> catalogue_table("texture").shape
    (60, 8)
    """
    import pandas as pd

    if group not in (None, *GROUPS):
        raise unknown("feature group", group, GROUPS)
    rows = [
        asdict(feature) | {"invariances": " ".join(feature.invariances), "feature_set": part.sets[0]}
        for part in parts_of(feature_set)
        for feature in part.features_in(feature_set)
        if group in (None, feature.group)
    ]
    return pd.DataFrame(rows, columns=[*Feature.__dataclass_fields__, "feature_set"])


def catalogue_markdown(group=None, feature_set="core"):
    """The catalogue as a Markdown table; ``docs/features.md`` is made of these.

    Parameters
    ----------
    group, feature_set
        As in :func:`catalogue_table`.

    Returns
    -------
    str
    """
    return markdown_table(catalogue_table(group, feature_set))

"""The catalogue of features as data: what every column is called, measures and is invariant to.

Backends write their numbers in the order of this table, so a feature is defined here once and computed three ways. The
table is put together from short ones: a property times the regions it is measured on. A *part* is a run of columns that
one kernel writes together; a *feature set* is what the user asks for by name.
"""

from dataclasses import asdict, dataclass
from functools import cache

from leukobench.errors import unknown
from leukobench.features.definitions import (
    COLOUR,
    DISTANCE,
    GRID_TEXTURE,
    HULL_COLOUR,
    PERCENTILES,
    RATIO,
    SHAPE,
    TEXTURE,
    ZERNIKE_MAGNITUDES,
)
from leukobench.text import markdown_table

CATALOGUE_VERSION = "2"
"""Goes into every cache key; raised whenever a number in any column may change."""

GROUPS = ("morphology", "colour", "texture")
FEATURE_SETS = ("core", "full", "extended", "untextured", "background", "tavakoli2021")

_CORE = ("shape", "colour", "texture")
_FULL = (*_CORE, "percentiles", "distance", "hull")
PARTS_OF_SET = {
    "core": _CORE,
    "full": _FULL,
    "extended": (*_FULL, "zernike", "grid"),
    "untextured": ("shape", "colour", "percentiles", "distance", "hull"),
    "background": ("background",),
    "tavakoli2021": ("shape", "hull"),
}
"""Which parts a backend has to compute for a feature set. Two do not stand alone: `hull` reads the corners that `shape`
found, `percentiles` the channels of `colour`."""


@dataclass(frozen=True)
class Feature:
    """One named number of one cell.

    Parameters
    ----------
    name : str
        Column name, ``<region>_<property>``; ``nc_<what>`` compares nucleus and cell.
    group : str
        ``morphology``, ``colour`` or ``texture``.
    region : str
        ``nucleus``, ``cytoplasm``, ``cell``, ``nucleus/cell`` or ``background``.
    unit : str
        ``um`` or ``um2`` (pixels where the pixel size is unknown), or ``1``.
    invariances : tuple of str
        Which of ``rotation`` (by quarter turns exactly), ``scale`` and ``illumination`` (a monotone change of grey
        value for texture, any change for shape) leave it as it is.
    formula : str
        Definition in one line.
    source : str
        Where the definition comes from.
    feature_set : str
        Smallest of ``core``, ``full``, ``extended`` that has it, or ``background``.
    part : str
        The kernel block that computes it.
    """

    name: str
    group: str
    region: str
    unit: str
    invariances: tuple
    formula: str
    source: str
    feature_set: str
    part: str


def _rows(table, region, part, feature_set="core", group="morphology"):
    """One feature for each (property, unit, invariances, formula, source) of a table."""
    prefix = "nc" if region == "nucleus/cell" else region
    return [
        Feature(f"{prefix}_{name}", group, region, unit, tuple(invariances.split()), formula, source, feature_set, part)
        for name, unit, invariances, formula, source in table
    ]


def _build():
    features = _rows(SHAPE, "nucleus", "shape") + _rows(SHAPE, "cell", "shape")
    features += _rows(RATIO[:1], "cytoplasm", "shape") + _rows(RATIO[1:], "nucleus/cell", "shape")
    for region in ("nucleus", "cytoplasm"):
        features += _rows(COLOUR, region, "colour", group="colour")
    for region in ("nucleus", "cytoplasm"):
        features += _rows(TEXTURE, region, "texture", group="texture")
    for region in ("nucleus", "cytoplasm"):
        features += _rows(PERCENTILES, region, "percentiles", "full", "colour")
    for region, table in DISTANCE.items():
        features += _rows(table, region, "distance", "full")
    features += _rows(HULL_COLOUR, "nucleus/cell", "hull", "full", "colour")
    features += _rows(COLOUR, "background", "background", "background", "colour")
    for region in ("nucleus", "cell"):
        features += _rows(ZERNIKE_MAGNITUDES, region, "zernike", "extended")
    for region in ("nucleus", "cytoplasm"):
        features += _rows(GRID_TEXTURE, region, "grid", "extended", "texture")
    return tuple(features)


CATALOGUE = _build()
PART_NAMES = {
    part: tuple(f.name for f in CATALOGUE if f.part == part) for part in dict.fromkeys(f.part for f in CATALOGUE)
}
"""Part -> its columns, in the order in which every backend writes them."""

_TAVAKOLI_SHAPE = ("nucleus_circularity", "nucleus_convexity", "nucleus_solidity")


@cache
def _features(feature_set):
    if feature_set not in FEATURE_SETS:
        raise unknown("feature set", feature_set, FEATURE_SETS)
    parts = PARTS_OF_SET[feature_set]
    chosen = [f for f in CATALOGUE if f.part in parts]
    if feature_set == "tavakoli2021":
        chosen = [f for f in chosen if f.part == "hull" or f.name in _TAVAKOLI_SHAPE]
    return tuple(chosen)


def features_of(feature_set="core"):
    """Catalogue rows of a feature set, in column order.

    Parameters
    ----------
    feature_set : {"core", "full", "extended", "untextured", "background", "tavakoli2021"}, default "core"

    Returns
    -------
    list of Feature

    Raises
    ------
    UsageError
        For an unknown feature set.
    """
    return list(_features(feature_set))


def feature_names(feature_set="core"):
    """Column names of a feature set, in order.

    Parameters
    ----------
    feature_set : {"core", "full", "extended", "untextured", "background", "tavakoli2021"}, default "core"

    Returns
    -------
    list of str

    Examples
    --------
    >>> feature_names("core")[:2], len(feature_names("core"))
    (['nucleus_area', 'nucleus_area_bbox'], 216)
    """
    return [f.name for f in _features(feature_set)]


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
        Columns name, group, region, unit, invariances, formula, source, feature_set.

    Examples
    --------
    >>> catalogue_table("texture").shape
    (60, 8)
    """
    import pandas as pd

    if group not in (None, *GROUPS):
        raise unknown("feature group", group, GROUPS)
    rows = [asdict(f) for f in _features(feature_set) if group in (None, f.group)]
    table = pd.DataFrame(rows, columns=list(Feature.__dataclass_fields__)).drop(columns="part")
    return table.assign(invariances=table["invariances"].str.join(" "))


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

"""A feature and a part: what a column is called and measures, and the functions that fill a run of columns."""

import functools
import inspect
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

GROUPS = ("morphology", "colour", "texture")
UNITS = ("um", "um2", "1")
INVARIANCES = ("rotation", "scale", "illumination")
PREFIXES = {"nucleus/cell": "nc"}
"""Of the names of a region's features, where they are not the region."""


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
    """

    name: str
    group: str
    region: str
    unit: str
    invariances: tuple[str, ...]
    formula: str
    source: str


def features_from(table: Iterable[tuple[str, str, str, str, str]], *regions: str, group: str) -> tuple[Feature, ...]:
    """A feature for each region and row of a table.

    Parameters
    ----------
    table : iterable of tuple
        (property, unit, invariances with spaces between, formula, source).
    *regions : str
        As in :class:`Feature`.
    group : {"morphology", "colour", "texture"}

    Returns
    -------
    tuple of Feature

    Examples
    --------
    >>> table = [("area", "um2", "rotation", "number of pixels", "scikit-image")]
    >>> [feature.name for feature in features_from(table, "nucleus", "cell", group="morphology")]
    ['nucleus_area', 'cell_area']
    """
    return tuple(
        Feature(f"{PREFIXES.get(region, region)}_{name}", group, region, unit, tuple(kept.split()), formula, source)
        for region in regions
        for name, unit, kept, formula, source in table
    )


@dataclass(frozen=True)
class FeaturePart:
    """Columns that one function measures, and all that the catalogue, the sets and the backends know of them.

    Parameters
    ----------
    name : str
        In small letters; also the name of its CUDA kernel.
    features : tuple of Feature
        Its columns in order. :func:`features_from` makes them from a short table.
    reference : callable
        (image, mask) to a dict of column to number, lengths in pixels; what cannot be measured is left out. The image
        is uint8 RGB, the mask uint8 (0 background, 1 cytoplasm, 2 nucleus), both on the bounding box of the cell and
        one pixel around, where the border of the image is repeated without a label. Every device uses it that has
        nothing faster.
    sets : tuple of str
        Feature sets that it belongs to, the smallest first. Names that are new make new sets.
    only : mapping of str to sequence of str, default {}
        Columns that a set takes of it, where it does not take all.
    whole : bool, default False
        The function is handed the whole image and mask.
    version : str or None, default None
        Goes into cache keys, and is raised when numbers change. None stands for a checksum of the file that defines
        `reference`.
    numba : str or None, default None
        "package.module:function" of a compiled (cell, out) that fills the columns `out` of one cell, NaN so far, from a
        `leukobench.features.backends.cpu.cell.Cell`. Two parts that name the same function are filled by one call,
        which gets the columns of both, none where they are not wanted.
    cuda : path-like or None, default None
        Source file with the kernel; `common.cuh` beside the project's kernels says what it is handed.

    Examples
    --------
    >>> features = features_from([("share", "1", "rotation", "area / all pixels", "me")], "cell", group="morphology")
    >>> FeaturePart("share", features, lambda image, mask: {"cell_share": (mask > 0).mean()}, sets=("mine",)).columns
    ('cell_share',)
    """

    name: str
    features: tuple[Feature, ...]
    reference: Callable[[np.ndarray, np.ndarray], Mapping[str, Any]]
    sets: tuple[str, ...]
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    whole: bool = False
    version: str | None = None
    numba: str | None = None
    cuda: str | PathLike[str] | None = None

    @functools.cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of its features."""
        return tuple(feature.name for feature in self.features)

    def features_in(self, feature_set: str) -> tuple[Feature, ...]:
        """Its features that a set has."""
        if feature_set not in self.sets:
            return ()
        wanted = self.only.get(feature_set, self.columns)
        return tuple(feature for feature in self.features if feature.name in wanted)

    @property
    def key(self) -> str:
        """What its numbers depend on, for cache keys; empty where that is not known."""
        if self.version is not None:
            return self.version
        try:
            file = inspect.getsourcefile(self.reference)
            return f"{zlib.crc32(Path(file).read_bytes()):08x}" if file else ""
        except (OSError, TypeError):  # built in, or typed at a prompt
            return ""

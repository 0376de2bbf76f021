"""The compiled entry point: a range of a batch's cells, one after the other, in one pass over each."""

import logging
import os
import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path

import numpy as np
from numba import config, njit

from leukobench.cache import cache_folder
from leukobench.features.backends.cpu.colour import colour_moments, pack_runs
from leukobench.features.backends.cpu.distance import distance_part
from leukobench.features.backends.cpu.grid import grid_part
from leukobench.features.backends.cpu.ratios import hull_part
from leukobench.features.backends.cpu.runs import (
    CELL,
    CYTOPLASM,
    NUCLEUS,
    adjacent_pairs,
    bounds,
    label_runs,
)
from leukobench.features.backends.cpu.shape import shape_part
from leukobench.features.backends.cpu.spaces import BLOCK, ROWS
from leukobench.features.backends.cpu.texture import texture_part
from leukobench.features.backends.cpu.zernike import zernike_part
from leukobench.features.catalogue import PART_NAMES
from leukobench.features.tables import PERCENTILE_BINS
from leukobench.files import locked

PARTS = ("shape", "colour", "texture", "percentiles", "distance", "hull", "background", "zernike", "grid")
SHAPE, COLOUR, TEXTURE, PERCENTILES, DISTANCE, HULL, BACKGROUND, ZERNIKE, GRID = range(len(PARTS))
WIDTHS = np.array([len(PART_NAMES[part]) for part in PARTS])

log = logging.getLogger(__name__)


def _source_stamp():
    """Checksum of all kernel sources and tables: Numba's own cache key sees no file but the entry point's."""
    here = Path(__file__).parent
    sources = [*sorted(here.glob("*.py")), here.parents[1] / "tables.py", here.parents[1] / "definitions.py"]
    return zlib.crc32(b"".join(path.read_bytes() for path in sources))


def _compile(stamp, cached):
    """The entry point; `stamp` is a closure variable because those are part of Numba's cache key."""

    @njit(nogil=True, cache=cached)
    def compute_range(pixels, labels, words, offsets, shapes, start, stop, at, out):
        """Fill rows start..stop of `out`; at[part] is the first column of a part, or -1 where it is not wanted."""
        _ = stamp
        largest, tallest = 0, 0
        for i in range(start, stop):
            largest = max(largest, shapes[i, 0] * shapes[i, 1])
            tallest = max(tallest, shapes[i, 0])
        most_runs = largest // 2 + tallest + 2
        runs, counts = np.empty((3, most_runs, 3), np.int32), np.empty(3, np.int64)
        pairs, pair_counts = np.empty((3, 2 * most_runs, 2), np.int32), np.empty(3, np.int64)
        hull, extremes = np.empty((2 * tallest + 2, 2)), np.empty((tallest + 1, 2), np.int32)
        packed = np.empty(3 * largest, np.uint8)
        # a box of h x w pixels grows by one pixel all around, to at most 9 h w
        grey, codes = np.empty(9 * largest, np.int16), np.empty(9 * largest, np.uint8)
        block = np.empty(ROWS * BLOCK, np.float32)
        scratch = packed, largest, block, block.view(np.int32)
        bins = np.empty((4, PERCENTILE_BINS + 2), np.int64)
        for i in range(start, stop):
            first, height, width, row = offsets[i], shapes[i, 0], shapes[i, 1], out[i]
            label_runs(words, labels, first, height, width, runs, counts)
            for region in (CELL, CYTOPLASM, NUCLEUS):
                pair_counts[region] = adjacent_pairs(runs[region], counts[region], pairs[region])
            shape, distance, texture = _slot(row, at, SHAPE), _slot(row, at, DISTANCE), _slot(row, at, TEXTURE)
            around, hull_ratios = _slot(row, at, BACKGROUND), _slot(row, at, HULL)
            zernike, on_grid = _slot(row, at, ZERNIKE), _slot(row, at, GRID)
            corners = 0
            if len(shape):
                corners = shape_part(runs, counts, pairs, pair_counts, hull, extremes, shape)
            if len(distance):
                distance_part(runs, counts, pairs, pair_counts, distance)
            if len(zernike):
                zernike_part(runs, counts, zernike)
            texture[:] = np.nan
            on_grid[:] = np.nan
            if counts[CELL]:
                box = bounds(runs[CELL], counts[CELL])
                if len(texture):
                    texture_part(
                        pixels, first, height, width, box, runs, counts, pairs, pair_counts, grey, codes, texture
                    )
                if len(on_grid):
                    grid_part(pixels, first, width, box, runs, counts, on_grid)
            for half, region in enumerate((NUCLEUS, CYTOPLASM)):
                colour = _half(_slot(row, at, COLOUR), half)
                quantiles = _half(_slot(row, at, PERCENTILES), half)
                ratios = hull_ratios if region == NUCLEUS else hull_ratios[:0]
                if len(colour) or len(ratios):
                    n = pack_runs(pixels, first, width, runs[region], counts[region], packed, largest)
                if len(colour):
                    colour_moments(scratch, n, colour, bins, quantiles)
                if len(ratios):
                    nucleus, n_nucleus = runs[NUCLEUS], counts[NUCLEUS]
                    hull_part(pixels, first, width, nucleus, n_nucleus, hull[:corners], extremes, scratch, n, ratios)
            if len(around):
                n = _pack_background(pixels, labels, first, height * width, packed, largest)
                colour_moments(scratch, n, around, bins, row[:0])

    return compute_range


@njit(nogil=True)
def _slot(row, at, part):
    """The columns of a part, none where it is not wanted."""
    return row[at[part] : at[part] + WIDTHS[part]] if at[part] >= 0 else row[:0]


@njit(nogil=True)
def _half(columns, half):
    """Nucleus or cytoplasm half of a part."""
    size = len(columns) // 2
    return columns[half * size : (half + 1) * size]


@njit(nogil=True)
def _pack_background(pixels, labels, first, size, packed, capacity):
    count = 0
    for i in range(first, first + size):
        if labels[i] == 0:
            packed[count], packed[capacity + count] = pixels[3 * i], pixels[3 * i + 1]
            packed[2 * capacity + count] = pixels[3 * i + 2]
            count += 1
    return count


@cache
def compiled():
    """The entry point, compiled by a process of its own and read back from Numba's cache.

    With fast-math, a process that compiled calls other variants of the inner functions than one that loads them, and
    gets other last digits (to 1e-6): so nobody computes with what it compiled itself. One process compiles for all.
    Only where no cache can be written each process has to, and says so.
    """
    stamp = _source_stamp()
    try:
        return _read_back(stamp)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        log.warning("the kernels of the features are compiled anew, which takes a minute: %s", error)
        return load(_compile(stamp, cached=False))


def _read_back(stamp):
    """The entry point from the cache, once it is there."""
    entry = with_cache(stamp)
    marker = Path(entry.stats.cache_path) / f"kernel-{stamp:08x}.compiled"
    with locked(marker.with_suffix(".lock")):
        if not marker.exists():
            program = f"from {__name__} import load, with_cache; load(with_cache({stamp}))"
            paths = os.pathsep.join(path for path in sys.path if path)
            subprocess.run([sys.executable, "-c", program], check=True, env=os.environ | {"PYTHONPATH": paths})
            marker.touch()
    return load(entry)


def with_cache(stamp):
    """The entry point with a cache: beside the sources or in Numba's own folder, else in the project's cache."""
    try:
        return _compile(stamp, cached=True)
    except RuntimeError:  # Numba finds no place that it can write to
        given, config.CACHE_DIR = config.CACHE_DIR, str(cache_folder() / "kernels")
        try:
            return _compile(stamp, cached=True)
        finally:
            config.CACHE_DIR = given


def load(entry):
    """Run the entry point on no cells: it is compiled, or loaded from the cache."""
    labels = np.zeros(8, np.uint8)
    words, offsets, shapes = labels.view(np.uint64), np.zeros(1, np.int64), np.full((1, 2), 2)
    entry(np.zeros(24, np.uint8), labels, words, offsets, shapes, 0, 0, np.full(len(PARTS), -1), np.empty((1, 1)))
    return entry

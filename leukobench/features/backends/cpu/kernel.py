"""The entry point of the kernels: a range of cells, one after the other, all wanted parts of each."""

from pkgutil import resolve_name

import numpy as np
from numba import njit

from leukobench.features.backends.cpu.cell import Cell
from leukobench.features.backends.cpu.memory import LINE, bytes_at, fetch, words_at
from leukobench.features.backends.cpu.runs import (
    CELL,
    CYTOPLASM,
    NUCLEUS,
    adjacent_pairs,
    bounds,
    label_runs,
    move_runs,
)
from leukobench.features.backends.cpu.spaces import BLOCK, ROWS
from leukobench.features.tables import PERCENTILE_BINS


def _chain(plan, first=0):
    """One function of (cell, row, at) that lets the parts fill their columns, one after the other.

    All become one body before anything is compiled: the compiler would else go over each part once for every link.
    """
    if not plan:
        return _nothing
    (name, widths), *others = plan
    rest, function = _chain(others, first + len(widths)), resolve_name(name)
    if len(widths) == 1:
        (width,) = widths

        @njit(inline="always")
        def fill(cell, row, at):
            if at[first] >= 0:
                function(cell, row[at[first] : at[first] + width])
            rest(cell, row, at)

    else:
        width, second_width = widths
        second = first + 1

        @njit(inline="always")
        def fill(cell, row, at):
            if at[first] >= 0 or at[second] >= 0:
                function(cell, _slot(row, at[first], width), _slot(row, at[second], second_width))
            rest(cell, row, at)

    return fill


@njit(inline="always")
def _nothing(cell, row, at):
    pass


@njit(nogil=True)
def _slot(row, start, width):
    return row[start : start + width] if start >= 0 else row[:0]


@njit(nogil=True)
def _fetch_runs(image, stride, runs, n):
    """Ask for the pixels of runs all at once: rows lie too far apart for a processor to foresee them."""
    for k in range(n):
        row = image + 3 * stride * runs[k, 0]
        for address in range(row + 3 * runs[k, 1], row + 3 * runs[k, 2] + LINE, LINE):
            fetch(address)


def make_entry(plan, stamp, cached):
    """The entry point that fills the parts of a plan, yet to be compiled.

    `stamp` is a closure variable because those are part of Numba's cache key, and globals are not.
    """
    global _fill
    _fill = _chain(plan)

    @njit(nogil=True, cache=cached)
    def compute_range(images, masks, shapes, start, stop, at, out):
        """Fill rows start..stop of `out`; at[slot] is the first column of a part, or -1 where it is not wanted.

        `images` and `masks` are addresses, those of masks multiples of eight. What cannot be measured keeps the value
        that it has, and so do columns of other parts, which another thread may have filled. Returns the first whose
        mask has a label above 2, where it stops, or `stop`.
        """
        _ = stamp
        largest, tallest, framed = 0, 0, 0
        for i in range(start, stop):
            largest = max(largest, shapes[i, 0] * shapes[i, 1])
            tallest = max(tallest, shapes[i, 0])
            framed = max(framed, (shapes[i, 0] + 2) * (shapes[i, 1] + 2))
        most_runs = largest // 2 + tallest + 2
        runs, counts = np.empty((3, most_runs, 3), np.int32), np.empty(3, np.int64)
        pairs, pair_counts = np.empty((3, 2 * most_runs, 2), np.int32), np.empty(3, np.int64)
        corners, hull = np.empty((2 * tallest + 2, 2)), np.empty((2 * tallest + 2, 2))
        known, room = np.empty(1, np.int64), np.empty((tallest + 1, 2), np.int32)
        packed = np.empty(3 * largest + BLOCK, np.uint8)
        # a box grows by one pixel all around
        grey, codes = np.empty(framed, np.int16), np.empty(framed, np.uint8)
        block = np.empty(ROWS * BLOCK, np.float32)
        colour = packed, largest, block, block.view(np.int32)
        bins = np.empty((4, PERCENTILE_BINS + 2), np.int64)
        for i in range(start, stop):
            height, stride = shapes[i, 0], shapes[i, 1]
            size = height * stride
            pixels, labels = bytes_at(images[i], 3 * size), bytes_at(masks[i], size)
            if not label_runs(words_at(masks[i], size), labels, height, stride, runs, counts):
                return i
            _fetch_runs(images[i], stride, runs[CELL], counts[CELL])
            top, left, bottom, right = bounds(runs[CELL], counts[CELL]) if counts[CELL] else (0, 0, 0, 0)
            y, x = max(top - 1, 0), max(left - 1, 0)
            height, width = min(bottom + 1, height) - y, min(right + 1, stride) - x
            move_runs(runs, counts, y, x)
            box = top - y, left - x, bottom - y, right - x
            for region in (CELL, CYTOPLASM, NUCLEUS):
                pair_counts[region] = adjacent_pairs(runs[region], counts[region], pairs[region])
            known[0] = -1
            cell = Cell(
                pixels, labels, y * stride + x, stride, height, width, box, runs, counts, pairs, pair_counts, known,
                corners, hull, room, colour, grey, codes, bins,
            )  # fmt: skip
            _fill(cell, out[i], at)
        return stop

    return compute_range

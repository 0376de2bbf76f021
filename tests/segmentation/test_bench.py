"""The Dice table."""

import numpy as np
import pytest

from leukobench.segmentation.bench import bench, dice, dice_table


def square(side, label=2):
    mask = np.zeros((20, 20), np.uint8)
    mask[:side, :side] = label
    return mask


def test_dice_of_known_squares():
    assert dice(square(10) > 0, square(10) > 0) == 1
    assert dice(square(10) > 0, square(20) > 0) == pytest.approx(2 * 100 / 500)
    assert dice(square(0) > 0, square(0) > 0) == 1
    assert dice(square(0) > 0, square(10) > 0) == 0


def test_table_counts_classes_and_failures():
    truths = [square(10)] * 4
    masks = [square(10), square(10, label=1), square(10), square(20)]
    table = dice_table(masks, truths, ["LY", "LY", "MO", "MO"]).set_index(["class", "part"])
    assert table.loc[("all", "nucleus"), "n"] == 4
    assert table.loc[("LY", "nucleus"), "mean"] == 0.5
    assert table.loc[("LY", "nucleus"), "share_poor"] == 0.5
    assert table.loc[("LY", "cell"), "mean"] == 1
    assert table.loc[("MO", "cell"), "mean"] == pytest.approx((1 + 0.4) / 2)
    assert list(table.index.get_level_values("class").unique()) == ["all", "LY", "MO"]


def test_lists_of_different_length_are_refused():
    with pytest.raises(ValueError, match="zip"):
        dice_table([square(1)], [square(1), square(2)], ["LY"])


def test_bench_segments_the_images_itself(drawn):
    pairs = [drawn(120, seed=seed) for seed in range(2)]
    table = bench([image for image, _ in pairs], [truth for _, truth in pairs], ["LY", "LY"])
    assert (table["mean"] > 0.9).all()
    assert (table["n"] == 2).all()

"""Floors of the mean Dice on expert masks, a little under what was measured."""

import pytest

from leukobench.datasets import get_dataset
from leukobench.imaging.io import read_image, read_mask
from leukobench.segmentation.bench import ALL, bench


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "nucleus", "cell"),
    [("cvb", 0.975, 0.968), ("jiangxi", 0.953, 0.978)],
)
def test_mean_dice_against_expert_masks(data_root, name, nucleus, cell):
    records = [record for record in get_dataset(name).read(data_root) if record.mask is not None]
    images = [read_image(record.path) for record in records]
    truths = [read_mask(record.mask) for record in records]
    table = bench(images, truths, [record.native_label for record in records], n_jobs=2)
    means = table[table["class"] == ALL].set_index("part")["mean"]
    assert means["nucleus"] > nucleus
    assert means["cell"] > cell

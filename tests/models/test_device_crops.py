"""Crops of pictures on a device are OpenCV's, and what embeds takes them from there."""

import numpy as np
import pytest

from leukobench.devices import array_library
from leukobench.models.device_crops import crop_fields, fields_of_rows
from leukobench.models.embedding import CNNEmbedding, crop_field
from leukobench.models.network.augmentation import prepare
from leukobench.segmentation.canvases import canvases
from tests.segmentation.strict_arrays import STRICT, bare

SHAPES = [(60, 52), (33, 50), (140, 90), (90, 90), (60, 52)]
IMAGES = [np.random.default_rng(i).integers(0, 256, (*shape, 3), dtype=np.uint8) for i, shape in enumerate(SHAPES)]


@pytest.mark.parametrize("scales", [[0.2, 0.2, np.nan, 0.5, 0.1], [np.nan] * 5, [0.3] * 5])
def test_crops_are_opencvs_up_to_a_grey_value(scales):
    transformer = CNNEmbedding(batch_size=2)
    seen = {}
    for numbers, crops in transformer._crops_there(STRICT, IMAGES, np.array(scales), 48):
        seen |= dict(zip(numbers, bare(crops), strict=True))
    assert sorted(seen) == list(range(len(IMAGES)))
    for number, image in enumerate(IMAGES):
        expected = crop_field(image, 48, scales[number]).astype(int)
        assert np.abs(seen[number] - expected).max() <= 1


def test_one_shape_needs_one_matrix():
    (found,) = canvases(array_library("cpu"), IMAGES[:1])
    crops = crop_fields(STRICT, STRICT.upload(found[1]), found[2], [20], 48)
    assert crops.shape == (1, 48, 48, 3)
    assert crops.flags.c_contiguous


def test_a_networks_field_of_rows_is_what_it_is_shown_otherwise():
    rng = np.random.default_rng(0)
    crops = rng.integers(90, 250, (3, 40, 40, 3)).astype(np.uint8)
    crops[1:, :20] = (240, 220, 200)
    found = fields_of_rows(STRICT, STRICT.upload(crops.reshape(3, -1)), 33)
    np.testing.assert_array_equal(bare(found), np.stack([prepare(crop, 33) for crop in crops]))
    with pytest.raises(ValueError, match="bytes of shape"):
        fields_of_rows(STRICT, STRICT.upload(crops.reshape(3, -1)[:, 1:]), 33)

"""From files to features: the same rows as step by step, in the order of the files."""

import cv2
import numpy as np
import pandas as pd
import pytest

from leukobench.errors import UsageError
from leukobench.features import extract_features, files
from leukobench.features.batch import Batch
from leukobench.features.files import device_cells, file_features
from leukobench.imaging.io import ImageError, read_image
from leukobench.segmentation import segment
from leukobench.segmentation.canvases import segment_in_stacks
from tests.segmentation.conftest import draw_cell
from tests.segmentation.strict_arrays import STRICT, StrictArrays, bare


@pytest.fixture(scope="module")
def images():
    """Cells on images of several sizes, one that fills its image and one that is not found."""
    sizes = (110, 96, 140, 96)
    drawn = [draw_cell(side, seed=side)[0] for side in sizes]
    return [*drawn, draw_cell(100, cell_radius=0.49)[0][10:], np.full((90, 100, 3), 128, np.uint8)]


@pytest.fixture(scope="module")
def paths(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells")
    for number, image in enumerate(images):
        cv2.imwrite(str(folder / f"{number}.png"), image[..., ::-1])
    return [folder / f"{number}.png" for number in range(len(images))]


def test_rows_are_those_of_decoding_segmenting_and_measuring(paths):
    images = [read_image(path) for path in paths]
    scale = [0.1, None, 0.2, 0.1, 0.1, 0.1]
    expected = extract_features(images, segment(images), um_per_px=scale, device="cpu")
    pd.testing.assert_frame_equal(file_features(paths, um_per_px=scale, device="cpu", threads=2), expected)


def test_a_file_that_cannot_be_used_keeps_its_row_and_its_reason(paths, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    mixed, lost = [paths[0], broken, paths[1]], {}
    table = file_features(mixed, device="cpu", um_per_px=[0.1, 0.2, 0.1], lost=lost)
    assert list(lost) == [broken]
    assert "not_an_image" in lost[broken]
    assert table.isna().all(axis=1).tolist() == [False, True, False]
    pd.testing.assert_frame_equal(
        table.iloc[[0, 2]].reset_index(drop=True), file_features(paths[:2], device="cpu", um_per_px=0.1)
    )
    with pytest.raises(ImageError, match="not_an_image"):
        file_features(mixed, device="cpu")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"device": "tpu"}, "unknown device"),
        ({"feature_set": "all"}, "unknown feature set"),
        ({"um_per_px": -1}, "pixel"),
        ({"threads": -1}, "-1 threads are none"),
    ],
)
def test_mistakes_are_named_before_a_file_is_read(change, word):
    with pytest.raises(UsageError, match=word):
        file_features(["there is none"], **change)


@pytest.mark.parametrize("whole", [True, False])
def test_windows_around_cells_hold_all_that_features_see(images, whole):
    order, cells = [], []
    chunks = [tuple(enumerate(images[:2])), tuple(enumerate(images))[2:]]
    for batch in device_cells(STRICT, chunks, order, whole):
        flat = Batch(bare(batch.pixels), bare(batch.labels), batch.offsets, batch.shapes)
        cells += [(image.copy(), mask.copy()) for image, mask in flat.cells()]
    assert sorted(order) == list(range(len(images)))
    for number, (image, _) in zip(order, cells, strict=True):
        assert (image.shape == images[number].shape) or not whole
    masks = [mask for chunk in (images[:2], images[2:]) for mask in segment_in_stacks(STRICT, chunk)[0]]
    expected = extract_features(images, [np.array(bare(mask)) for mask in masks], device="cpu", feature_set="extended")
    found = extract_features(*zip(*cells, strict=True), device="cpu", feature_set="extended")
    pd.testing.assert_frame_equal(found, expected.iloc[order].reset_index(drop=True))


def test_nothing_but_the_sizes_of_windows_leaves_the_device(images):
    arrays, came_back = StrictArrays(*STRICT), []
    arrays.download = lambda array: came_back.append(array.size) or bare(array)
    list(device_cells(arrays, [tuple(enumerate(images))], []))
    assert sum(came_back) == 2 * len(images)


def test_pictures_are_held_up_to_a_number_of_bytes():
    sizes = [300, 300, 300, 1000, 10, 10, 10, 10]
    chunks = files._chunks(((number, np.zeros(size, np.uint8)) for number, size in enumerate(sizes)), 3, 700)
    assert [[number for number, _ in chunk] for chunk in chunks] == [[0, 1], [2], [3], [4, 5, 6], [7]]

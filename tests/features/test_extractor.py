"""The entry point: types, streaming, micrometres, errors."""

import numpy as np
import pytest

from leukobench.errors import UsageError
from leukobench.features import extract_features, feature_names, feature_sets, features_of
from leukobench.features.batch import stream


@pytest.mark.parametrize("feature_set", feature_sets())
@pytest.mark.parametrize("device", ["cpu", "reference"])
def test_columns_and_types(cell, feature_set, device):
    table = extract_features([cell[0]], [cell[1]], device=device, feature_set=feature_set)
    assert list(table.columns) == feature_names(feature_set)
    assert (table.dtypes == np.float64).all()
    assert table.notna().all(axis=None)


def test_no_images():
    assert extract_features([], []).shape == (0, 216)


def test_streaming_in_small_batches_changes_nothing(drawn_cells):
    whole = extract_features(*drawn_cells, device="cpu")
    done = []
    parts = extract_features(*map(iter, drawn_cells), device="cpu", batch_bytes=20_000, progress=done.append)
    assert parts.equals(whole)
    assert done[-1] == len(whole)
    assert len(done) > 3


def test_batches_are_bounded_and_reuse_memory(drawn_cells):
    images, masks = (list(part) * 20 for part in drawn_cells)
    limit = 200_000
    buffers = []  # kept alive, so that an identity is not given twice
    for batch in stream(images, masks, limit):
        assert batch.pixels.nbytes + batch.labels.nbytes <= limit
        buffers.append(batch.pixels.base)
    settled = buffers[len(buffers) // 2 :]  # both grow a little at first
    assert len(settled) > 4
    assert len({id(buffer) for buffer in settled}) == 2


def test_micrometres(cell):
    images, masks = [cell[0]] * 3, [cell[1]] * 3
    pixels = extract_features(images, masks, device="cpu", feature_set="full")
    scaled = extract_features(images, masks, device="cpu", feature_set="full", um_per_px=[0.1, np.nan, None])
    assert scaled.iloc[1:].equals(pixels.iloc[1:])
    powers = [{"1": 0, "um": 1, "um2": 2}[f.unit] for f in features_of("full")]
    np.testing.assert_allclose(scaled.iloc[0], pixels.iloc[0] * 0.1 ** np.array(powers), rtol=1e-12)
    assert (
        extract_features(images, masks, um_per_px=0.1, device="cpu", feature_set="full").iloc[2].equals(scaled.iloc[0])
    )


def test_views_are_read_as_they_look(cell):
    image, mask = cell
    flipped = extract_features([image[:, ::-1]], [mask[:, ::-1]], device="cpu")
    copied = extract_features([image[:, ::-1].copy()], [mask[:, ::-1].copy()], device="cpu")
    assert flipped.equals(copied)


@pytest.mark.parametrize("threads", [1, 3])
def test_arrays_lie_anywhere_and_live_only_as_long_as_they_are_asked_for(drawn_cells, monkeypatch, threads):
    monkeypatch.setenv("NUMBA_NUM_THREADS", str(threads))
    images, masks = drawn_cells
    moved = []
    for k, mask in enumerate(masks):
        place = np.full(mask.size + 16, 255, np.uint8)  # what lies around is no label
        moved.append(place[k % 3 : k % 3 + mask.size].reshape(mask.shape))
        moved[-1][:] = mask
    assert any(mask.ctypes.data % 8 for mask in moved)
    assert any(mask.ctypes.data % 8 == 0 and mask.size % 8 for mask in moved)
    whole = extract_features(images, masks, device="cpu", feature_set="extended")
    assert extract_features(images, moved, device="cpu", feature_set="extended").equals(whole)
    dying = (image.copy() for image in images), (mask[:, ::-1].copy()[:, ::-1] for mask in masks)
    assert extract_features(*dying, device="cpu", feature_set="extended", batch_bytes=20_000).equals(whole)


def test_where_a_cell_lies_in_its_image_changes_nothing(cell):
    image, mask = cell
    wide = np.pad(image, ((3, 9), (11, 2), (0, 0)), mode="edge"), np.pad(mask, ((3, 9), (11, 2)))
    bare = extract_features([image], [mask], device="cpu", feature_set="extended")
    assert extract_features([wide[0]], [wide[1]], device="cpu", feature_set="extended").equals(bare)


@pytest.mark.parametrize("device", ["cpu", "reference"])
@pytest.mark.parametrize("feature_set", ["core", "background"])
@pytest.mark.parametrize("batch_bytes", [None, 20_000])
def test_of_all_masks_the_first_with_another_label_is_named(cell, monkeypatch, device, feature_set, batch_bytes):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    image, mask = cell
    masks = [mask.copy() for _ in range(9)]
    masks[5][0, 0] = masks[8][-1, -1] = 255
    masks[5][-1, -1] = 3
    with pytest.raises(UsageError, match="mask 5 has a label above 2"):
        extract_features([image] * 9, masks, device=device, feature_set=feature_set, batch_bytes=batch_bytes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i, m: {"masks": [m[:-1]]}, "mask 0"),
        (lambda i, m: {"masks": [m, m]}, "no image 1"),
        (lambda i, m: {"masks": iter([])}, "no mask 0"),
        (lambda i, m: {"masks": [m.astype(float)]}, "mask 0"),
        (lambda i, m: {"masks": [m + 1]}, "above 2"),
        (lambda i, m: {"images": [i[..., 0]]}, "image 0"),
        (lambda i, m: {"images": [i / 255]}, "image 0"),
        (lambda i, m: {"images": [i[:0]], "masks": [m[:0]]}, "image 0"),
        (lambda i, m: {"um_per_px": [1, 2]}, "2 pixel sizes for 1 images"),
        (lambda i, m: {"um_per_px": 0.0}, "positive"),
        (lambda i, m: {"device": "gpu"}, "unknown device"),
        (lambda i, m: {"feature_set": "all"}, "unknown feature set"),
    ],
)
def test_mistakes_are_usage_errors(cell, change, message):
    arguments = {"images": [cell[0]], "masks": [cell[1]]} | change(*cell)
    with pytest.raises(UsageError, match=message):
        extract_features(**arguments)


def test_cuda_without_a_device_is_a_usage_error(cell, monkeypatch):
    monkeypatch.setattr("leukobench.devices.has_driver", lambda: False)
    with pytest.raises(UsageError, match="no CUDA device"):
        extract_features([cell[0]], [cell[1]], device="cuda")

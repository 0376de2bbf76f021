"""Networks in files whose answer for one image depends on more than it, or that take other batches than they say."""

import numpy as np
import pytest

from leukobench.errors import UsageError
from leukobench.models.backbones import get_backbone
from leukobench.models.backbones.onnx_network import open_network, session_threads
from leukobench.models.embedding import CNNEmbedding

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore:.*does not say what it was trained on")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT

IMAGES = [np.random.default_rng(i).integers(0, 80 * (i + 1), (16, 16, 3), dtype=np.uint8) for i in range(3)]


def node(operator, inputs, output, **attributes):
    return helper.make_node(operator, inputs.split(), [output], **attributes)


def write(path, nodes, constants=(), batch="n"):
    """A file of normalised images (n, 3, 16, 16) to vectors."""
    axes = {"axes": np.array([2, 3]), "batch_axis": np.array([0, 2, 3])} | dict(constants)
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", FLOAT, [batch, 3, 16, 16])],
        [helper.make_tensor_value_info("vectors", FLOAT, None)],
        [onnx.numpy_helper.from_array(value, name) for name, value in axes.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path


MEAN = node("ReduceMean", "images axes", "means", keepdims=0)


def in_training_mode(path, batch="n"):
    """Normalised by the mean of the batch."""
    centred = [node("ReduceMean", "images batch_axis", "centre"), node("Sub", "images centre", "maps")]
    return write(path, [*centred, node("Relu", "maps", "rest"), node("ReduceMean", "rest axes", "vectors", keepdims=0)],
                 batch=batch)  # fmt: skip


def by_chance(path, batch="n"):
    noise = helper.make_node("RandomNormalLike", ["means"], ["noise"])
    return write(path, [MEAN, noise, node("Add", "means noise", "vectors")], batch=batch)


def ordered(path):
    """Gives the brightest image of a batch first."""
    nodes = [MEAN, node("TopK", "means one", "values", axis=0), node("Sub", "means values", "vectors")]
    nodes[1] = helper.make_node("TopK", ["means", "one"], ["values", "places"], axis=0)
    return write(path, nodes, {"one": np.array([1])}.items())


def only(n):
    """A file that says any batch and takes n."""
    shape = {"shape": np.array([n, 3])}
    return lambda path: write(path, [MEAN, node("Reshape", "means shape", "vectors")], shape.items())


@pytest.mark.parametrize(
    "make",
    [in_training_mode, by_chance, ordered, lambda path: in_training_mode(path, 4), lambda path: by_chance(path, 1)],
)
def test_a_file_whose_answers_depend_on_the_batch_is_refused(tmp_path, make):
    file = make(tmp_path / "net.onnx")
    with pytest.raises(UsageError, match=r"other images are beside it.*model\.eval\(\)"):
        get_backbone(f"onnx:{file}")


def test_one_image_at_a_time_has_no_batch_to_depend_on(tmp_path):
    file = in_training_mode(tmp_path / "net.onnx", 1)
    assert get_backbone(f"onnx:{file}").dim == 3


@pytest.mark.parametrize("n", [1, 2, 8])
def test_a_file_that_takes_another_number_of_images_than_it_says_is_given_that(tmp_path, n, capfd):
    file = only(n)(tmp_path / "net.onnx")
    vectors = CNNEmbedding(f"onnx:{file}", batch_size=3, device="cpu").fit_transform(IMAGES)
    assert open_network(file, 16).batch == n
    card = get_backbone(f"onnx:{file}")
    expected = [((image - np.array(card.mean)) / card.std).mean((0, 1)) for image in IMAGES]
    np.testing.assert_allclose(vectors, expected, rtol=1e-4)
    assert capfd.readouterr().err == ""  # what was tried in vain is no matter for a terminal


def test_a_file_that_takes_no_batch_is_refused(tmp_path):
    file = only(7)(tmp_path / "net.onnx")
    with pytest.raises(UsageError, match="does not run at 16 px"):
        open_network(file, 16)


def test_a_vector_that_is_no_number_is_refused(tmp_path):
    file = write(tmp_path / "net.onnx", [MEAN, node("Sqrt", "means", "vectors")])
    dark = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(UsageError, match="not finite for image 1"):
        CNNEmbedding(f"onnx:{file}", device="cpu").transform([np.full_like(dark, 255), dark])


def test_a_session_has_the_threads_of_its_process(tmp_path, monkeypatch):
    for name in ("LEUKOBENCH_MODEL_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    file = write(tmp_path / "net.onnx", [node("ReduceMean", "images axes", "vectors", keepdims=0)])
    options = open_network(file, 16).session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (0, 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as joblib does in its workers
    assert open_network(file, 16).session.get_session_options().intra_op_num_threads == 1
    monkeypatch.setenv("LEUKOBENCH_MODEL_THREADS", "3")
    assert open_network(file, 16).session.get_session_options().intra_op_num_threads == 3
    assert open_network(file, 16, threads=2).session.get_session_options().intra_op_num_threads == 2
    monkeypatch.setenv("LEUKOBENCH_MODEL_THREADS", "-1")
    assert session_threads() == 0

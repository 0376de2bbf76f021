"""A network from a file: the graph that it is may do arithmetic on images, and nothing else."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from leukobench.errors import UsageError
from leukobench.models.network.classifier import NetworkClassifier
from leukobench.models.network.exported import Exported, check_graph

SIZE, CLASSES = 8, 3


def weights(name="weights", shape=(3, CLASSES), value=0.01):
    return numpy_helper.from_array(np.full(shape, value, np.float32), name)


def model(*inner, last="vectors", stored=(), size=SIZE, given="logits", opset=18, number="n", **more):
    """Bytes of a network: the mean colour of an image, nodes of one's own, and a layer."""
    nodes = [
        helper.make_node("Cast", ["images"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers", "places"], ["vectors"], keepdims=0),
        *inner,
        helper.make_node("Gemm", [last, "weights"], [given]),
    ]
    places = numpy_helper.from_array(np.array([1, 2]), "places")
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, [number, size, size, 3])
    logits = helper.make_tensor_value_info(given, TensorProto.FLOAT, [number, CLASSES])
    kept = [places, *(stored if any(each.name == "weights" for each in stored) else (weights(), *stored))]
    graph = helper.make_graph(nodes, "network", [images], [logits], kept)
    imports = [helper.make_opsetid("", opset), *more.pop("imports", ())]
    return helper.make_model(graph, opset_imports=imports, ir_version=10, **more).SerializeToString()


def elsewhere():
    """Weights that lie in a file of whoever reads them."""
    tensor = weights()
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return tensor


def branch():
    body = helper.make_graph(
        [helper.make_node("Identity", ["vectors"], ["same"])],
        "body",
        [],
        [helper.make_tensor_value_info("same", TensorProto.FLOAT, None)],
    )
    return helper.make_node("If", ["yes"], ["out"], then_branch=body, else_branch=body)


def function():
    opset = [helper.make_opsetid("", 18)]
    return helper.make_function("own", "F", ["x"], ["y"], [helper.make_node("Relu", ["x"], ["y"])], opset)


def all_with_all(axes=9):
    """A table of a network that has a number for each choice of so many of the images that are beside each other."""
    kept, nodes, last = [], [helper.make_node("ReduceMean", ["vectors", "colours"], ["mean"], keepdims=0)], "mean"
    for axis in range(axes):
        shape = np.ones(axes, int)
        shape[axis] = -1
        kept.append(numpy_helper.from_array(shape, f"shape{axis}"))
        nodes.append(helper.make_node("Reshape", ["mean", f"shape{axis}"], [f"along{axis}"]))
        nodes.append(helper.make_node("Add", [last if axis else f"along{axis}", f"along{axis}"], [f"sum{axis}"]))
        last = f"sum{axis}"
    return model(*nodes, stored=[*kept, numpy_helper.from_array(np.array([1]), "colours")])


def divided(*numbers):
    """A network that divides whole numbers: of some the processor ends the process."""
    stored = [numpy_helper.from_array(np.array([each], np.int32), f"number{each}") for each in numbers]
    return model(helper.make_node("Div", [each.name for each in stored], ["ratio"]), stored=stored)


def wide(kernel):
    """A network whose one layer looks at much of a large picture for each of its places."""
    pads = numpy_helper.from_array(np.array([0, 2**9, 2**9, 0, 0, 2**9, 2**9, 0]), "pads")
    nodes = [
        helper.make_node("Pad", ["numbers", "pads"], ["large"]),
        helper.make_node("Transpose", ["large"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "mean"], ["grey"]),
        kernel,
    ]
    return model(*nodes, stored=[pads, weights("mean", (1, 3, 1, 1))])


def by_number():
    """A network that takes a row of a table by the colour of an image: of a bright one there is none."""
    nodes = [
        helper.make_node("Cast", ["vectors"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "whole"], ["rows"]),
    ]
    return model(*nodes, last="rows", stored=[weights("table", (2,))])


PADS = numpy_helper.from_array(np.array([0, 2**13, 2**13, 0, 0, 2**13, 2**13, 0]), "pads")
WRONG = {
    "another operator": (
        model(helper.make_node("RandomNormalLike", ["vectors"], ["out"]), last="out"),
        "asks for Rand",
    ),
    "a branch": (
        model(branch(), last="out", stored=[numpy_helper.from_array(np.array(True), "yes")]),
        "a network that asks for If",
    ),
    "an operator of one's own": (
        model(
            helper.make_node("Relu", ["vectors"], ["out"], domain="own"),
            last="out",
            imports=[helper.make_opsetid("own", 1)],
        ),
        "asks for own:Relu",
    ),
    "a function": (model(functions=[function()], imports=[helper.make_opsetid("own", 1)]), "functions"),
    "weights elsewhere": (model(stored=[elsewhere()]), "lie in other files"),
    "another size": (model(size=SIZE + 1), "images of another form"),
    "another number of classes": (model(stored=[weights(shape=(3, 4))]), "."),
    "another output": (model(given="answers"), "other things than logits"),
    "shapes that do not fit": (model(stored=[weights(shape=(5, CLASSES))]), "."),
    "a huge layer": (
        model(helper.make_node("Pad", ["numbers", "pads"], ["wide"]), stored=[PADS]),
        "numbers of an image",
    ),
    "a layer that grows with the square of the images": (all_with_all(), "numbers of an image"),
    "a fixed number of images": (model(number=16), "a fixed number of images"),
    "whole numbers divided by zero": (divided(1, 0), "a division of whole numbers"),
    "the least whole number by -1": (divided(-(2**31), -1), "a division of whole numbers"),
    "words": (model(helper.make_node("Cast", ["vectors"], ["words"], to=TensorProto.STRING)), "layers of no numbers"),
    "a wide convolution": (
        wide(helper.make_node("Conv", ["grey", "grey"], ["out"], auto_pad="SAME_UPPER")),
        "multiplies",
    ),
    "a wide maximum": (
        wide(helper.make_node("MaxPool", ["grey"], ["out"], kernel_shape=[2**9] * 2, auto_pad="SAME_UPPER")),
        "multiplies",
    ),
    "no bytes": (b"", "."),
    "no network": (b"no network", "."),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_more_than_arithmetic_on_images_is_refused_unrun(name, monkeypatch):
    monkeypatch.setattr("leukobench.models.network.exported.open_session", lambda *a, **k: pytest.fail("it was opened"))
    content, words = WRONG[name]
    with pytest.raises(Exception, match=words):
        Exported.restore({"graph": np.frombuffer(content, np.uint8), "slopes": np.zeros((0, 0))}, SIZE, CLASSES)


def test_a_sound_graph_is_run():
    state = {"graph": np.frombuffer(model(), np.uint8), "slopes": np.zeros((0, 0), np.float32)}
    network = Exported.restore(state, SIZE, CLASSES)
    crops = np.random.default_rng(0).integers(0, 256, (20, SIZE, SIZE, 3)).astype(np.uint8)
    expected = np.repeat(0.01 * crops.mean((1, 2)).sum(axis=1)[:, None], CLASSES, axis=1)
    np.testing.assert_allclose(network.logits(crops), expected, rtol=1e-4)
    assert network.state()["graph"].tobytes() == model()
    with pytest.raises(UsageError, match="where this network looks cannot be told from its file; name --train"):
        network.class_maps(crops, np.zeros(20, int))


def test_what_cannot_be_run_on_some_images_is_said():
    network = Exported.restore({"graph": np.frombuffer(by_number(), np.uint8), "slopes": np.zeros((0, 0))}, SIZE, 3)
    assert network.logits(np.zeros((2, SIZE, SIZE, 3), np.uint8)).shape == (2, CLASSES)
    with pytest.raises(ValueError, match="its network cannot be run on them"):
        network.logits(np.full((2, SIZE, SIZE, 3), 9, np.uint8))


def fitted(network, classes=5, size=112):
    """A network as it is when a training begins."""
    model = NetworkClassifier(network)
    model.classes_, model.size_, model.temperature_, model.n_features_in_ = np.arange(classes), size, 1.0, 3 * size**2
    model.module_ = model._build(classes, size).eval()
    return model


def test_the_graph_of_mobilenet_answers_and_looks_as_the_network_does():
    torch = pytest.importorskip("torch")
    from leukobench.models.network.explain import grad_cam

    model = fitted("mobilenet_v2")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.nn.init.normal_(model.module_.head.weight, std=0.1)
    X = np.random.default_rng(0).integers(0, 256, (3, 3 * 112**2)).astype(np.uint8)
    said, maps = model.predict_proba(X), grad_cam(model, X)
    assert np.ptp(said, axis=0).max() > 0.01
    exported = model.exported()
    assert check_graph(exported.graph, 112, 5) == 1280
    assert b"leukobench" not in exported.graph  # no names of files or of this machine
    model.module_ = Exported.restore(exported.state(), 112, 5)
    assert model.exported() is model.module_
    np.testing.assert_allclose(model.predict_proba(X), said, atol=1e-4)
    np.testing.assert_allclose(grad_cam(model, X), maps, atol=1e-3)
    assert len(exported.graph) < 10 * 2**20


def test_the_same_network_gives_the_same_bytes_and_one_with_more_behind_its_map_says_no_place():
    pytest.importorskip("torch")
    model, another = fitted("lenet", size=32), fitted("lenet", size=32)
    once, twice = model.exported(), another.exported()
    assert once is not twice
    assert once.graph == twice.graph
    assert once.slopes.shape == (0, 0)
    assert onnx.load_model_from_string(once.graph).graph.output[0].name == "logits"


def test_a_network_is_exported_once_for_the_same_weights():
    torch = pytest.importorskip("torch")
    model = fitted("lenet", size=32)
    once = model.exported()
    assert model.exported() is once
    with torch.no_grad():
        next(iter(model.module_.parameters())).mul_(2)
    assert model.exported().graph != once.graph

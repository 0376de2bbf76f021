"""The vision transformer in torch: it has the weights of a file as transformers exports it, and gives its tokens."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
torch = pytest.importorskip("torch")

from tests.test_benchmarks import BENCHMARKS, load  # noqa: E402

vision_transformer = load(BENCHMARKS / "vision_transformer.py")
VisionTransformer, load_vision_transformer = (
    vision_transformer.VisionTransformer,
    vision_transformer.load_vision_transformer,
)

DIM, DEPTH, PLACES = 64, 2, 3
FOLDED = {"query": "attention/attention/query", "key": "attention/attention/key", "value": "attention/attention/value"}
FOLDED |= {"out": "attention/output/dense", "fc1": "mlp/fc1", "fc2": "mlp/fc2"}


@pytest.fixture(scope="module")
def network():
    """A small one with weights by chance."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = VisionTransformer(DIM, DEPTH, 1, PLACES).eval()
        for each in network.parameters():
            torch.nn.init.normal_(each, std=0.1)
    return network


def exported(network, path):
    """Its weights by the names that transformers' exporter gives them, matrices folded and turned."""
    theirs = {"class_token": "embeddings.cls_token", "patches": "embeddings.patch_embeddings.projection"}
    theirs |= {"norm": "layernorm"}
    constants, nodes = [], []

    def fold(name, array):
        constants.append((f"onnx::{len(constants)}", array))
        kind = "Concat" if "embeddings" in name else "MatMul"
        nodes.append(onnx.helper.make_node(kind, ["x", constants[-1][0]], ["y"], name=name, domain="told"))

    for name, value in network.state_dict().items():
        parts, array = name.split("."), value.numpy()
        if name == "positions":
            fold("/backbone/embeddings/Reshape", array[:, 1:]), fold("/backbone/embeddings/Add", array[:, :1])
        elif parts[0] != "blocks":
            constants.append((".".join(["backbone", theirs[parts[0]], *parts[1:]]), array))
        elif parts[2] in FOLDED and parts[3] == "weight":
            fold(f"/backbone/encoder/layer.{parts[1]}/{FOLDED[parts[2]]}/MatMul", array.T)
        else:
            place = FOLDED.get(parts[2], parts[2].replace("scale", "layer_scale")).replace("/", ".")
            end = parts[3:] or ["lambda1"]
            constants.append((".".join(["backbone.encoder.layer", parts[1], place, *end]), array))
    constants.append(("decoder.weight", np.ones(3, np.float32)))
    arrays = [onnx.numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in constants]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "told", [], [], arrays)), path)
    return path


def test_the_weights_of_a_file_go_where_they_belong(network, tmp_path):
    loaded = load_vision_transformer(exported(network, tmp_path / "small.onnx")).eval()
    images = torch.randn(2, 3, 42, 42, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(loaded.tokens(images), network.tokens(images))


def test_any_side_that_patches_fit_into_is_taken(network):
    with torch.inference_mode():
        tokens = network.tokens(torch.zeros(1, 3, 28, 70))
        assert tokens.shape == (1, 1 + 2 * 5, DIM)
        assert torch.equal(network(torch.zeros(1, 3, 28, 70)), tokens[:, 0])


def test_each_patch_is_known_by_its_place(network):
    images = torch.zeros(1, 3, 42, 42)
    images[:, :, 14:28, 28:42] = 3.0
    with torch.inference_mode():
        moved = torch.roll(images, 14, 3)
        first, second = (network.patches(each).flatten(2).norm(dim=1).argmax() for each in (images, moved))
        assert (first, second) == (5, 3)
        assert not torch.allclose(network(images), network(moved))

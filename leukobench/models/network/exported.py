"""A trained network as an ONNX graph: ONNX Runtime runs it, so that who predicts needs no torch."""

import math
from functools import cached_property

import numpy as np

from leukobench.errors import UsageError, in_one_line
from leukobench.models.backbones.onnx_network import open_session
from leukobench.models.pipeline import threads
from leukobench.models.soundness import ensure

IMAGES, LOGITS, MAPS = "images", "logits", "maps"  # what a graph takes and gives, by name
BATCH = 16  # images at a time: so many maps of MobileNetV2 stay in a processor's cache
MOST_NUMBERS = 2**25  # that one image becomes on its way, all layers together; MobileNetV2 makes 6 million of it
MOST_PRODUCTS = 2**36  # of two numbers that these take, seconds of a core; MobileNetV2 takes 80 million
OPERATORS = {
    *("Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Conv", "Div", "Erf", "Exp"),
    *("Flatten", "Gather", "GatherND", "Gelu", "Gemm", "GlobalAveragePool", "GroupNormalization"),
    *("HardSigmoid", "HardSwish", "Identity", "InstanceNormalization", "LayerNormalization", "MatMul"),
    *("MaxPool", "Mul", "Pad", "Pow", "ReduceMean", "Relu", "Reshape", "Sigmoid", "Slice", "Softmax", "Split"),
    *("Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze", "Where"),
}
"""What a graph may ask for: arithmetic on arrays that are there. Nothing that loops, branches, draws or reads files."""
REALS = ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE")
NUMBERS = (*REALS, "UINT8", "INT32", "INT64", "BOOL")
"""Names of what layers may be made of. Only reals are divided: a whole number by zero or by -1 may end the process."""


class Exported:
    """A network that takes bytes and gives logits.

    Parameters
    ----------
    graph : bytes
        Of an ONNX model that `check_graph` has passed: uint8 RGB images (n, size, size, 3) to logits (n, k), and where
        there are slopes the last feature map (n, channels, h, w).
    slopes : float array of shape (k, channels)
        How much a class's logit rises with each channel of the map, where that is the same for all pictures; without
        rows where it is not, or there is no such map.
    """

    def __init__(self, graph, slopes):
        self.graph, self.slopes = graph, slopes

    def logits(self, crops):
        """Logits of crops, shape (n, k)."""
        return self._run(LOGITS, crops)

    def class_maps(self, crops, columns):
        """What speaks for a class, place by place, as Grad-CAM has it before it is scaled.

        Parameters
        ----------
        crops : uint8 array of shape (n, size, size, 3)
        columns : int array of shape (n,)
            The class of each.

        Returns
        -------
        float32 array of shape (n, h, w)

        Raises
        ------
        UsageError
            Where slopes depend on the picture, which takes the network itself.
        """
        if not len(self.slopes):
            raise UsageError(
                "where this network looks cannot be told from its file", "name --train in place of --load to explain it"
            )
        weighted = np.einsum("nc,nchw->nhw", self.slopes[columns], self._run(MAPS, crops))
        return np.maximum(weighted, 0)

    def state(self):
        """The same as arrays, for a file; `restore` reads it."""
        return {"graph": np.frombuffer(self.graph, np.uint8), "slopes": self.slopes}

    def _run(self, output, crops):
        starts = range(0, len(crops), BATCH)
        parts = (np.ascontiguousarray(crops[start : start + BATCH]) for start in starts)
        session = self._session
        try:
            return np.concatenate([session.run([output], {IMAGES: part})[0] for part in parts])
        except Exception as error:  # ONNX Runtime's own exceptions have no common base of theirs
            raise ValueError(f"its network cannot be run on them ({in_one_line(error)})") from error

    @cached_property
    def _session(self):
        return open_session(self.graph, threads=threads())

    @classmethod
    def restore(cls, state, size, classes):
        """The network in what `state` gave, which may come from anywhere; ValueError where it is unsound.

        Parameters
        ----------
        state : dict
        size, classes : int
            Side of its images, and how many classes it tells apart.

        Returns
        -------
        Exported
        """
        graph, slopes = state["graph"].tobytes(), state["slopes"]
        channels = check_graph(graph, size, classes)
        shape = (classes, channels) if channels else (0, 0)
        ensure(slopes.shape == shape and slopes.dtype.kind == "f" and np.isfinite(slopes).all(), "strange slopes")
        return cls(graph, slopes)


def check_graph(content, size, classes):
    """Refuse an ONNX model that is more than arithmetic, or that one image could make too large.

    Parameters
    ----------
    content : bytes
    size, classes : int
        Of its images and answers.

    Returns
    -------
    int
        Channels of the map that it gives beside its logits; 0 where it gives none.

    Raises
    ------
    ValueError
        Where it takes or gives something else, asks for another operator, keeps arrays in other files, or makes more
        than `MOST_NUMBERS` of an image by more than `MOST_PRODUCTS`, whatever other images are beside it.
    """
    import onnx

    model = onnx.load_model_from_string(content)
    graph = model.graph
    ensure(not (model.functions or model.training_info or graph.sparse_initializer), "a network with functions")
    asked = {f"{node.domain}:{node.op_type}".removeprefix("ai.onnx").removeprefix(":") for node in graph.node}
    ensure(asked <= OPERATORS, f"a network that asks for {', '.join(sorted(asked - OPERATORS))}")
    stored = graph.initializer
    outside = any(each.external_data or each.data_location != onnx.TensorProto.DEFAULT for each in stored)
    ensure(not outside, "a network whose weights lie in other files")
    ensure([each.name for each in graph.input] == [IMAGES], "a network that takes other things than images")
    kind = graph.input[0].type.tensor_type
    ensure(not kind.shape.dim[0].dim_value, "a network for a fixed number of images")
    # As many images as are given at a time: what is there once for each of two grows with the square of their number.
    kind.shape.dim[0].dim_value = BATCH
    ensure((kind.elem_type, _shape(kind)) == (onnx.TensorProto.UINT8, (BATCH, size, size, 3)), "images of another form")
    names = [each.name for each in graph.output]
    ensure(names in ([LOGITS], [LOGITS, MAPS]), "a network that gives other things than logits")
    onnx.checker.check_model(model)
    del graph.value_info[:]
    for each in graph.output:
        each.type.tensor_type.ClearField("shape")
    known = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True).graph
    layers = {each.name: each.type.tensor_type for each in (*known.value_info, *known.output)}
    shapes = {name: _shape(layer) for name, layer in layers.items()}
    ensure({name for node in graph.node for name in node.output if name} == {*shapes}, "layers of unknown size")
    ensure(all(min(shape, default=1) > 0 for shape in shapes.values()), "layers of unknown size")
    types = {name: onnx.TensorProto.DataType.Name(layer.elem_type) for name, layer in layers.items()}
    ensure({*types.values()} <= {*NUMBERS}, "layers of no numbers")
    divided = {types[node.output[0]] for node in graph.node if node.op_type == "Div"}
    ensure(divided <= {*REALS}, "a division of whole numbers")
    numbers = sum(map(math.prod, shapes.values()))
    ensure(numbers <= BATCH * MOST_NUMBERS, f"a network that makes {numbers // BATCH:,} numbers of an image")
    shapes |= {IMAGES: _shape(kind)} | {each.name: tuple(each.dims) for each in stored}
    products = sum(math.prod(shapes[node.output[0]]) * _taken(node, shapes) for node in graph.node)
    ensure(products <= BATCH * MOST_PRODUCTS, f"a network that multiplies {products // BATCH:,} times for an image")
    ensure(shapes[LOGITS] == (BATCH, classes), "a network for another number of classes")
    answers = shapes.get(MAPS, (BATCH, 0, 1, 1))
    ensure(len(answers) == 4 and answers[0] == BATCH, "a map of another form")
    return answers[1]


def _taken(node, shapes):
    """How many numbers each number that a node makes is made of, at most."""
    if node.op_type == "Conv":
        return math.prod(shapes[node.input[1]][1:])
    if node.op_type in ("Gemm", "MatMul"):
        return max(shapes[node.input[1]], default=1)
    return math.prod(size for each in node.attribute if each.name == "kernel_shape" for size in each.ints)


def _shape(kind):
    """Sizes of a tensor by its type; 0 where one is not known."""
    return tuple(each.dim_value for each in kind.shape.dim)

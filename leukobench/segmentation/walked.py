"""The network walked node by node in array code, for a device that ONNX Runtime has no provider for here.

The file is the same that `leukobench.segmentation.network` hands to ONNX Runtime; only the few operations that it is
made of are known.
"""

from functools import cache

import numpy as np

from leukobench.segmentation.network import apart, file


def predict(arrays, pictures):
    """Logits of whole cell and nucleus of a stack of pictures.

    Parameters
    ----------
    arrays : leukobench.devices.Arrays
    pictures : float32 array of that library, shape (n, 4, SIDE, SIDE)

    Returns
    -------
    float32 array of that library, shape (n, 2, SIDE, SIDE)
    """
    xp = arrays.xp
    nodes, constants = _graph()
    values = dict(_placed(xp, arrays.place()), pictures=pictures)
    for operation, inputs, output, attributes in nodes:
        # what decides a shape stays with the host
        given = [constants[name] if name in constants and name not in values else values.get(name) for name in inputs]
        values[output] = OPERATIONS[operation](xp, *given, **attributes)
    return apart(values["logits"])


def _convolution(xp, x, weights, bias, *, kernel_shape, pads, strides, **others):
    """A product of matrices: each pixel's neighbourhood is a column."""
    (rows, columns), (top, left, bottom, right), (down, across) = kernel_shape, pads, strides
    if any(pads):
        x = xp.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    height, width = (x.shape[2] - rows) // down + 1, (x.shape[3] - columns) // across + 1
    shifted = [
        x[:, :, dy : dy + down * height : down, dx : dx + across * width : across]
        for dy in range(rows)
        for dx in range(columns)
    ]
    neighbours = xp.stack(shifted, axis=2) if len(shifted) > 1 else x
    product = xp.matmul(weights.reshape(1, len(weights), -1), neighbours.reshape(len(x), -1, height * width))
    product += bias[:, None]
    return product.reshape(len(x), -1, height, width)


def _enlarged(xp, x, region, scales, **others):
    """The nearest pixel, for whole factors."""
    return xp.repeat(xp.repeat(x, int(scales[2]), axis=2), int(scales[3]), axis=3)


OPERATIONS = {
    "Conv": _convolution,
    "Relu": lambda xp, x: xp.maximum(x, 0),
    "Add": lambda xp, a, b: a + b,
    "Gemm": lambda xp, x, weights, bias, **others: xp.matmul(x, weights.T) + bias,
    "ReduceMean": lambda xp, x, axes, **others: x.mean(axis=tuple(axes.tolist())),
    "Unsqueeze": lambda xp, x, axes: x.reshape(*x.shape, *(1,) * len(axes)),
    "Resize": _enlarged,
}


@cache
def _graph():
    """The nodes in order, as (operation, inputs, output, attributes), and the constants in single precision."""
    import onnx

    graph = onnx.load(file()).graph
    constants = {given.name: onnx.numpy_helper.to_array(given) for given in graph.initializer}
    nodes = []
    for node in graph.node:
        if node.op_type == "Cast":
            # weights are kept in half precision
            constants[node.output[0]] = constants[node.input[0]].astype(np.float32)
        else:
            attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
            nodes.append((node.op_type, list(node.input), node.output[0], attributes))
    return nodes, constants


@cache
def _placed(xp, place):
    """The weights in an array library's memory, copied there once for each device."""
    nodes, constants = _graph()
    of_layers = {name for operation, inputs, *_ in nodes if operation in ("Conv", "Gemm") for name in inputs[1:]}
    return {name: xp.asarray(constants[name]) for name in of_layers}

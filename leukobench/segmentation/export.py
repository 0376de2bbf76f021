"""The trained network as an ONNX file: batch normalisation folded in, weights in half precision, rows in pairs.

The runtime computes 16 channels at a time where the processor does, and the first level has eight. So two rows are one
there of twice as many channels, and the weights of that level are arranged for it: the same sums with zeros among them,
in an eighth less time. The answer comes in such pairs, too (`network.apart`).
"""

import copy

import numpy as np

from leukobench.segmentation.network import SIDE


def save_network(path, network, origin):
    """Store a network as an ONNX file.

    Weights are kept as half floats, which the runtime widens as it opens the file.

    Parameters
    ----------
    path : path-like
    network : torch.nn.Module
        As `leukobench.segmentation.train.build_network` makes it.
    origin : str
        A line on where the weights come from, kept as the property "origin" of the file.
    """
    import onnx
    import torch

    pictures = torch.zeros(2, 4, SIDE, SIDE)
    names = {"input_names": ["pictures"], "output_names": ["logits"]}
    dynamic = ({0: torch.export.Dim("n")},)
    exported = torch.onnx.export(paired(network), (pictures,), dynamo=True, dynamic_shapes=dynamic, **names)
    model = exported.model_proto
    graph = model.graph
    for node in graph.node:
        node.ClearField("metadata_props")  # where in PyTorch it comes from
    widened = []
    for weights in graph.initializer:
        if weights.data_type == onnx.TensorProto.FLOAT:
            name, half = weights.name, onnx.numpy_helper.to_array(weights).astype(np.float16)
            weights.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}.half"))
            widened.append(onnx.helper.make_node("Cast", [weights.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*widened, *graph.node]
    graph.ClearField("node")
    graph.node.extend(nodes)
    onnx.helper.set_model_props(model, {"origin": origin})
    onnx.save(model, path)


def paired(network):
    """A copy of a network whose first level and answer are of pairs of rows, with batch normalisation folded in.

    Parameters
    ----------
    network : torch.nn.Module
        As `leukobench.segmentation.train.build_network` makes it.

    Returns
    -------
    torch.nn.Module
    """
    from torch import nn
    from torch.nn.utils import fuse_conv_bn_eval

    network = copy.deepcopy(network).eval().requires_grad_(False)
    for block in (network.encoder0, *network.down, *network.encoder, *network.decoder):
        block[0], block[1] = fuse_conv_bn_eval(block[0], block[1]), nn.Identity()
    network.encoder0[0] = _to_pairs(network.encoder0[0])
    network.decoder[0][0] = _of_pairs(network.decoder[0][0])
    network.output = _of_pairs(network.output)
    network.lateral[0] = _repeated(network.lateral[0])
    network.down[0][0] = _from_pairs(network.down[0][0])
    return network


def _to_pairs(layer):
    """A convolution of 3 x 3 of rows, as one to pairs: for both rows of a pair, the four that they are made of."""
    made, upper = _convolution(layer, 1, 2, kernel_size=(4, 3), stride=(2, 1)), layer.out_channels
    made.weight[:upper, :, :3], made.weight[upper:, :, 1:] = layer.weight, layer.weight
    return made


def _of_pairs(layer):
    """A convolution of rows, as one of pairs to pairs."""
    made, channels_out, channels_in = _convolution(layer, 2, 2), layer.out_channels, layer.in_channels
    reach = layer.kernel_size[0] // 2
    for half in (0, 1):
        for row in range(-reach, reach + 1):
            pair, other = divmod(half + row, 2)
            of = made.weight[half * channels_out :, other * channels_in :, reach + pair]
            of[:channels_out, :channels_in] = layer.weight[:, :, reach + row]
    return made


def _repeated(layer):
    """A convolution of single pixels, whose row is both rows of a pair."""
    made = _convolution(layer, 1, 2)
    made.weight[:] = layer.weight.repeat(2, 1, 1, 1)
    return made


def _from_pairs(layer):
    """A convolution of 3 x 3 of every other pixel, as one of pairs to single rows: of a pair and the row above."""
    from torch import nn

    made, channels_in = _convolution(layer, 2, 1, kernel_size=(2, 3), padding=0, stride=(1, 2)), layer.in_channels
    made.weight[:, channels_in:, 0] = layer.weight[:, :, 0]
    made.weight[:, :channels_in, 1] = layer.weight[:, :, 1]
    made.weight[:, channels_in:, 1] = layer.weight[:, :, 2]
    return nn.Sequential(nn.ZeroPad2d((1, 1, 1, 0)), made)


def _convolution(layer, times_in, times_out, **others):
    """A layer like this one of so many times the channels, with its biases and without weights."""
    from torch import nn

    like = {"kernel_size": layer.kernel_size, "padding": layer.padding} | others
    made = nn.Conv2d(times_in * layer.in_channels, times_out * layer.out_channels, **like).requires_grad_(False)
    made.weight[:], made.bias[:] = 0, layer.bias.repeat(times_out)
    return made

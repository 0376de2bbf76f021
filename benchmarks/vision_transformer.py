"""A vision transformer of DINOv2's kind in torch, with the weights of an ONNX file that transformers has exported.

Imports torch, so it is imported when such a network is built and never before.
"""

import re

import numpy as np
import torch
from torch.nn import functional

PATCH = 14
HEAD = 64  # channels of one, in all sizes that were published
OURS = (
    (r"embeddings\.cls_token", "class_token"),
    (r"embeddings\.position_embeddings", "positions"),
    (r"embeddings\.patch_embeddings\.projection", "patches"),
    (r"encoder\.layer\.", "blocks."),
    (r"attention\.attention\.", ""),
    (r"attention\.output\.dense", "out"),
    (r"layer_scale([12])\.lambda1", r"scale\1"),
    (r"mlp\.", ""),
    (r"layernorm", "norm"),
)
"""What transformers calls weights, and what they are called here."""


class Block(torch.nn.Module):
    """Attention between tokens and then two layers on each, both scaled and added to what was there.

    Parameters
    ----------
    dim, heads : int
    """

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = (torch.nn.LayerNorm(dim, eps=1e-6) for _ in range(2))
        self.query, self.key, self.value, self.out = (torch.nn.Linear(dim, dim) for _ in range(4))
        self.fc1, self.fc2 = torch.nn.Linear(dim, 4 * dim), torch.nn.Linear(4 * dim, dim)
        self.scale1, self.scale2 = (torch.nn.Parameter(torch.ones(dim)) for _ in range(2))

    def forward(self, tokens):
        """Tokens (n, t, dim) to as many."""
        seen = self.norm1(tokens)
        parts = (
            layer(seen).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        tokens = tokens + self.scale1 * self.out(
            functional.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2)
        )
        return tokens + self.scale2 * self.fc2(functional.gelu(self.fc1(self.norm2(tokens))))


class VisionTransformer(torch.nn.Module):
    """Normalised images (n, 3, side, side), of any side that patches fit into, to the vectors of their class tokens.

    Parameters
    ----------
    dim, depth, heads : int
    places : int
        Along a side, of the position embeddings; they are resampled to the patches of an image.
    """

    def __init__(self, dim=384, depth=12, heads=6, places=37):
        super().__init__()
        self.class_token = torch.nn.Parameter(torch.zeros(1, 1, dim))
        self.positions = torch.nn.Parameter(torch.zeros(1, 1 + places**2, dim))
        self.patches = torch.nn.Conv2d(3, dim, PATCH, PATCH)
        self.blocks = torch.nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.norm = torch.nn.LayerNorm(dim, eps=1e-6)

    def tokens(self, images):
        """The class token and then the patches, row by row: (n, 1 + patches, dim)."""
        patches = self.patches(images)
        places = round((self.positions.shape[1] - 1) ** 0.5)
        grid = self.positions[:, 1:].transpose(1, 2).unflatten(2, (places, places))
        grid = functional.interpolate(grid, patches.shape[2:], mode="bicubic")
        tokens = (patches + grid).flatten(2).transpose(1, 2)
        first = (self.class_token + self.positions[:, :1]).expand(len(images), -1, -1)
        tokens = torch.cat([first, tokens], 1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)

    def forward(self, images):
        """The vectors (n, dim)."""
        return self.tokens(images)[:, 0]


def load_vision_transformer(path):
    """A vision transformer with the weights of an ONNX file, and as wide and deep as they are.

    Parameters
    ----------
    path : path-like
        Of the graph of transformers' `Dinov2Model`, or of one that has it as its "backbone"; what else is in the file
        is passed over, and the graph is not run.

    Returns
    -------
    VisionTransformer
    """
    import onnx

    graph = onnx.load(path).graph
    found = {each.name: np.array(onnx.numpy_helper.to_array(each), np.float32) for each in graph.initializer}
    apart = []
    for node in graph.node:
        # the exporter names what it has folded by number: the node that takes it tells what it is
        folded = [found[name] for name in node.input if name in found and name.startswith("onnx::")]
        if folded and node.op_type == "MatMul":
            found[f"{node.name.rpartition('/')[0].strip('/').replace('/', '.')}.weight"] = folded[0].T
        elif folded and "/embeddings/" in node.name:
            apart += folded
    found["embeddings.position_embeddings"] = np.concatenate(sorted(apart, key=np.size), 1)
    weights = {_our_name(name): torch.from_numpy(np.ascontiguousarray(array)) for name, array in found.items()}
    (_, places, dim), depth = weights["positions"].shape, sum(name.endswith("scale1") for name in weights)
    network = VisionTransformer(dim, depth, dim // HEAD, round((places - 1) ** 0.5))
    network.load_state_dict({name: weights[name] for name in network.state_dict()})
    return network


def _our_name(name):
    name = name.removeprefix("backbone.")
    for theirs, ours in OURS:
        name = re.sub(theirs, ours, name)
    return name

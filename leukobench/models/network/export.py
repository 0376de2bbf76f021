"""From a trained network to its ONNX graph.

Imports torch, so it is imported when the first network is exported and never before.
"""

import hashlib
import weakref

import numpy as np
import torch

from leukobench.errors import UsageError
from leukobench.models.inference import export_onnx
from leukobench.models.network.explain import channel_weights, last_map
from leukobench.models.network.exported import IMAGES, LOGITS, MAPS, Exported, check_graph

TRIED = 3  # pictures of noise that slopes are compared on
ALIKE = 1e-3  # of the steepest: how much slopes may differ that count as the same
_MADE = weakref.WeakKeyDictionary()
"""Network to what its graph depends on, and the graph: a file is written in several passes, and each asks for it."""


def export_network(module, size, classes):
    """Export a trained network.

    Parameters
    ----------
    module : torch.nn.Module
        Of `leukobench.models.network.architecture.build_network`, on the CPU, in evaluation mode.
    size, classes : int
        Side of its images in px, and how many classes it tells apart.

    Returns
    -------
    Exported
        The same network gives the same bytes: names of files and of this machine are left out.

    Raises
    ------
    UsageError
        Where onnx or onnxscript are missing.
    ValueError
        Where it is made of something that `check_graph` refuses.
    """
    weights = hashlib.sha256()
    for each in module.state_dict().values():
        weights.update(each.numpy(force=True).tobytes())
    asked = weights.digest(), size, classes
    if module not in _MADE or _MADE[module][0] != asked:
        _MADE[module] = asked, _export(module, size, classes)
    return _MADE[module][1]


def _export(module, size, classes):
    place, slopes = _steady_slopes(module, size, classes)
    outputs = [LOGITS, MAPS] if len(slopes) else [LOGITS]
    model = export_onnx(_Answering(module, place if len(slopes) else None).eval(), size, outputs, images=IMAGES)
    parts = (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer)
    for part in parts:
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    del model.graph.value_info[:]
    graph = model.SerializeToString(deterministic=True)
    check_graph(graph, size, classes)
    return Exported(graph, slopes)


class _Answering(torch.nn.Module):
    """Gives logits, and the map that a place gives."""

    def __init__(self, network, place):
        super().__init__()
        self.network, self.place = network, place

    def forward(self, images):
        if self.place is None:
            return self.network(images)[0]
        layer, call = self.place
        kept = []
        hook = layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
        try:
            logits, _ = self.network(images)
        finally:
            hook.remove()
        return logits, kept[call - 1]


def _steady_slopes(module, size, classes):
    """The place of the last map, and Grad-CAM's weights of its channels where all pictures have the same; else none."""
    rng = np.random.default_rng(0)
    contrast = np.linspace(1 / TRIED, 1, TRIED)[:, None, None, None]
    crops = (rng.integers(0, 256, (TRIED, size, size, 3)) * contrast).astype(np.uint8)
    nothing = np.zeros((0, 0), np.float32)
    try:
        place = last_map(module, crops[:1])
    except UsageError:
        return None, nothing
    images = torch.from_numpy(crops)
    slopes = np.stack([channel_weights(module, place, images, torch.full((TRIED,), k))[1] for k in range(classes)])
    steady = np.ptp(slopes, axis=1).max() <= ALIKE * np.abs(slopes).max()
    return place, np.ascontiguousarray(slopes[:, 0]) if steady else nothing

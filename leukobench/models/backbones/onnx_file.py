"""Networks in ONNX files: whatever turns one batch of images into vectors or feature maps."""

import os
import warnings
from functools import lru_cache, partial
from pathlib import Path

from leukobench.errors import UsageError
from leukobench.inputs import read_toml
from leukobench.models.backbones.card import IMAGENET_MEAN, IMAGENET_STD, Backbone
from leukobench.models.backbones.onnx_network import open_network
from leukobench.models.spec import ModelSpec

FACTS = {
    "input_size": (int, 224),
    "mean": (list, IMAGENET_MEAN),
    "std": (list, IMAGENET_STD),
    "licence": (str, "not stated"),
    "source": (str, "not stated"),
    "pretrained_on": (list, ("not stated",)),
    "contamination": (list, ()),
}
"""What `<file>.toml` beside a file may state: name to type and default; the file's own input size goes before."""


def onnx_card(name):
    """The card of a network in an ONNX file.

    The file has one input: float images (n, 3, size, size), which are normalised here, or uint8 images
    (n, size, size, 3), which the network normalises itself; RGB either way. Its first output is vectors (n, d), or maps
    (n, d, h, w), which are averaged. n may be fixed. What the file cannot say stands in `<file>.toml` beside it
    (`FACTS`).
    """
    path = Path(name).expanduser()
    if not path.is_file():
        raise UsageError(f"there is no ONNX file {path}", "give its path: onnx:<folder>/<file>.onnx")
    stated = path.with_name(f"{path.name}.toml")
    shown = os.path.relpath(path) if path.is_absolute() else str(path)  # a name goes into records, and a home does not
    return _card(str(ModelSpec("onnx", (shown,))), path.resolve(), *(_modified(each) for each in (path, stated)))


def _modified(path):
    return path.stat().st_mtime_ns if path.is_file() else None


@lru_cache(maxsize=32)
def _card(name, path, *modified):
    beside = path.with_name(f"{path.name}.toml")
    stated = _stated(beside)
    if "pretrained_on" not in stated:
        warnings.warn(
            f"{path.name} does not say what it was trained on: if that was a dataset here, its scores are no test of "
            f"transfer; state pretrained_on and contamination in {beside}",
            stacklevel=3,
        )
    facts = {key: stated.get(key, default) for key, (_, default) in FACTS.items()}
    facts |= {key: tuple(value) for key, value in facts.items() if isinstance(value, list)}
    network = open_network(path, facts["input_size"])
    return Backbone(
        name=name,
        load=None,
        weights=partial(Path, path),
        sha256="",
        dim=network.dim,
        pooling="as the file pools, else the mean of its map",
        origin=str(path),
        libraries=(),
        **facts | {"input_size": network.size},
    )


def _stated(path):
    if not path.exists():
        return {}
    stated = read_toml(path)
    for key, value in stated.items():
        if key not in FACTS:
            raise UsageError(f"{path} states '{key}'", f"known: {', '.join(FACTS)}")
        if not isinstance(value, FACTS[key][0]):
            raise UsageError(f"{path}: '{key}' must be a {FACTS[key][0].__name__}")
        if key in ("mean", "std") and (len(value) != 3 or not all(isinstance(each, int | float) for each in value)):
            raise UsageError(f"{path}: '{key}' must be three numbers", "of R, G and B, on the scale 0 to 255")
    return stated

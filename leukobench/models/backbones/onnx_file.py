"""Networks in ONNX files: whatever turns one batch of images into vectors or feature maps."""

import os
import warnings
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from leukobench.errors import UsageError
from leukobench.inputs import read_toml
from leukobench.models.backbones.card import IMAGENET_MEAN, IMAGENET_STD, Backbone
from leukobench.models.backbones.libraries import import_deep
from leukobench.models.spec import ModelSpec

MOST_PIXELS = 2**26  # of a batch, whose size a file may fix: more than a thousand images of 224 px
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

    Parameters
    ----------
    name : str
        Path of the file.

    Returns
    -------
    Backbone

    Raises
    ------
    UsageError
        Where there is no such file, it is no ONNX network of this form, or ONNX Runtime does not import.
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
        libraries=("onnxruntime",),
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


@dataclass(frozen=True)
class OnnxNetwork:
    """An opened ONNX file.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    size : int
        Side of its images, in pixels.
    batch : int or None
        Images that it takes at a time; None is any number.
    raw : bool
        Whether it takes uint8 images (n, size, size, 3) rather than normalised ones (n, 3, size, size).
    dim : int
        Length of a vector.
    """

    session: object
    size: int
    batch: int | None
    raw: bool
    dim: int

    def vectors(self, images, mean=(0, 0, 0), std=(1, 1, 1)):
        """Embed a batch.

        Parameters
        ----------
        images : uint8 array of shape (n, size, size, 3)
            RGB.
        mean, std : three floats
            Normalisation, where the network takes float images.

        Returns
        -------
        float32 array of shape (n, dim)
        """
        images = np.ascontiguousarray(images)
        if not self.raw:
            images = (images - np.float32(mean)) / np.float32(std)
            images = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32)
        step = self.batch or max(len(images), 1)
        parts = [self._run(images[start : start + step], step) for start in range(0, len(images), step)]
        return np.concatenate(parts) if parts else np.empty((0, self.dim), np.float32)

    def _run(self, images, step):
        number = len(images)
        if self.batch and number < step:  # a fixed batch is filled up, and what was filled in is thrown away
            images = np.concatenate([images, np.zeros((step - number, *images.shape[1:]), images.dtype)])
        output = self.session.run(None, {self.session.get_inputs()[0].name: images})[0][:number]
        return (output.mean((2, 3)) if output.ndim == 4 else output).astype(np.float32)


def open_network(path, input_size=224, *, threads=None, cuda=False):
    """Open an ONNX file and look at what it takes and gives.

    Parameters
    ----------
    path : path-like
        The file.
    input_size : int, default 224
        Side of the images in pixels, where the file leaves it open.
    threads : int or None, default None
        Threads on the CPU; None is one per core.
    cuda : bool, default False
        Run it on CUDA.

    Returns
    -------
    OnnxNetwork

    Raises
    ------
    UsageError
        Where the file is not of the form that `onnx_card` describes, or ONNX Runtime is not there or has no CUDA.
    """
    session = open_session(path, threads=threads, cuda=cuda)
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise UsageError(f"{path} takes {len(inputs)} inputs", "a backbone takes images and nothing else")
    kind, shape = inputs[0].type, inputs[0].shape
    raw = kind == "tensor(uint8)" and len(shape) == 4 and shape[3] == 3
    if not raw and not (kind == "tensor(float)" and len(shape) == 4 and shape[1] == 3):
        raise UsageError(
            f"{path} takes {kind} of shape {shape}", "known: float (n, 3, size, size) and uint8 (n, size, size, 3)"
        )
    sides = shape[1:3] if raw else shape[2:]
    size = next((side for side in sides if isinstance(side, int)), input_size)
    if any(isinstance(side, int) and side != size for side in sides):
        raise UsageError(f"{path} takes images of {sides} px", "a backbone takes square ones")
    batch = shape[0] if isinstance(shape[0], int) else None
    if min(size, batch or 1) < 1 or (batch or 1) * size**2 > MOST_PIXELS:
        raise UsageError(
            f"{path} takes {batch or 1:,} image(s) of {size:,} px", f"at most {MOST_PIXELS:,} pixels at once"
        )
    zeros = np.zeros(
        (batch or 1, size, size, 3) if raw else (batch or 1, 3, size, size), np.uint8 if raw else np.float32
    )
    try:
        output = session.run(None, {inputs[0].name: zeros})[0]
    except Exception as error:  # ONNX Runtime's own exceptions have no common base of theirs
        raise UsageError(
            f"{path} does not run at {size} px ({_first_line(error)})", "state input_size beside it"
        ) from error
    if not isinstance(output, np.ndarray) or output.ndim not in (2, 4) or len(output) != len(zeros):
        raise UsageError(
            f"{path} gives an output of shape {np.shape(output)} for {len(zeros)} image(s)",
            "known: vectors (n, d) and maps (n, d, h, w)",
        )
    return OnnxNetwork(session, size, batch, raw, output.shape[1])


def open_session(path, *, threads=None, cuda=False):
    """Open an ONNX file in ONNX Runtime.

    Parameters
    ----------
    path, threads, cuda
        As for `open_network`.

    Returns
    -------
    onnxruntime.InferenceSession

    Raises
    ------
    UsageError
        Where ONNX Runtime is not there, has no CUDA or cannot read the file.
    """
    onnxruntime = import_deep("onnxruntime")
    if cuda and not has_cuda():
        raise UsageError("this ONNX Runtime has no CUDA", "pip install onnxruntime-gpu, or use device='cpu'")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3  # its warnings are about what exporters wrote
    # waiting threads soon sleep: where other work shares the cores, the default's long spin doubles the time
    options.add_session_config_entry("session.intra_op.spin_duration_us", "100")
    providers = ["CUDAExecutionProvider"] * cuda + ["CPUExecutionProvider"]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime's own exceptions have no common base of theirs
        raise UsageError(f"{path} is no ONNX file that can be run ({_first_line(error)})") from error


def has_cuda():
    """Whether ONNX Runtime is there and can run on CUDA."""
    return "CUDAExecutionProvider" in import_deep("onnxruntime").get_available_providers()


def _first_line(error):
    return str(error).splitlines()[0][:200]

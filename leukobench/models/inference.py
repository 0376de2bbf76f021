"""From a backbone's card to a function over batches of images, as fast as this machine allows."""

import logging
import os
import warnings
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from leukobench.cache import cache_folder
from leukobench.devices import as_cupy, lies_on_device, on_host
from leukobench.errors import UsageError
from leukobench.files import atomic_write, content_hash
from leukobench.models.backbones import INSTALL, import_deep
from leukobench.models.backbones.onnx_network import has_cuda, open_network, open_session

EXPORT_VERSION = "1"


@lru_cache(maxsize=4)
def embedder(backbone, input_size, device="auto", runtime="auto", threads=None, pooling="last"):
    """Make the function that embeds a batch of images.

    Parameters
    ----------
    backbone : Backbone
        Card of the network.
    input_size : int
        Side of the images, in pixels.
    device : {"auto", "cpu", "cuda"}, default "auto"
        "auto" is CUDA where torch has it, else the CPU.
    runtime : {"auto", "onnx", "torch"}, default "auto"
        "auto" is torch in half precision on CUDA; on the CPU it is ONNX Runtime, about three times as fast as torch,
        or torch where what exports to it does not import.
    threads : int or None, default None
        Threads on the CPU; None is the limit of this process, which is one per core where there is none.
    pooling : {"last", "multi_stage"}, default "last"
        See `leukobench.models.embedding.CNNEmbedding`.

    Returns
    -------
    callable
        uint8 RGB images (n, size, size, 3) to float32 vectors (n, dim).

    Raises
    ------
    UsageError
        Where a library or the weights are missing, or the device is not there.
    """
    backbone.length(pooling)
    if backbone.load is None:
        return _file_embedder(backbone, input_size, device, runtime, threads)
    if device == "auto":
        device = "cuda" if import_deep("torch").cuda.is_available() else "cpu"
    elif device == "cuda" and not import_deep("torch").cuda.is_available():
        raise UsageError("no CUDA device was found", "use device='cpu' or 'auto'")
    if device == "cpu" and runtime == "auto":
        try:
            return _onnx_embedder(backbone, input_size, threads, pooling)
        except _NoOnnx as error:
            warnings.warn(f"{error}: torch embeds instead, more slowly", stacklevel=2)
    if device == "cpu" and runtime == "onnx":
        return _onnx_embedder(backbone, input_size, threads, pooling)
    return _torch_embedder(backbone, input_size, device, threads, pooling)


class _NoOnnx(UsageError):
    """What exports to ONNX Runtime does not import."""


def import_exporters():
    """Import what exports a network of torch to ONNX Runtime; UsageError where it does not import."""
    try:
        for library in ("onnx", "onnxscript"):
            import_deep(library)
    except UsageError as error:
        raise _NoOnnx(error.message, error.hint) from error


def _file_embedder(backbone, input_size, device, runtime, threads):
    if runtime == "torch":
        raise UsageError(f"{backbone.name} is an ONNX file", "use runtime='onnx' or 'auto'")
    if input_size != backbone.input_size:
        raise UsageError(f"{backbone.name} takes images of {backbone.input_size} px", "leave out input_size")
    cuda = device == "cuda" or (device == "auto" and has_cuda())
    network = open_network(backbone.file(), backbone.input_size, threads=threads, cuda=cuda)
    return lambda images: network.vectors(on_host(images), backbone.mean, backbone.std)


def normalised(backbone, input_size, pooling="last"):
    """Put the normalisation in front of a backbone; parameters are those of `embedder`.

    Returns
    -------
    torch.nn.Module
        uint8 RGB images (n, size, size, 3) to vectors (n, dim), in the floating type of its weights.
    """
    torch = import_deep("torch")

    class Normalised(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = backbone.module(input_size, pooling)
            for name in ("mean", "std"):
                self.register_buffer(name, torch.tensor(getattr(backbone, name)).view(1, 3, 1, 1))

        def forward(self, images):
            images = images.permute(0, 3, 1, 2).to(self.mean.dtype)
            return self.network((images - self.mean) / self.std)

    return Normalised().eval()


def _torch_embedder(backbone, input_size, device, threads, pooling):
    torch = import_deep("torch")
    network = normalised(backbone, input_size, pooling).to(device, memory_format=torch.channels_last)
    if device == "cuda":
        network = network.half()

    def embed(images):
        with torch_threads(threads), torch.inference_mode():
            vectors = network(as_tensor(images, device))
            return vectors.float().cpu().numpy()

    return embed


def as_tensor(images, device):
    """Images as a tensor on a device of torch, without a copy of those that lie there, whichever library made them."""
    torch = import_deep("torch")
    if device == "cuda" and lies_on_device(images):
        import cupy

        return torch.from_dlpack(cupy.ascontiguousarray(as_cupy(images)))
    return torch.from_numpy(np.ascontiguousarray(on_host(images))).to(device)


@contextmanager
def torch_threads(threads):
    """Hold torch's threads, which are one number for the whole process, only while a batch runs.

    Parameters
    ----------
    threads : int or None
        On the CPU; None leaves them as they are, and -1 is one per core.
    """
    torch = import_deep("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() if threads == -1 else threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _onnx_embedder(backbone, input_size, threads, pooling):
    session = open_session(onnx_path(backbone, input_size, pooling), threads=threads)
    return lambda images: session.run(None, {"images": np.ascontiguousarray(images)})[0]


def onnx_path(backbone, input_size, pooling="last"):
    """Path of a backbone's ONNX file, exported on first use.

    The file is named by the checksum of the weights, the version of torch that exported it and the input size, and
    lies in the cache folder (`leukobench.cache.cache_folder`).

    Parameters
    ----------
    backbone : Backbone
        Card of the network.
    input_size : int
        Side of the images, in pixels.
    pooling : {"last", "multi_stage"}, default "last"
        See `leukobench.models.embedding.CNNEmbedding`.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    UsageError
        Where torch, onnx, onnxscript or the weights are missing.
    """
    try:
        torch_version = version("torch")
    except PackageNotFoundError as error:
        raise UsageError("'torch' is not installed", INSTALL) from error
    parts = [backbone.checksum(), torch_version, input_size, backbone.mean, backbone.std, EXPORT_VERSION]
    key = content_hash([*parts, backbone.stages] if pooling == "multi_stage" else parts)
    path = cache_folder() / "onnx" / f"{backbone.name.replace(':', '-')}-{key}.onnx"
    if not path.exists():
        model = export_onnx(normalised(backbone, input_size, pooling), input_size, ["vectors"])
        atomic_write(path, model.SerializeToString())
    return path


def export_onnx(network, input_size, outputs, images="images"):
    """Export a network of torch.

    Parameters
    ----------
    network : torch.nn.Module
        uint8 RGB images (n, size, size, 3) to what it gives; in evaluation mode.
    input_size : int
        Side of the images, in pixels.
    outputs : list of str
        Names of what it gives.
    images : str, default "images"
        Name of what it takes.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    UsageError
        Where onnx or onnxscript are missing.
    """
    import_exporters()
    torch = import_deep("torch")
    example = torch.zeros(2, input_size, input_size, 3, dtype=torch.uint8)
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        # of one thread: many wait for each other for minutes where other work shares the cores
        # and without gradients, as in a prediction: what only a training does has no place in a graph
        with warnings.catch_warnings(), torch_threads(1), torch.no_grad():
            warnings.simplefilter("ignore")
            return torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                input_names=[images],
                output_names=outputs,
                external_data=False,
                verbose=False,
            ).model_proto
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

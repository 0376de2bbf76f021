"""The card of a frozen network, and what is said where its library or its weights are missing."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from leukobench.errors import UsageError, unknown
from leukobench.models.backbones.libraries import INSTALL, import_deep, not_installed

IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
POOLINGS = ("last", "multi_stage")


@dataclass(frozen=True)
class Backbone:
    """Card of a network that turns an image into a vector.

    Parameters
    ----------
    name : str
        Name that `get_backbone` knows; its embedding is the representation "embedding:<name>".
    load : callable or None
        `load(weights, input_size)` gives the torch module with its weights: float images (n, 3, size, size),
        normalised, to vectors (n, dim). None where the weights are an ONNX file, which is run as it is.
    weights : callable or None
        Gives the path of the weights file; raises `UsageError` where its package is not installed. None where the
        library that has the network keeps its weights too.
    sha256 : str
        Checksum of the weights file, compared before it is read; empty where none was published.
    dim : int
        Length of a vector.
    input_size : int
        Side of the square images it is given, in pixels.
    mean, std : tuple of three floats
        Normalisation of R, G and B, on the scale 0 to 255.
    pooling : str
        How feature maps become a vector.
    licence, origin, source : str
        Licence of the weights, the file they come from, and the publication.
    pretrained_on : tuple of str
        Everything the weights were trained on.
    contamination : tuple of str
        The white-blood-cell datasets among them, by their names here: a score on one of these is no test of transfer.
    stages : tuple of (str, int)
        Modules whose feature maps the pooling "multi_stage" averages, and their channels.
    libraries : tuple of str
        What has to import before the network can run.
    install : str
        The command that gets the libraries.
    fetch : callable or None
        `fetch(path)` downloads the weights file and checks it; None where it cannot be downloaded from here.
    revision : str
        What a library calls the weights that it keeps by itself, such as their address.
    help : str
        The command that gets the weights.
    """

    name: str
    load: Callable | None
    weights: Callable[[], Path] | None
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
    stages: tuple[tuple[str, int], ...] = ()
    libraries: tuple[str, ...] = ("torch",)
    install: str = INSTALL
    fetch: Callable[[Path], None] | None = None
    revision: str = ""
    help: str = INSTALL

    def length(self, pooling="last"):
        """Length of a vector.

        Parameters
        ----------
        pooling : {"last", "multi_stage"}, default "last"
            See `leukobench.models.embedding.CNNEmbedding`.

        Returns
        -------
        int

        Raises
        ------
        UsageError
            Where there is no such pooling, or the card names no stages.
        """
        if pooling not in POOLINGS:
            raise unknown("pooling", pooling, POOLINGS)
        if pooling == "last":
            return self.dim
        if not self.stages:
            raise UsageError(f"the card of {self.name} names no stages", "it has the pooling 'last' only")
        return self.dim + sum(channels for _, channels in self.stages)

    def file(self):
        """Path of the weights file, downloaded where that is possible and checked against its checksum.

        Returns
        -------
        pathlib.Path or None
            None where the library keeps the weights.

        Raises
        ------
        UsageError
            Where the file is missing or is not the published one.
        """
        if self.weights is None:
            return None
        path = self.weights()
        if not path.is_file() and self.fetch:
            self.fetch(path)
        if not path.is_file():
            raise UsageError(f"the weights of {self.name} are not at {path}", self.help)
        if self.sha256 and file_sha256(path) != self.sha256:
            raise UsageError(f"{path} is not the published weights file of {self.name}", f"get it anew: {self.help}")
        return path

    def checksum(self):
        """What names the weights, for caches: the checksum of their file, or what their library calls them.

        Returns
        -------
        str

        Raises
        ------
        UsageError
            Where the file is missing.
        """
        return self.sha256 or self.revision or file_sha256(self.file())

    def missing(self):
        """Why the network cannot run here, found without importing a library or reading and fetching weights.

        Returns
        -------
        str
            One line with the command that helps; empty where nothing is known to be missing.
        """
        absent = not_installed(self.libraries, self.install)
        if absent:
            return absent
        try:
            path = self.weights and self.weights()
        except UsageError as error:
            return str(error)
        return f"weights missing: {self.help}" if path and not path.is_file() else ""

    def module(self, input_size, pooling="last"):
        """Build the torch module with its weights, ready for inference.

        Parameters
        ----------
        input_size : int
            Side of the images it will be given, in pixels.
        pooling : {"last", "multi_stage"}, default "last"
            See `leukobench.models.embedding.CNNEmbedding`.

        Returns
        -------
        torch.nn.Module
            In evaluation mode: normalised images (n, 3, size, size) to vectors (n, `length(pooling)`).

        Raises
        ------
        UsageError
            Where torch or the weights are missing, or the weights are not the published file.
        """
        if self.load is None:
            raise UsageError(f"{self.name} is an ONNX file", "torch cannot build it")
        self.length(pooling)
        network = self.load(self.file(), input_size)
        return (with_stages(network, self.stages) if pooling == "multi_stage" else network).eval()


def with_stages(network, stages):
    """Put the means of some feature maps in front of a network's vector.

    Parameters
    ----------
    network : torch.nn.Module
        Gives vectors (n, dim).
    stages : sequence of (str, int)
        Modules inside it, and the channels of what they give.

    Returns
    -------
    torch.nn.Module
        Gives vectors (n, sum of channels + dim).
    """
    torch = import_deep("torch")

    class Staged(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network
            self.means = {}
            for name, channels in stages:
                network.get_submodule(name).register_forward_hook(self.keep(name, channels))

        def keep(self, name, channels):
            def hook(module, inputs, output):
                self.means[name] = mean_map(output, channels)

            return hook

        def forward(self, images):
            vector = self.network(images)
            return torch.cat([*(self.means.pop(name) for name, _ in stages), vector], 1)

    return Staged()


def mean_map(output, channels):
    """Average a feature map over its places: (n, c, h, w), (n, h, w, c) or tokens (n, t, c) to (n, c)."""
    if output.ndim == 4 and output.shape[1] == channels:
        return output.mean((2, 3))
    return output.mean(tuple(range(1, output.ndim - 1)))


def file_sha256(path):
    """Checksum of a file, computed once for as long as the file stays the same.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    str
        Hexadecimal digits of its SHA-256.
    """
    facts = Path(path).stat()
    return _file_sha256(Path(path), facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=64)
def _file_sha256(path, modified, size):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

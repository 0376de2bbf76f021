"""An ONNX file in ONNX Runtime: what it takes and gives is tried before it is believed."""

import os
from dataclasses import dataclass

import numpy as np

from leukobench.errors import UsageError
from leukobench.models import pipeline
from leukobench.models.backbones.card import IMAGENET_MEAN, IMAGENET_STD

MOST_PIXELS = 2**26  # of a batch, whose size a file may fix: more than a thousand images of 224 px
BATCHES = (1, 2, 4, 8, 16, 32, 64)  # sizes that are tried where a file says any and does not take three
TOLERANCE = 0.01  # of the largest value of a vector: kernels sum in another order for another batch


@dataclass(frozen=True)
class OnnxNetwork:
    """An opened ONNX file.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    size : int
        Side of its images, in pixels.
    batch : int or None
        Images that it takes at a time, as it says or as was tried; None is any number.
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
        step = self.batch or max(len(images), 1)
        parts = [self._part(images[start : start + step], step, mean, std) for start in range(0, len(images), step)]
        return np.concatenate(parts) if parts else np.empty((0, self.dim), np.float32)

    def _part(self, images, step, mean, std):
        number = len(images)
        if number < step:  # a fixed batch is filled up, and what was filled in is thrown away
            images = np.concatenate([images, np.zeros((step - number, *images.shape[1:]), images.dtype)])
        output = self.run(images, mean, std)[:number]
        return (output.mean((2, 3)) if output.ndim == 4 else output).astype(np.float32)

    def run(self, images, mean, std):
        """What the file gives first for one batch, as it is; parameters as of `vectors`."""
        if not self.raw:
            images = ((images - np.float32(mean)) / np.float32(std)).transpose(0, 3, 1, 2)
        return self.session.run(None, {self.session.get_inputs()[0].name: np.ascontiguousarray(images)})[0]


def open_network(path, input_size=224, *, threads=None, cuda=False):
    """Open an ONNX file, and try what it takes and gives.

    Some files say that they take any number of images and take one, or eight: sizes of batches are tried, and images go
    in as many at a time as one that runs. Each image must have one vector, whatever other images are beside it.

    Parameters
    ----------
    path : path-like
        The file.
    input_size : int, default 224
        Side of the images in pixels, where the file leaves it open.
    threads : int or None, default None
        Threads on the CPU; None is the limit of this process, see `session_threads`.
    cuda : bool, default False
        Run it on CUDA.

    Returns
    -------
    OnnxNetwork

    Raises
    ------
    UsageError
        Where the file is not of the form that `onnx_card` describes, its vectors depend on the batch or on chance, or
        ONNX Runtime has no CUDA.
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
    fixed = shape[0] if isinstance(shape[0], int) else None
    if min(size, fixed or 1) < 1 or (fixed or 1) * size**2 > MOST_PIXELS:
        raise UsageError(
            f"{path} takes {fixed or 1:,} image(s) of {size:,} px", f"at most {MOST_PIXELS:,} pixels at once"
        )
    failed = None
    for batch in [fixed] if fixed else [None, *(n for n in BATCHES if n * size**2 <= MOST_PIXELS)]:
        try:
            dim = _dim(path, OnnxNetwork(session, size, batch, raw, 0))
        except UsageError as error:
            failed = failed or error
            continue
        network = OnnxNetwork(session, size, batch, raw, dim)
        _check_pure(path, network)
        return network
    raise failed


def _noise(n, size):
    """Pictures of noise, each brighter and of more contrast than the one before."""
    noise = np.random.default_rng(0).integers(0, 256, (n, size, size, 3), np.uint8)
    return (noise * np.linspace(1 / n, 1, n)[:, None, None, None]).astype(np.uint8)


def _dim(path, network):
    """Length of a vector of a network that gives one for each image of a batch; UsageError where it does not."""
    for n in (network.batch,) if network.batch else (3, 1):
        try:
            output = network.run(_noise(n, network.size), IMAGENET_MEAN, IMAGENET_STD)
        except Exception as error:  # ONNX Runtime's own exceptions have no common base of theirs
            raise UsageError(
                f"{path} does not run at {network.size} px ({_first_line(error)})", "state input_size beside it"
            ) from error
        if not isinstance(output, np.ndarray) or output.ndim not in (2, 4) or len(output) != n:
            raise UsageError(
                f"{path} gives an output of shape {np.shape(output)} for {n} image(s)",
                "known: vectors (n, d) and maps (n, d, h, w)",
            )
    return output.shape[1]


def _check_pure(path, network):
    """Refuse a network that gives an image another vector beside other images, or at another time."""
    images = _noise(3, network.size)[::-1]
    alone, beside = (network.vectors(some, IMAGENET_MEAN, IMAGENET_STD)[-1] for some in (images[2:], images))
    if not np.allclose(beside, alone, rtol=0, atol=TOLERANCE * np.abs(np.nan_to_num(alone)).max(), equal_nan=True):
        raise UsageError(
            f"{path} gives one image another vector when other images are beside it: it depends on the batch, as in "
            "training, or on chance",
            "export it in evaluation mode (model.eval())",
        )


def open_session(path, *, threads=None, cuda=False):
    """Open an ONNX file in ONNX Runtime.

    Parameters
    ----------
    path : path-like or bytes
        The file, or what is in it.
    threads, cuda
        As for `open_network`.

    Returns
    -------
    onnxruntime.InferenceSession

    Raises
    ------
    UsageError
        Where ONNX Runtime has no CUDA or cannot read the file.
    """
    import onnxruntime

    if cuda and not has_cuda():
        raise UsageError("this ONNX Runtime has no CUDA", "pip install onnxruntime-gpu, or use device='cpu'")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = session_threads(threads), 1
    options.log_severity_level = 4  # its warnings are about what exporters wrote, and its errors are raised as well
    # waiting threads soon sleep: where other work shares the cores, the default's long spin doubles the time
    options.add_session_config_entry("session.intra_op.spin_duration_us", "100")
    providers = ["CUDAExecutionProvider"] * cuda + ["CPUExecutionProvider"]
    try:
        return onnxruntime.InferenceSession(
            path if isinstance(path, bytes) else str(path), options, providers=providers
        )
    except Exception as error:  # ONNX Runtime's own exceptions have no common base of theirs
        name = "this" if isinstance(path, bytes) else path
        raise UsageError(f"{name} is no ONNX file that can be run ({_first_line(error)})") from error


def session_threads(asked=None):
    """Threads of a session on the CPU; 0 is one per core.

    Parameters
    ----------
    asked : int or None, default None
        None is the limit of this process: `LEUKOBENCH_MODEL_THREADS`, else `OMP_NUM_THREADS`, which joblib sets in its
        workers and ONNX Runtime does not look at, else one per core.

    Returns
    -------
    int
    """
    given = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return max(pipeline.threads(otherwise=int(given) if given.isdigit() else 0) if asked is None else asked, 0)


def has_cuda():
    """Whether ONNX Runtime can run on CUDA."""
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def _first_line(error):
    return str(error).splitlines()[0][:200]

"""What a network answers to crops, on the device that it is told."""

import numpy as np

from leukobench.devices import lies_on_device, on_host
from leukobench.errors import UsageError, unknown
from leukobench.models.backbones import import_deep
from leukobench.models.inference import as_tensor, torch_threads
from leukobench.models.network.exported import BATCH as CPU_BATCH
from leukobench.models.network.exported import Exported
from leukobench.models.pipeline import threads

BATCH = 64  # of inference on a GPU; on a CPU small batches are 1.7 times as fast


def device_of(name):
    """Where a network computes that was told "auto", "cpu" or "cuda"; UsageError where there is no such device."""
    if name not in ("auto", "cpu", "cuda"):
        raise unknown("device", name, ("auto", "cpu", "cuda"))
    there = import_deep("torch").cuda.is_available()
    if name == "cuda" and not there:
        raise UsageError("no CUDA device was found", "use device='cpu' or 'auto'")
    return "cuda" if there and name != "cpu" else "cpu"


def batches_of(crops, device="cpu", size=BATCH):
    """The rows of an array as tensors on a device, a batch at a time."""
    for start in range(0, len(crops), size):
        yield as_tensor(crops[start : start + size], device)


def logits_of(module, views, device):
    """Logits of several views of the same crops.

    Parameters
    ----------
    module : torch.nn.Module or Exported
        It stays as it is: of a module answers a copy whose normalisations are folded.
    views : sequence of uint8 arrays, shape (n, size, size, 3)
    device : {"auto", "cpu", "cuda"}
        Of a module; on CUDA crops that lie there are computed in half precision.

    Returns
    -------
    list of float arrays, shape (n, k)
    """
    if isinstance(module, Exported):
        return [module.logits(on_host(crops)) for crops in views]
    torch, device = import_deep("torch"), device_of(device)
    module = import_deep("leukobench.models.network.folding").folded(module).to(device)
    size = CPU_BATCH if device == "cpu" else BATCH
    found = []
    for crops in views:
        half = torch.autocast("cuda", torch.float16, enabled=device == "cuda" and lies_on_device(crops))
        with torch.inference_mode(), torch_threads(threads()), half:
            parts = [module(batch)[0].float().cpu().numpy() for batch in batches_of(crops, device, size)]
        found.append(np.concatenate(parts))
    return found

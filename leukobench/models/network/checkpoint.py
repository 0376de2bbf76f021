"""What a killed training goes on from, after its last epoch.

Imports torch and skorch, so it is imported when the first network is trained and never before.
"""

import io
import logging

import numpy as np
import torch
from skorch.callbacks import Callback
from skorch.history import History

from leukobench.files import atomic_write

log = logging.getLogger(__name__)


class Checkpoint(Callback):
    """Seeds each epoch by its number, and keeps what a killed training goes on from.

    Parameters
    ----------
    path : pathlib.Path or None
        None keeps nothing.
    seed : int
    stopping : skorch.callbacks.EarlyStopping
        Its memory is kept too; it must stand before this one.
    """

    MEMORY = ("misses_", "dynamic_threshold_", "best_model_weights_", "best_epoch_")

    def __init__(self, path, seed, stopping):
        self.path, self.seed, self.stopping, self.known = path, seed, stopping, {}

    def restore(self, net):
        """Load what was kept into an initialised net; gives the number of epochs done."""
        if self.path is None or not self.path.exists():
            return 0
        data = self.path.read_bytes()  # what cannot be read is no damage, and raises
        try:
            kept = torch.load(io.BytesIO(data), map_location=net.device, weights_only=True)
            known, history, precision = kept["stopping"], History(kept["history"]), kept["precision"]
            same = _shapes(kept["module"]) == _shapes(net.module_.state_dict())
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # damaged bytes lead the reader of a pickle to errors of any kind
            log.warning("%s is damaged (%r): its training starts again", self.path.name, error)
            return 0
        if not same:
            log.warning("%s was kept of another network: its training starts again", self.path.name)
            return 0
        if precision != net.precision:  # one training in two precisions is neither
            log.warning(
                "%s was kept of a training in %s: it starts again in %s", self.path.name, precision, net.precision
            )
            return 0
        self.known = known
        net.module_.load_state_dict(kept["module"])
        net.optimizer_.load_state_dict(kept["optimizer"])
        net.history_ = history
        return len(net.history)

    def on_train_begin(self, net, **kwargs):
        """Hand the stopping rule what it knew before the training was killed."""
        vars(self.stopping).update(self.known)

    def on_epoch_begin(self, net, **kwargs):
        """Seed dropout and the sampler by the epoch's number."""
        epoch = net.history[-1, "epoch"]
        torch.manual_seed(self.seed + epoch)  # of dropout
        net.iterator_train__sampler.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        """Keep weights, optimiser, history and the memory of the stopping rule in the file."""
        if self.path is not None:
            stopping = {name: vars(self.stopping)[name] for name in self.MEMORY}
            state = {"module": net.module_.state_dict(), "optimizer": net.optimizer_.state_dict()}
            state["precision"] = net.precision
            buffer = io.BytesIO()
            torch.save(state | {"history": _plain(net.history.to_list()), "stopping": _plain(stopping)}, buffer)
            atomic_write(self.path, buffer.getvalue())


def _shapes(weights):
    return {name: each.shape for name, each in weights.items()}


def _plain(values):
    """The same with the scalars of NumPy as numbers of Python, which a file that holds no code may have."""
    if isinstance(values, dict):
        return {name: _plain(value) for name, value in values.items()}
    if isinstance(values, list):
        return [_plain(value) for value in values]
    return values.item() if isinstance(values, np.generic) else values

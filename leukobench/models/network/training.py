"""One training of a network with skorch: batches drawn by number, so that a killed training goes on as it would have.

Imports torch and skorch, so it is imported when the first network is trained and never before.
"""

import functools

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping, LRScheduler
from skorch.helper import predefined_split

from leukobench.imaging.stain import background_colour
from leukobench.models.network.augmentation import prepare
from leukobench.models.network.checkpoint import Checkpoint
from leukobench.models.network.precision import computing_in

WARM_UP = 0.25  # share of a training in which the learning rate rises
PATIENCE = 3  # epochs without a better validation loss after which a training ends,
PATIENT = 0.4  # or this share of all, if that is more: the cycle improves most at its end
JUDGES = 100  # held-out images that are needed to choose an epoch: the loss of a few is noise (docs/models.md)


class Crops(torch.utils.data.Dataset):
    """A map-style dataset that augments a crop by the number of its draw.

    Parameters
    ----------
    images : uint8 array, shape (n, side, side, 3)
    labels, laboratories : int arrays, shape (n,)
    size, seed : int
    weights : float array, shape (n,), or None, default None
        Of the images to judge by, whose loss is then a weighted mean; what trains is drawn by its weight.
    **settings
        Of `prepare`.
    """

    def __init__(self, images, labels, laboratories, size, seed, weights=None, **settings):
        self.images, self.labels, self.laboratories = images, labels, laboratories
        # of mean 1, so that the mean of batches is that of all
        self.weights = None if weights is None else np.float32(weights / weights.mean())
        self.size, self.seed, self.settings = size, seed, settings
        self.glass = [background_colour(image) for image in images]
        self._same = functools.cache(self._prepared)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, key):
        """`key` is (epoch, number of the draw, place), or a place alone, which is augmented the same each time."""
        *draw, place = key if isinstance(key, tuple) else (key,)
        crop = self._prepared(place, *draw) if draw else self._same(place)
        told = int(self.labels[place]), int(self.laboratories[place])
        return crop, told if self.weights is None else (*told, self.weights[place])

    def _prepared(self, place, *draw):
        rng = np.random.default_rng((self.seed, len(draw), *(draw or [place])))
        return prepare(self.images[place], self.size, rng, glass=self.glass[place], **self.settings)


def mixup(alpha, n_classes, seed):
    """Collate function that blends the images of a batch in pairs, and their labels (Zhang 2018, arXiv 1710.09412).

    Parameters
    ----------
    alpha : float
        Of the Beta distribution that shares are drawn from; 0 blends nothing.
    n_classes, seed : int

    Returns
    -------
    callable
        List of items of `Crops` to a batch: images, and (labels, laboratories).
    """

    def collate(items):
        images, (labels, laboratories) = torch.utils.data.default_collate(items)
        if not alpha:
            return images, (labels, laboratories)
        rng = np.random.default_rng((seed, int(images.sum())))  # of the pixels, so that it needs no state
        share, order = float(rng.beta(alpha, alpha)), torch.from_numpy(rng.permutation(len(images)))
        labels = torch.nn.functional.one_hot(labels, n_classes).float()
        images, labels = (share * each + (1 - share) * each[order] for each in (images, labels))
        return images, (labels, laboratories)

    return collate


def coral_loss(vectors, laboratories):
    """Mean squared distance between the covariances of the laboratories in a batch, and between their means.

    Parameters
    ----------
    vectors : float tensor, shape (n, d)
    laboratories : int tensor, shape (n,)

    Returns
    -------
    float tensor
        0 where fewer than two laboratories have two images.

    References
    ----------
    B. Sun, K. Saenko, Deep CORAL, ECCV Workshops 2016, doi 10.1007/978-3-319-49409-8_35; with means, as in DomainBed
    (Gulrajani 2021, arXiv 2007.01434).
    """
    parts = [vectors[laboratories == name] for name in laboratories.unique()]
    moments = [(part.mean(0), part.T.cov()) for part in parts if len(part) > 1]
    pairs = [(a, b) for i, a in enumerate(moments) for b in moments[:i]]
    if not pairs:
        return vectors.new_zeros(())
    return sum((m - n).square().mean() + (c - d).square().mean() for (m, c), (n, d) in pairs) / len(pairs)


class Net(NeuralNetClassifier):
    """Trains on (labels, laboratories) and the network's (logits, vectors).

    Parameters
    ----------
    *args, **kwargs
        As of `skorch.NeuralNetClassifier`.
    coral : float, default 0.0
        Weight of `coral_loss`.
    precision : {"float32", "bfloat16"}, default "float32"
    """

    def __init__(self, *args, coral=0.0, precision="float32", **kwargs):
        super().__init__(*args, **kwargs)
        self.coral = coral
        self.precision = precision

    def infer(self, x, **params):
        """Logits and vectors of a batch, in the precision."""
        with computing_in(self.precision, self.device):
            return super().infer(x, **params)

    def get_loss(self, y_pred, y_true, *args, training=False, **kwargs):
        """The loss of a batch; in training also how the vectors of its laboratories differ in covariance and mean."""
        (logits, vectors), (labels, laboratories, *weights) = y_pred, y_true
        if weights:
            smoothing = self.criterion_.label_smoothing
            each = torch.nn.functional.cross_entropy(
                logits.float(), labels, reduction="none", label_smoothing=smoothing
            )
            return (weights[0].to(each.device) * each).mean()
        loss = super().get_loss(logits.float(), labels, *args, training=training, **kwargs)
        return loss + self.coral * coral_loss(vectors.float(), laboratories) if training and self.coral else loss


def train(
    module,
    crops,
    held_out,
    sampler,
    *,
    n_classes,
    epochs,
    learning_rate,
    weight_decay,
    batch_size,
    device,
    precision,
    seed,
    label_smoothing=0.0,
    blend=0.0,
    coral=0.0,
    checkpoint=None,
):
    """Train a network by AdamW and one cycle of the learning rate (Smith 2019).

    The best epoch's weights are kept where at least `JUDGES` images are held out, the last one's otherwise.

    Parameters
    ----------
    module : torch.nn.Module
        Gives (logits, vectors).
    crops, held_out : Crops
        To train on, and of the same source to judge the epochs by.
    sampler : BalancedSampler
    n_classes, epochs, batch_size, seed : int
    learning_rate, weight_decay, label_smoothing, blend, coral : float
        `blend` is the parameter of `mixup`.
    device : {"cpu", "cuda"}
    precision : {"float32", "bfloat16"}
    checkpoint : pathlib.Path or None, default None
        See `Checkpoint`.

    Returns
    -------
    list of dict
        epoch, train_loss and valid_loss of each epoch; `module` holds the weights that are kept.
    """
    chosen = len(held_out) >= JUDGES
    patience = max(PATIENCE, round(PATIENT * epochs)) if chosen else epochs + 1
    stopping = EarlyStopping(patience=patience, threshold=0, load_best=chosen, sink=lambda text: None)
    resume = Checkpoint(checkpoint, seed, stopping)
    net = Net(
        module,
        coral=coral,
        precision=precision,
        criterion=torch.nn.CrossEntropyLoss,
        criterion__label_smoothing=label_smoothing,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=weight_decay,
        optimizer__fused=True,
        lr=learning_rate,
        batch_size=batch_size,
        iterator_train__sampler=sampler,
        iterator_train__collate_fn=mixup(blend, n_classes, seed),
        train_split=predefined_split(held_out),
        classes=list(range(n_classes)),
        callbacks=[("stopping", stopping), ("checkpoint", resume)],
        callbacks__valid_acc=None,
        callbacks__print_log=None,
        device=device,
        verbose=0,
    ).initialize()
    done = resume.restore(net)
    steps = len(sampler) // batch_size
    rises = WARM_UP * epochs * steps > 1  # torch divides by zero where the rise is one step
    cycle = LRScheduler(
        torch.optim.lr_scheduler.OneCycleLR,
        max_lr=learning_rate,
        total_steps=epochs * steps,
        pct_start=WARM_UP if rises else 0.0,
        step_every="batch",
        last_epoch=done * steps - 1,
    )
    net.callbacks_.insert(0, ("cycle", cycle.initialize()))
    with torch.random.fork_rng(devices=[]):
        net.partial_fit(crops, y=None, epochs=epochs - done)
    ended = len(net.history) == epochs or stopping.misses_ == patience
    if not ended or "valid_loss" not in net.history[-1]:
        raise KeyboardInterrupt  # skorch takes Ctrl-C for an early end and would give half a training
    losses = ("train_loss", "valid_loss")
    return [{"epoch": row["epoch"]} | {name: float(row[name]) for name in losses} for row in net.history.to_list()]

"""From a backbone's card, or from nothing, to a torch module that classifies crops.

Imports torch, so it is imported when the first network is built and never before.
"""

import copy

import numpy as np
import torch

from leukobench.errors import UsageError
from leukobench.models.backbones import get_backbone
from leukobench.models.network import LENET, LENET_SIDE
from leukobench.models.network.folding import fold

DROPOUT = 0.2
GROUPS = 8  # of channels, where groups take the place of batches


def build_network(name, n_classes, *, size, frozen=0.0, norm="batch", mixstyle=0.0, settled=False):
    """Build a network with a new last layer.

    Parameters
    ----------
    name : str
        "lenet", which starts from chance, or a backbone that `get_backbone` knows, with its pretrained weights.
    n_classes : int
    size : int
        Side of the crops, in px.
    frozen : float, default 0.0
        Share of the backbone's layers, from the image on, that keep their pretrained weights.
    norm : {"batch", "fixed", "group"}, default "batch"
        Normalise by the statistics of the batch; by those of the pretraining, unchanged; or, with batches replaced by
        groups of channels (Wu 2018), by each image's own.
    mixstyle : float, default 0.0
        Probability that a batch has the styles of its images mixed after early stages (Zhou 2021), in training.
    settled : bool, default False
        Whether layers that keep their weights keep their statistics for good, so that `fold` may join them.

    Returns
    -------
    torch.nn.Module
        uint8 RGB images (n, size, size, 3) to logits (n, n_classes) and vectors (n, dim).

    Raises
    ------
    UsageError
        Where the backbone is unknown, cannot run here, names no stages for MixStyle or has no norms to replace.
    """
    card = None if name == LENET else get_backbone(name)
    backbone, dim = (_lenet(), 120) if card is None else (card.module(size), card.dim)
    mean, std = (127.5, 127.5) if card is None else (card.mean, card.std)
    if norm == "group" and not _group_norms(backbone):
        raise UsageError(f"{name} has no batch normalisation to replace", "take another backbone, or another variant")
    if mixstyle:
        stages = ["4"] if card is None else [stage for stage, _ in card.stages[:2]]
        if not stages:
            raise UsageError(f"the card of {name} names no stages to mix styles after", "take another backbone")
        for stage in stages:
            backbone.get_submodule(stage).register_forward_hook(MixStyle(mixstyle))

    kept = [] if card is None else freeze(backbone, frozen)
    if settled:
        fold(backbone, set(kept))
    return Network(backbone, dim, n_classes, mean, std, [backbone] if norm == "fixed" else kept)


class Network(torch.nn.Module):
    """A backbone between the normalisation of pixels and a new last layer.

    Parameters
    ----------
    backbone : torch.nn.Module
        Normalised images (n, 3, size, size) to vectors (n, dim).
    dim, n_classes : int
    mean, std : float or tuple of three floats
        Of R, G and B, on the scale 0 to 255.
    still : list of torch.nn.Module
        Modules that stay in evaluation mode.
    """

    def __init__(self, backbone, dim, n_classes, mean, std, still=()):
        super().__init__()
        self.backbone = backbone
        self.dropout, self.head = torch.nn.Dropout(DROPOUT), torch.nn.Linear(dim, n_classes)
        for name, value in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32).view(1, -1, 1, 1))
        self.still = list(still)

    def forward(self, images):
        """Logits (n, n_classes) and vectors (n, dim) of uint8 or float RGB images (n, size, size, 3)."""
        images = images.permute(0, 3, 1, 2).to(self.mean.dtype)  # a view: the pixels stay channels-last
        vectors = self.backbone((images - self.mean) / self.std)
        return self.head(self.dropout(vectors)), vectors

    def train(self, mode=True):
        """Set the mode of training, in which the layers that stay as they are keep the mode of prediction."""
        super().train(mode)
        for module in self.still:
            module.eval()
        return self


def layers(backbone):
    """Names of the modules that hold weights of their own, from the image on."""
    return [name for name, module in backbone.named_modules() if any(True for _ in module.parameters(recurse=False))]


def freeze(backbone, share):
    """Keep the weights of the first layers.

    Parameters
    ----------
    backbone : torch.nn.Module
    share : float
        Of its layers.

    Returns
    -------
    list of torch.nn.Module
        The layers that are kept.
    """
    names = layers(backbone)
    kept = [backbone.get_submodule(name) for name in names[: round(share * len(names))]]
    for module in kept:
        module.requires_grad_(False)
    return kept


def _lenet():
    """LeNet-5 (LeCun 1998) on colour crops: two convolutions with pooling, then two dense layers."""
    # Cut off at zero after pooling: the same numbers, of a quarter as many places.
    return torch.nn.Sequential(
        _Shrink(LENET_SIDE),
        torch.nn.Conv2d(3, 16, 5),
        torch.nn.BatchNorm2d(16),
        torch.nn.MaxPool2d(2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, 32, 5),
        torch.nn.BatchNorm2d(32),
        torch.nn.MaxPool2d(2),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(32 * 13 * 13, 120),
        torch.nn.ReLU(),
    )


class _Shrink(torch.nn.AdaptiveAvgPool2d):
    """Of torch, which copies images pixel by pixel that have the size already."""

    def forward(self, images):
        return images if images.shape[2:] == (self.output_size,) * 2 else super().forward(images)


def _group_norms(module):
    """Replace batch by group normalisation; gives how many were replaced.

    Scales and offsets change so that an image whose groups have the mean and deviation of the pretraining gets what
    batch normalisation gave it. With those of the pretraining as they are, its features would be lost.
    """
    replaced = 0
    for name, child in module.named_children():
        if type(child) is torch.nn.BatchNorm2d:  # not what is derived from it: that may hold an activation too
            setattr(module, name, _as_groups(child))
            replaced += 1
        else:
            replaced += _group_norms(child)
    return replaced


class _Groups(torch.nn.GroupNorm):
    """Of torch, whose way back ends the process where images of channels last need no slope: behind frozen layers."""

    def forward(self, images):
        trains = torch.is_grad_enabled() and self.weight.requires_grad
        return super().forward(images.contiguous() if trains and not images.requires_grad else images)


def _as_groups(norm):
    groups = int(np.gcd(GROUPS, norm.num_features))
    mean, variance = norm.running_mean.view(groups, -1), norm.running_var.view(groups, -1)
    group_mean = mean.mean(1, keepdim=True)
    group_std = (variance + (mean - group_mean).square()).mean(1, keepdim=True).add(norm.eps).sqrt()
    scale = norm.weight.detach() / (norm.running_var + norm.eps).sqrt()
    new = _Groups(groups, norm.num_features, eps=norm.eps)
    new.load_state_dict(
        {
            "weight": scale * group_std.expand_as(mean).flatten(),
            "bias": norm.bias.detach() + scale * (group_mean - mean).flatten(),
        }
    )
    return new


class MixStyle:
    """A forward hook that mixes mean and deviation of feature maps between the images of a batch.

    Parameters
    ----------
    probability : float
        Of a batch to be mixed; only in training.
    alpha : float, default 0.1
        Of the Beta distribution that shares are drawn from.

    References
    ----------
    K. Zhou, Y. Yang, Y. Qiao, T. Xiang, Domain generalization with MixStyle, ICLR 2021, arXiv 2104.02008.
    """

    def __init__(self, probability, alpha=0.1):
        self.probability, self.alpha = probability, alpha

    def __call__(self, module, inputs, maps):
        if not torch.is_grad_enabled() or torch.rand(()) >= self.probability:
            return maps
        with torch.no_grad():
            std, mean = torch.std_mean(maps, dim=(2, 3), keepdim=True)
            std = std + 1e-6
            share = torch.distributions.Beta(self.alpha, self.alpha).sample((len(maps), 1, 1, 1)).to(maps)
            other = torch.randperm(len(maps), device=maps.device)
            new_mean, new_std = (share * each + (1 - share) * each[other] for each in (mean, std))
        return (maps - mean) / std * new_std + new_mean


def adapt_batch_norm(network, batches):
    """Replace the statistics of batch normalisation by those of other images (AdaBN).

    Parameters
    ----------
    network : torch.nn.Module
        Of `build_network`; it stays as it is.
    batches : iterable of uint8 tensors, shape (n, size, size, 3)
        Unlabelled images of the target.

    Returns
    -------
    torch.nn.Module
        A copy, in evaluation mode.

    References
    ----------
    Y. Li, N. Wang, J. Shi, J. Liu, X. Hou, Revisiting batch normalization for practical domain adaptation,
    arXiv 1603.04779, 2016.
    """
    network = copy.deepcopy(network).eval()
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    with torch.inference_mode():
        for images in batches:
            network(images)
    return network.eval()

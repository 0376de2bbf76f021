"""Networks that are tuned in simulated laboratories on a GPU, what they see, and their training."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from squares import SIDE
from torch.nn import functional
from vision_transformer import PATCH

from leukobench.models.backbones.card import IMAGENET_MEAN, IMAGENET_STD
from leukobench.models.network.architecture import build_network

COPIES = 16  # of an image at each quarter turn
FIELD = 100  # px of a square that the transformer sees: 20 um
DECAY = 0.75  # of the learning rate from block to block, towards the image
HEAD = 20  # times the learning rate, for what starts from nothing
TEMPERATURE = 0.1  # of a contrast
MIRRORS = ((), (2,), (3,), (2, 3))


@dataclass(frozen=True)
class Setting:
    """One training.

    Parameters
    ----------
    name, network : str
    blocks : int
        The last ones, which are tuned; with all twelve the embeddings are, too.
    size, field : int
        Side of what the network sees, in its px and in those of a square.
    pooling : {"cell", "picture"}
        Whether means in the nucleus and the cytoplasm join the class token, or the mean of all patches.
    copies, draws, batch, seed : int
        Copies of an image that are trained on, and pictures in all.
    rate, decay, rises : float
        Largest learning rate, weight decay, and the share of the training in which the rate rises.
    strong : bool
        With rectangles hidden and pictures blended.
    as_best : bool
        Network, what is tuned and rate are those of the best transformer so far, in simulated laboratories.
    """

    name: str
    network: str = "vit"
    blocks: int = 12
    size: int = 224
    field: int = FIELD
    pooling: str = "cell"
    copies: int = COPIES
    draws: int = 48_000
    rate: float = 3e-4
    decay: float = 0.05
    batch: int = 128
    rises: float = 0.1
    strong: bool = False
    seed: int = 0
    as_best: bool = False

    def turns(self):
        """Quarter turns whose copies it needs."""
        return max(1, -(-self.copies // COPIES))


class Tokens(torch.nn.Module):
    """A linear layer on the class token and the means of patches in nucleus and cytoplasm, or of all patches."""

    def __init__(self, backbone, setting, classes):
        super().__init__()
        self.backbone, self.pooling = backbone, setting.pooling
        frozen = backbone.blocks[: len(backbone.blocks) - setting.blocks]
        if frozen:
            for part in (backbone.patches, frozen, *[backbone.norm] * (not setting.blocks)):
                part.requires_grad_(False)
            backbone.class_token.requires_grad_(False), backbone.positions.requires_grad_(False)
        self.head = torch.nn.Linear((3 if self.pooling == "cell" else 2) * backbone.norm.normalized_shape[0], classes)
        for name, value in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(value).view(1, 3, 1, 1))

    def forward(self, pictures, cells):
        tokens = self.backbone.tokens((pictures - self.mean) / self.std)
        shares = functional.avg_pool2d(cells, PATCH).flatten(2)
        shares = shares if self.pooling == "cell" else torch.ones_like(shares[:, :1])
        means = shares.to(tokens.dtype) @ tokens[:, 1:] / shares.sum(2, keepdim=True).clamp(min=1e-3)
        return self.head(torch.cat([tokens[:, :1], means], 1).flatten(1).to(self.head.weight.dtype))

    def groups(self, setting):
        """Parameters by how far they are from the image, with their learning rates and without decay of vectors."""
        found, last = {}, len(self.backbone.blocks) + 1
        for name, each in self.named_parameters():
            parts = name.split(".")
            depth = 1 + int(parts[2]) if parts[1] == "blocks" else last * (parts[1] == "norm" or parts[0] == "head")
            rate = setting.rate * (HEAD if parts[0] == "head" else DECAY ** (last - depth))
            if each.requires_grad:
                found.setdefault((rate, setting.decay * (each.ndim > 1)), []).append(each)
        return [{"params": some, "lr": rate, "weight_decay": decay} for (rate, decay), some in found.items()]


class Mobile(torch.nn.Module):
    """MobileNetV2 as the package trains it."""

    def __init__(self, setting, classes):
        super().__init__()
        self.network = build_network(setting.network, classes, size=setting.size, frozen=0.17)
        self.to(memory_format=torch.channels_last)

    def forward(self, pictures, cells):
        return self.network(pictures.permute(0, 2, 3, 1))[0]

    def groups(self, setting):
        return [{"params": [each for each in self.parameters() if each.requires_grad], "lr": setting.rate}]


class Pool:
    """The squares that train: those of each quarter turn are waited for when they are first needed."""

    def __init__(self, stream, labels, device):
        self.stream, self.device, self.loaded = stream, device, []
        self.labels = torch.as_tensor(labels, device=device)
        self.weights = 1 / torch.bincount(self.labels)[self.labels].float()

    def turns(self, number):
        while len(self.loaded) < number:
            made = np.stack([next(self.stream) for _ in self.labels])
            self.loaded.append(torch.from_numpy(made).to(self.device))
        return self.loaded[:number]

    def batches(self, setting, luck):
        """Squares and labels, classes equally often."""
        turns = self.turns(setting.turns())
        for step in range(setting.draws // setting.batch):
            rows = torch.multinomial(self.weights, setting.batch, replacement=True, generator=luck)
            among = 1 + min(setting.copies, COPIES)
            copies = torch.randint(among, (setting.batch,), generator=luck, device=self.device)
            yield turns[step % len(turns)][rows, copies], self.labels[rows]


def look(given, setting, luck=None):
    """The field of squares as pictures (n, 3, size, size) and their nuclei and cytoplasm (n, 2, size, size).

    With `luck` they are turned, mirrored, moved, a little larger or smaller and of another light, and some are grey.
    """
    number, device = len(given), given.device
    layers = given.permute(0, 3, 1, 2).float()
    layers = torch.cat([layers[:, :3], (layers[:, 3:] == 2).float(), (layers[:, 3:] == 1).float()], 1)
    theta = torch.zeros(number, 2, 3, device=device)
    theta[:, 0, 0] = theta[:, 1, 1] = setting.field / SIDE
    if luck is not None:

        def uniform(*shape):
            return torch.rand(*shape, generator=luck, device=device)

        angle, mirror = 2 * torch.pi * uniform(number), 2.0 * (uniform(number) < 0.5) - 1
        zoom = setting.field / SIDE * torch.exp(0.1 * uniform(number) - 0.05)
        theta[:, 0, 0], theta[:, 0, 1] = zoom * mirror * angle.cos(), -zoom * angle.sin()
        theta[:, 1, 0], theta[:, 1, 1] = zoom * mirror * angle.sin(), zoom * angle.cos()
        theta[:, :, 2] = (2 * uniform(number, 2) - 1) * 10 / SIDE  # up to 5 px
    grid = functional.affine_grid(theta, (number, 5, setting.size, setting.size), align_corners=False)
    seen = functional.grid_sample(layers, grid, mode="bicubic", padding_mode="border", align_corners=False)
    pictures, cells = seen[:, :3].clamp(0, 255), seen[:, 3:].clamp(0, 1)
    if luck is not None:
        pictures = (pictures * (0.95 + 0.1 * uniform(number, 3, 1, 1))).clamp(0, 255)
        grey = uniform(number, 1, 1, 1) < 0.1
        pictures = torch.where(grey, pictures.mean(1, keepdim=True), pictures)
    if luck is not None and setting.strong:
        rows = torch.linspace(0, 1, setting.size, device=device)
        inside = (rows.view(1, 1, -1) - uniform(number, 2, 1)).abs() < 0.15 * uniform(number, 2, 1)
        hidden = inside[:, :1, :, None] & inside[:, 1:, None, :]
        pictures, cells = torch.where(hidden, 255, pictures), torch.where(hidden, 0, cells)
    return pictures, cells


def contrast(vectors, alike):
    """Mean over vectors of how unlikely their like are among all others, by cosine.

    Parameters
    ----------
    vectors : float tensor, shape (n, d)
    alike : int tensor, shape (n,)
        Equal where two are to lie together.
    """
    vectors = functional.normalize(vectors, dim=1)
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    logits = (vectors @ vectors.T / TEMPERATURE).masked_fill(itself, -torch.inf)
    like = (alike[:, None] == alike) & ~itself
    unlikely = -torch.log_softmax(logits, 1).masked_fill(~like, 0.0)
    return (unlikely.sum(1) / like.sum(1)).mean()


def trained(setting, network, pool, classes, deadline):
    """Train a network by AdamW and one cycle; gives the mean loss of its last tenth, or None where time is up."""
    device, count = pool.device, setting.draws // setting.batch
    luck = torch.Generator(device).manual_seed(setting.seed)
    groups = network.groups(setting)
    optimiser = torch.optim.AdamW(groups, weight_decay=setting.decay, fused=device == "cuda")
    rates = [group["lr"] for group in groups]
    rises = setting.rises if setting.rises * count > 1 else 0.0
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rates, total_steps=count, pct_start=rises, cycle_momentum=False
    )
    losses = []
    network.train()
    for given, labels in pool.batches(setting, luck):
        if time.monotonic() > deadline:
            return None
        pictures, cells = look(given, setting, luck)
        told = functional.one_hot(labels, classes).float()
        if setting.strong:
            share = float(np.random.default_rng((setting.seed, len(losses))).beta(0.2, 0.2))
            pictures, cells, told = (share * each + (1 - share) * each.flip(0) for each in (pictures, cells, told))
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            logits = network(pictures, cells)
        loss = functional.cross_entropy(logits.float(), told, label_smoothing=0.05)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        cycle.step()
        losses.append(loss.detach())
    return float(torch.stack(losses[-max(1, count // 10) :]).mean())


def probabilities(setting, network, given, device):
    """Means over a square and its mirror images, (n, classes)."""
    network.eval()
    parts = []
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        for start in range(0, len(given), 256):
            seen = look(torch.from_numpy(given[start : start + 256]).to(device), setting)
            views = [network(*(torch.flip(each, axes) for each in seen)).float().softmax(1) for axes in MIRRORS]
            parts.append(torch.stack(views).mean(0).cpu().numpy())
    return np.concatenate(parts)

"""Fit the segmentation network on drawn scenes: `python -m leukobench.segmentation.train --out network.onnx`.

No image of any dataset takes part. About 40 minutes on 2 free cores; needs the extra `deep` (PyTorch), which using
the network does not. The same seed gives the same scenes; the weights agree up to the rounding of the machine.
"""

import argparse
import copy
import itertools
import sys
from pathlib import Path

import numpy as np

from leukobench.segmentation.appearance import colourise
from leukobench.segmentation.export import save_network
from leukobench.segmentation.network import CHANNELS, SIDE, normalise
from leukobench.segmentation.scenes import Noise, draw_scene

BATCH = 32
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 1e-3
SMOOTHING = 0.995  # of the running mean of the weights, which is what is kept
DICE_SHARE = 0.5  # of the loss, beside cross-entropy


def build_network():
    """The network in PyTorch, with batch normalisation still apart."""
    from torch import nn
    from torch.nn import functional

    def convolution(channels_in, channels_out, stride=1):
        return nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        )

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            pairs = list(itertools.pairwise(CHANNELS))
            self.encoder0 = convolution(4, CHANNELS[0])
            self.down = nn.ModuleList([convolution(a, b, 2) for a, b in pairs])
            self.encoder = nn.ModuleList([convolution(b, b) for _, b in pairs])
            self.lateral = nn.ModuleList([nn.Conv2d(b, a, 1) for a, b in pairs])
            self.decoder = nn.ModuleList([convolution(a, a) for a, _ in pairs])
            self.context = nn.Linear(CHANNELS[-1], CHANNELS[-1])
            self.output = nn.Conv2d(CHANNELS[0], 2, 1)

        def forward(self, x):
            levels = [self.encoder0(x)]
            for down, encoder in zip(self.down, self.encoder, strict=True):
                levels.append(encoder(down(levels[-1])))
            x = levels[-1]
            x = x + functional.relu(self.context(x.mean((2, 3))))[:, :, None, None]
            for level in range(len(CHANNELS) - 2, -1, -1):
                finer = levels[level]
                factors = [large // small for large, small in zip(finer.shape[2:], x.shape[2:], strict=True)]
                x = finer + functional.interpolate(self.lateral[level](x), scale_factor=factors, mode="nearest")
                x = self.decoder[level](x)
            return self.output(x)

    return Network()


def train(scenes=8000, steps=6000, seed=0, threads=2, report=print):
    """Fit the network.

    Parameters
    ----------
    scenes : int, default=8000
        Scenes drawn; each is coloured anew every time it is used.
    steps : int, default=6000
        Batches of 32.
    seed : int, default=0
    threads : int, default=2
    report : callable, default=print
        Is told now and then how far it is.

    Returns
    -------
    torch.nn.Module
        As `build_network` makes it.
    """
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    pictures = torch.utils.data.DataLoader(_Pictures(scenes, steps, seed, report), BATCH, num_workers=1)
    network = build_network().to(memory_format=torch.channels_last)
    smoothed = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    running = 0.0
    for step, (picture, truth) in enumerate(pictures):
        logits = network(picture.contiguous(memory_format=torch.channels_last))
        guess = logits.sigmoid()
        dice = (2 * (guess * truth).sum((2, 3)) + 1) / ((guess + truth).sum((2, 3)) + 1)
        loss = functional.binary_cross_entropy_with_logits(logits, truth) + DICE_SHARE * (1 - dice.mean())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        _follow(smoothed, network, min(SMOOTHING, (1 + step) / (10 + step)))
        running += (loss.item() - running) / min(step + 1, 100)
        if (step + 1) % 500 == 0:
            report(f"step {step + 1} of {steps}: loss {running:.4f}")
    return smoothed.eval()


class _Pictures:
    """Coloured scenes, each a function of its number and the seed alone."""

    def __init__(self, scenes, steps, seed, report):
        rng = np.random.default_rng((seed, 0))
        noise = Noise(rng)
        self.scenes = []
        for number in range(scenes):
            self.scenes.append(draw_scene(rng, noise))
            if (number + 1) % 1000 == 0:
                report(f"{number + 1} of {scenes} scenes drawn")
        self.steps, self.seed = steps, seed

    def __len__(self):
        return self.steps * BATCH

    def __getitem__(self, number):
        rng = np.random.default_rng((self.seed, 1, number))
        layers, labels = self.scenes[rng.integers(len(self.scenes))]
        rgb, truth = colourise(layers, labels, rng, SIDE)
        return normalise(rgb), truth.astype(np.float32)


def _follow(smoothed, network, share):
    for kept, new in zip(smoothed.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - share)
        else:
            kept.copy_(new)


def main(arguments=None):
    """Train and store the network; the command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=8000)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    network = train(options.scenes, options.steps, options.seed, options.threads, lambda line: print(line, flush=True))
    origin = f"leukobench.segmentation.train: {options.scenes} drawn scenes, {options.steps} steps, seed {options.seed}"
    save_network(options.out, network, f"{origin}; no image of any dataset")


if __name__ == "__main__":
    sys.exit(main())

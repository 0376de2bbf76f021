"""What a network gains that first learnt to know a cell again in whichever laboratory shows it, from its source alone.

    python benchmarks/pretraining.py --data ../shared/data
    python benchmarks/pretraining.py --data ../shared/data --targets raabin,munich,cvb,jiangxi

MobileNetV2 goes on from ImageNet by a contrastive loss: two copies of each cell, in two training laboratories, come to
lie nearer to one another, or to all cells of their class, than to others (Khosla 2020, arXiv 2004.11362; of the cell
alone it is SimCLR's, Chen 2020, arXiv 2002.05709). Then it is fine-tuned as usual. The weights are rebuilt by this
script and kept in the cache. Splits and scores are those of `benchmarks/abroad.py`; pretraining.csv.
"""

import argparse
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from abroad import Bench, fifths, in_targets, in_worlds
from masked_tokens import SOURCE
from tuning import contrast

from leukobench.cache import cache_folder
from leukobench.datasets import find_data_root
from leukobench.files import content_hash
from leukobench.models.backbones import BACKBONES
from leukobench.models.network.architecture import build_network
from leukobench.models.network.classifier import SIZE
from leukobench.models.network.draws import BalancedSampler
from leukobench.models.network.training import Crops
from leukobench.preparation.crops import as_images

CARD = BACKBONES["mobilenet_v2"]
CELLS, COPIES = 64, 2  # of a batch
PROJECTED = 128
RATE, DECAY, WARM_UP, FROZEN = 1e-3, 0.02, 0.1, 0.17
KEPT = 25  # steps after which a killed training goes on


class Contrasted(torch.nn.Module):
    """MobileNetV2 below a projection that training alone has."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.network = build_network(CARD.name, 2, size=SIZE, frozen=FROZEN)
        self.projection = torch.nn.Sequential(
            torch.nn.Linear(CARD.dim, CARD.dim), torch.nn.ReLU(), torch.nn.Linear(CARD.dim, PROJECTED)
        )

    def forward(self, images):
        """Vectors to contrast."""
        return self.projection(self.network(images)[1])


def batch(crops, sampler, step, alike):
    """Copies of the cells of a step, which its number decides, and what lies together."""
    sampler.epoch = step
    drawn = [(step, COPIES * number + copy, place) for _, number, place in sampler for copy in range(COPIES)]
    images, (classes, _) = torch.utils.data.default_collate([crops[key] for key in drawn])
    return images, classes if alike == "class" else torch.tensor([place for _, _, place in drawn])


def pretrained(bench, train, alike, steps):
    """Weights of the backbone after so many steps, a file that is made where it is not there."""
    rows = as_images(bench.rows("pixels:scale", train))
    path = cache_folder() / "abroad" / f"{content_hash(['contrast', alike, steps, *train['sha256']])}.pt"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    labels, laboratories = (np.unique(train[name], return_inverse=True)[1] for name in ("class", "dataset"))
    crops = Crops(rows, labels, laboratories, SIZE, 0, colour="worlds", grey=0.2)
    sampler = BalancedSampler(labels, laboratories, CELLS, 0)
    module = Contrasted().to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(module.parameters(), RATE, weight_decay=DECAY)
    done, unfinished, start = 0, path.with_suffix(".unfinished"), time.perf_counter()
    if unfinished.exists():
        kept = torch.load(unfinished, weights_only=True)
        module.load_state_dict(kept["module"]), optimiser.load_state_dict(kept["optimiser"])
        done = kept["done"]
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps, WARM_UP, last_epoch=done - 1)
    for step in range(done, steps):
        images, together = batch(crops, sampler, step, alike)
        with torch.autocast("cpu", torch.bfloat16):
            vectors = module(images)
        loss = contrast(vectors.float(), together)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        cycle.step()
        if (step + 1) % KEPT == 0:
            state = {"module": module.state_dict(), "optimiser": optimiser.state_dict(), "done": step + 1}
            torch.save(state, unfinished)
            print(f"{alike}, step {step + 1}: {loss:.3f}, {time.perf_counter() - start:.0f} s", flush=True)
    torch.save(module.network.backbone.state_dict(), path)
    unfinished.unlink(missing_ok=True)
    return path


def backbone_of(file, network=CARD):
    """Name of a backbone that has MobileNetV2's card and the weights of a file."""
    name = f"{network.name}_{file.stem}"
    BACKBONES[name] = replace(network, name=name, load=partial(load, file))
    return name


def load(file, weights, input_size):
    """MobileNetV2 with other weights than its own."""
    network = CARD.load(weights, input_size)
    network.load_state_dict(torch.load(file, weights_only=True))
    return network


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--targets", default="", help="datasets; without them simulated laboratories")
    parser.add_argument("--alike", default="class", help="class or cell, or both with a comma between them")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--shown", type=int, default=8, help="cells of a class in each simulated laboratory")
    parser.add_argument("--out", type=Path, default=Path("results/abroad"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    targets = list(filter(None, options.targets.split(",")))
    bench = Bench(find_data_root(options.data), [SOURCE, *targets], 8)
    train, held_out = fifths(bench.learnt([SOURCE]))
    starts = {"ImageNet": CARD.name} | {
        f"ImageNet, then each {alike} together": backbone_of(pretrained(bench, train, alike, options.steps))
        for alike in options.alike.split(",")
    }
    models = {f"finetune:{name}[epochs=16,precision=float32]+worlds": told for told, name in starts.items()}
    models |= {f'ensemble:"vote@worlds,{model}"': f"{told}; with vote@worlds" for model, told in models.items()}
    table = (
        in_targets(bench, list(models), train, targets)
        if targets
        else in_worlds(bench, list(models), train, held_out, options.shown)
    )
    table = table.assign(model=table["model"].map(models)).rename(columns={"model": "pretrained on"})
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "pretraining.csv"
    if path.exists():
        before = pd.read_csv(path)
        table = pd.concat([before[~before["figure"].isin(table["figure"])], table])
    table.to_csv(path, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()

"""Train MobileNetV2 on finer pictures, told the cell's mask, for longer and after contrast; made for one GPU.

    python benchmarks/detail.py prepare PARTS --data ../shared/data
    python benchmarks/detail_training.py PARTS --out TRAINED --seconds 260
    python benchmarks/detail.py choose PARTS TRAINED
    python benchmarks/detail.py score PARTS TRAINED --data ../shared/data

Each setting is trained on four fifths of Barcelona, and scored at home and in simulated laboratories. Then the best
there are trained with another seed, and the best of all, and the baseline, on whole datasets. What any of them makes of
real laboratories goes unscored into a file of its own.
"""

import argparse
import functools
import json
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from joblib import Parallel, cpu_count, delayed
from squares import SIDE, squares_of
from token_training import MOBILE, scores
from torch.nn import functional
from tuning import COPIES, Mobile, Setting, contrast, look, probabilities, trained

from leukobench.models.network.draws import BalancedSampler, crops_drawn

FINER = 2  # squares of 0.1 um per px
CELLS = 64  # of a batch of contrast, each twice
CONTRASTED = 400  # batches of contrast before the training
LEARNS = 0.9  # of a source, as where the package keeps a part to judge by
FINALISTS = 3  # trained with a second seed
SHOWN = ("worlds", "worst_tenth", "own", "loss", "seconds")


@dataclass(frozen=True)
class Detailed(Setting):
    """One training.

    Parameters
    ----------
    epochs : int
        In the package's sense.
    masks : bool
        Whether nucleus and cytoplasm are further channels.
    detail : int
        Side in px to which the field is reduced before it is brought to `size`.
    alike : {"", "cell", "class"}
        What contrast brought together before the training; "" is none.
    """

    epochs: int = 16
    masks: bool = False
    detail: int = 224
    alike: str = ""


BASE = Detailed("112", **{each: getattr(MOBILE, each) for each in asdict(MOBILE) if each not in ("name", "draws")})
FINE = replace(BASE, name="224", size=224)
MIDDLE = replace(BASE, name="160", size=160)


def told(setting):
    """The setting with masks."""
    return replace(setting, name=f"{setting.name}, masks", masks=True)


def longer(setting):
    """The setting with twice the epochs."""
    return replace(setting, name=f"{setting.name}, {2 * setting.epochs} epochs", epochs=2 * setting.epochs)


SETTINGS = (
    BASE,
    FINE,
    told(FINE),
    told(BASE),
    MIDDLE,
    longer(FINE),
    longer(BASE),
    told(MIDDLE),
    longer(told(FINE)),
    replace(BASE, name="112, contrast of cells", alike="cell"),
    longer(told(BASE)),
    longer(MIDDLE),
    replace(FINE, name="224 of 112", detail=112),
    longer(told(MIDDLE)),
    replace(BASE, name="112, contrast of classes", alike="class"),
)
"""In order of worth."""


class Told(Mobile):
    """MobileNetV2 whose first layer adds what the masks say, nothing at first."""

    def __init__(self, setting, classes):
        super().__init__(setting, classes)
        if setting.masks:
            first = self.network.backbone.features[0][0]
            self.entry = torch.nn.Conv2d(2, first.out_channels, 3, first.stride, 1, bias=False)
            torch.nn.init.zeros_(self.entry.weight)
            first.register_forward_hook(lambda _, __, given: given + self.entry(self.cells))

    def forward(self, pictures, cells):
        self.cells = cells
        return super().forward(pictures, cells)

    def vectors(self, pictures, cells):
        """What the last layer sees."""
        self.cells = cells
        return self.network(pictures.permute(0, 2, 3, 1))[1]


def reduced(given, setting):
    """Squares with the pixels that a setting asks for, and no more."""
    side = round(min(setting.size, setting.detail) * SIDE / setting.field)
    if side >= given.shape[1]:
        return given
    masks = torch.stack([255 * (given[..., 3] >= label) for label in (1, 2)], 1)
    layers = torch.cat([given[..., :3].permute(0, 3, 1, 2), masks], 1).float()
    small = functional.interpolate(layers, size=(side, side), mode="bilinear", antialias=True).round().clamp(0, 255)
    cell, nucleus = small[:, 3] > 127, small[:, 4] > 127
    labels = cell.byte() + (cell & nucleus).byte()
    return torch.cat([small[:, :3].byte(), labels[:, None]], 1).permute(0, 2, 3, 1)


class Source:
    """Squares that train, classes of a laboratory equally often."""

    def __init__(self, squares, images, labels, laboratories, device):
        self.squares, self.images, self.device = squares, images, device
        self.labels, self.weights = labels, BalancedSampler(labels, laboratories, len(labels), 0).weights

    def drawn(self, rng, number):
        """Places of so many."""
        return rng.choice(len(self.weights), number, p=self.weights)

    def take(self, places, copies, setting):
        """Squares of places and their copies."""
        return reduced(torch.from_numpy(self.squares[self.images[places], copies]).to(self.device), setting)

    def batches(self, setting, luck):
        """Squares and labels."""
        rng = np.random.default_rng((setting.seed, 0))
        for _ in range(setting.draws // setting.batch):
            places = self.drawn(rng, setting.batch)
            copies = rng.integers(0, 1 + COPIES, setting.batch)
            yield self.take(places, copies, setting), torch.as_tensor(self.labels[places], device=self.device)

    def pairs(self, setting, steps):
        """Two copies of each of some cells, and what is to lie together."""
        rng = np.random.default_rng((setting.seed, 1))
        for _ in range(steps):
            places = np.repeat(self.drawn(rng, CELLS), 2)
            copies = np.concatenate([rng.choice(COPIES, 2, replace=False) for _ in range(CELLS)]) + 1
            alike = places if setting.alike == "cell" else self.labels[places]
            yield self.take(places, copies, setting), torch.as_tensor(alike, device=self.device)


def contrasted(setting, network, source, steps, deadline):
    """Bring copies of a cell, or of a class, together before the training; whether time was left for it."""
    dim = network.network.head.in_features
    projection = torch.nn.Sequential(torch.nn.Linear(dim, dim), torch.nn.ReLU(), torch.nn.Linear(dim, 128))
    module = torch.nn.ModuleList([network, projection.to(source.device)]).train()
    optimiser = torch.optim.AdamW(module.parameters(), setting.rate, weight_decay=setting.decay)
    rises = 0.1 if steps > 10 else 0.0
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, setting.rate, steps, pct_start=rises, cycle_momentum=False)
    luck = torch.Generator(source.device).manual_seed(setting.seed)
    for given, alike in source.pairs(setting, steps):
        if time.monotonic() > deadline:
            return False
        with torch.autocast(source.device, torch.bfloat16, enabled=source.device == "cuda"):
            vectors = module[1](network.vectors(*look(given, setting, luck)))
        optimiser.zero_grad(set_to_none=True)
        contrast(vectors.float(), alike).backward()
        optimiser.step()
        cycle.step()
    return True


def answers(setting, network, given, device, chunk=256):
    """Probabilities of squares, (n, classes)."""
    parts = []
    for start in range(0, len(given), chunk):
        some = reduced(torch.from_numpy(np.array(given[start : start + chunk])).to(device), setting)
        parts.append(probabilities(setting, network, some.cpu().numpy(), device))
    return np.concatenate(parts)


class Parts:
    """What detail.py prepare has written."""

    def __init__(self, folder):
        self.images, self.shown = (
            pd.read_csv(folder / f"{name}.csv", keep_default_na=False) for name in ("images", "shown")
        )
        self.images["um_per_px"] = pd.to_numeric(self.images["um_per_px"])
        self.bytes = np.load(folder / "images.npy")
        self.fits = json.loads((folder / "fits.json").read_text(encoding="utf-8"))

    def file(self, place):
        """An image as it travels."""
        end = self.images["end"][place]
        return self.bytes[end - self.images["length"][place] : end]

    def home(self):
        """What is scored at home and in simulated laboratories, in the order of its probabilities."""
        own = self.images.loc[self.fits[0]["own"], ["class"]].assign(part="own", condition="")
        shown = self.images.loc[self.shown["image"], ["class"]].assign(part="worlds")
        return pd.concat([own, shown.assign(condition=self.shown["condition"].to_numpy())], ignore_index=True)


def make(path, place, file, um_per_px, condition, copies):
    """Write the squares of an image."""
    image = cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1]
    made = squares_of(np.ascontiguousarray(image), um_per_px, condition, copies, finer=FINER)
    np.load(path, mmap_mode="r+")[place] = made if copies else made[0]


def make_all(parts, folder):
    """Squares of all images with copies, and of what is shown in simulated laboratories."""
    side, scales = SIDE * FINER, parts.images["um_per_px"]
    images, worlds = folder / "images.npy", folder / "worlds.npy"
    np.lib.format.open_memmap(images, "w+", np.uint8, (len(parts.images), 1 + COPIES, side, side, 4)).flush()
    np.lib.format.open_memmap(worlds, "w+", np.uint8, (len(parts.shown), side, side, 4)).flush()
    tasks = [delayed(make)(images, each, parts.file(each), scales[each], "", COPIES) for each in parts.images.index]
    tasks += [
        delayed(make)(worlds, place, parts.file(image), scales[image], condition, 0)
        for place, (image, condition) in enumerate(zip(parts.shown["image"], parts.shown["condition"], strict=True))
    ]
    Parallel(cpu_count(), pre_dispatch="all")(tasks)


@functools.lru_cache(1)
def opened(folder, parts):
    """What a process that trains has open: squares, and classes and laboratories of all images."""
    torch.set_num_threads(1)
    images = Parts(parts).images
    squares = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("images", "worlds"))
    return *squares, images["class"].to_numpy(str), images["dataset"].to_numpy(str)


def train(setting, fit, deadline, folder, options):
    """Row and probabilities of one training; None where time is up."""
    squares, worlds, *names = opened(folder, options.parts)
    began, images, device = time.monotonic(), np.array(fit["images"]), options.device
    labels, laboratories = (np.unique(each[images], return_inverse=True)[1] for each in names)
    draws, classes = options.draws or setting.epochs * crops_drawn(round(LEARNS * len(images))), 1 + int(labels.max())
    setting = replace(setting, draws=draws, batch=min(setting.batch, draws))
    source = Source(squares, images, labels, laboratories, device)
    torch.manual_seed(setting.seed)
    network = Told(setting, classes).to(device)
    steps = min(CONTRASTED, options.draws or CONTRASTED)
    if setting.alike and not contrasted(setting, network, source, steps, deadline):
        return None
    loss = trained(setting, network, source, classes, deadline)
    if loss is None:
        return None
    row = asdict(setting) | {"fit": fit["name"], "loss": loss, "seconds": time.monotonic() - began}
    own = [squares[fit["own"], 0], worlds] if "own" in fit else []
    home = [answers(setting, network, each, device) for each in own]
    return row, np.concatenate(home) if home else None, answers(setting, network, squares[fit["tests"], 0], device)


def ranked(rows):
    """Names of settings, the best in simulated laboratories first: mean and worst tenth together, mean of seeds."""
    table = pd.DataFrame([row for row in rows if "worlds" in row])
    return list((table["worlds"] + table["worst_tenth"]).groupby(table["name"]).mean().sort_values().index[::-1])


def planned(rows, fits):
    """Trainings in the order of worth; what is best is asked when it is needed."""
    part, wholes = fits[0], fits[1:]
    named = {each.name: each for each in SETTINGS}
    for each in SETTINGS:
        yield each, part
    finalists = ranked(rows)[:FINALISTS]
    for name in dict.fromkeys([*finalists, BASE.name]):
        yield replace(named[name], seed=1), part
    for name in dict.fromkeys([ranked(rows)[0], BASE.name]):
        for fit in wholes:
            yield named[name], fit
    for each in SETTINGS:
        for seed in (1, 2):
            yield replace(each, seed=seed), part


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", type=Path, help="folder that detail.py prepare has written")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=260, help="after which nothing is trained")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--workers", type=int, default=8, help="trainings at a time")
    parser.add_argument("--draws", type=int, default=0, help="pictures in each training, to try it out")
    options = parser.parse_args()
    start = time.monotonic()
    parts = Parts(options.parts)
    options.out.mkdir(parents=True, exist_ok=True)
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.statvfs(memory).f_bavail * os.statvfs(memory).f_frsize > 30 * 2**30
    with tempfile.TemporaryDirectory(dir=memory if roomy else None) as name:
        work(parts, options, Path(name), start)


def work(parts, options, folder, start):
    """Make the squares, then train what is planned until time is up; each result is written at once."""
    make_all(parts, folder)
    print(f"pictures: {time.monotonic() - start:.0f} s", flush=True)
    rows, kept, pending, begun = [], {"home": {}, "real": {}}, {}, set()
    jobs, table, deadline = planned(rows, parts.fits), parts.home(), start + options.seconds
    classes = np.unique(parts.images["class"].to_numpy(str)[parts.fits[0]["images"]])
    with ProcessPoolExecutor(options.workers, multiprocessing.get_context("spawn")) as pool:
        while True:
            while len(pending) < options.workers and time.monotonic() < deadline and (job := next(jobs, None)):
                key = "{0.name}; {0.seed}; {1[name]}".format(*job)
                if key not in begun:
                    begun.add(key)
                    pending[pool.submit(train, *job, deadline, folder, options)] = key
            if not pending:
                break
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                key, error = pending.pop(future), future.exception()
                if error or future.result() is None:
                    print(f"{key}: {error!r}" if error else f"{key}: no time left", flush=True)
                    continue
                row, home, real = future.result()
                if home is not None:
                    row |= scores(table, home, classes)
                    kept["home"][key] = home.astype(np.float16)
                kept["real"][key] = real.astype(np.float16)
                rows.append(row)
                shown = {name: round(row.get(name, np.nan), 4) for name in SHOWN}
                print(f"{time.monotonic() - start:.0f} s: {key}: {shown}", flush=True)
                pd.DataFrame(rows).to_csv(options.out / "rows.csv", index=False)
                for name, some in kept.items():
                    np.savez(options.out / f"{name}.npz", **some)
    print(f"{len(rows)} trained, {time.monotonic() - start:.0f} s in all")


if __name__ == "__main__":
    main()

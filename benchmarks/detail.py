"""Parts for detail_training.py, which trains MobileNetV2 on a GPU, and what its answers are worth.

    python benchmarks/detail.py prepare PARTS --data ../shared/data
    python benchmarks/detail_training.py PARTS --out TRAINED --seconds 260
    python benchmarks/detail.py choose PARTS TRAINED --data ../shared/data
    python benchmarks/detail.py score PARTS TRAINED --data ../shared/data

Images travel as WebP of quality 80 (the source) and 90, at 0.1 um per px where they are finer. `choose` opens what was
answered at home and in simulated laboratories alone, and `score` the rest: real laboratories from four fifths of
Barcelona, then all of them from one another, by the splits of `benchmarks/abroad.py`; detail.csv.
"""

import argparse
import functools
import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from abroad import Bench, everywhere, fifths, in_targets, in_worlds
from masked_tokens import SOURCE, TARGETS

from leukobench.datasets import find_data_root
from leukobench.imaging.io import read_image
from leukobench.inputs import locate
from leukobench.preparation.views import at_most
from leukobench.running.protocols import PROTOCOLS
from leukobench.running.setting import Setting
from leukobench.running.splits import shown_samples
from leukobench.running.suite import load_suite

UM_PER_PX = 0.1
QUALITY = {SOURCE: 80}  # of WebP, and of other datasets
OTHERS = 90
EVERYWHERE = ("lodo", "pairwise")
VOTE, NETWORK = "vote@worlds", "finetune:mobilenet_v2[epochs=16,precision=float32]+worlds"
OLDER = "vote@augmented+experts"
SHOWN = 8  # cells of a class in each simulated laboratory
JOINED = " and "


def encoded(root, sample):
    """An image as WebP, and its scale."""
    image, scale = read_image(locate(root, sample.path), sample.sha256), sample.um_per_px
    if scale < UM_PER_PX:
        image, scale = at_most(image, scale, UM_PER_PX)
    how = [cv2.IMWRITE_WEBP_QUALITY, QUALITY.get(sample.dataset, OTHERS)]
    return cv2.imencode(".webp", image[..., ::-1], how)[1].ravel(), scale


def parts_of(bench):
    """What trains, what is held out, and what of that is shown in simulated laboratories."""
    train, held_out = fifths(bench.learnt([SOURCE]))
    setting = Setting("within", conditions=PROTOCOLS["worlds"].setting.conditions, shown=SHOWN)
    return train, held_out, shown_samples(held_out, setting)


def prepare(bench, options):
    """Write what trains and is predicted."""
    options.parts.mkdir(parents=True, exist_ok=True)
    places = pd.Series(bench.samples.index, bench.samples["path"])
    train, held_out, shown = parts_of(bench)
    real = bench.of(*TARGETS)
    real = real[real["class"].isin(set(train["class"]))]
    fits = [{"name": "part", "images": train, "own": held_out, "tests": real}]
    for protocol in EVERYWHERE:
        for name, sources, names in PROTOCOLS[protocol].fits(bench.suite.datasets):
            fits.append({"name": f"{protocol}: {name}", "images": bench.learnt(sources), "tests": bench.of(*names)})
    told = [
        {key: each if key == "name" else places[each["path"]].tolist() for key, each in fit.items()} for fit in fits
    ]
    (options.parts / "fits.json").write_text(json.dumps(told), encoding="utf-8")
    files, scales = zip(*(encoded(bench.root, sample) for sample in bench.samples.itertuples()), strict=True)
    np.save(options.parts / "images.npy", np.concatenate(files))
    images = bench.samples.assign(um_per_px=scales, length=[len(file) for file in files])
    images["end"] = images["length"].cumsum()
    columns = ["dataset", "class", "um_per_px", "length", "end"]
    images.to_csv(options.parts / "images.csv", columns=columns, index=False)
    shown = shown.assign(image=places[shown["path"]].to_numpy())
    shown.to_csv(options.parts / "shown.csv", columns=["image", "condition"], index=False)


class Kept(Bench):
    """A bench that knows what the trained networks have answered; names that are joined are means of theirs."""

    def open(self, options, *files):
        """Read what was trained."""
        fits = json.loads((options.parts / "fits.json").read_text(encoding="utf-8"))
        paths = self.samples["path"].to_numpy(str)
        _, held_out, shown = parts_of(self)
        home = [(path, "") for path in held_out["path"]] + list(zip(shown["path"], shown["condition"], strict=True))
        self.of_fit = {tuple(paths[fit["images"]]): fit["name"] for fit in fits}
        self.at = {fit["name"]: {(path, ""): k for k, path in enumerate(paths[fit["tests"]])} for fit in fits}
        self.at["home"] = {key: k for k, key in enumerate(home)}
        self.kept = {}
        for file in files:
            with np.load(options.trained / f"{file}.npz") as given:
                self.kept |= {(file, key): given[key].astype(float) for key in given}
        return self

    def names(self, fit):
        """Of what was trained on all that a fit has."""
        ends = f"; {fit}"
        return list(dict.fromkeys(key.removesuffix(ends) for _, key in self.kept if key.endswith(ends)))

    def probabilities(self, name, train, samples, known, seed=0):
        """Of a network that was trained, of another model, or the mean of several."""
        if JOINED in name:
            of_each = [self.probabilities(each, train, samples, known, seed) for each in name.split(JOINED)]
            return np.mean(of_each, axis=0)
        fit = self.of_fit.get(tuple(train["path"]))
        kinds = [file for file, key in self.kept if key == f"{name}; {fit}"]
        if not kinds:
            return super().probabilities(name, train, samples, known, seed)
        conditions = samples["condition"] if "condition" in samples else [""] * len(samples)
        wanted = list(zip(samples["path"], conditions, strict=True))
        kind = "home" if wanted[0] in self.at["home"] else "real"
        at = self.at["home"] if kind == "home" else self.at[fit]
        rows = self.kept[kind, f"{name}; {fit}"][[at[key] for key in wanted]]
        return rows / rows.sum(1, keepdims=True)


def write(table, options, place):
    """Put a table in place of its former rows."""
    path, table = options.out / "detail.csv", table.assign(place=place)
    options.out.mkdir(parents=True, exist_ok=True)
    if path.exists():
        before = pd.read_csv(path)
        table = pd.concat([before[before["place"] != place], table])
    table.to_csv(path, index=False)
    table = table[table["place"] == place]
    print(table.pivot(index="model", columns="figure", values="score").loc[table["model"].unique()].to_string())


def tables(score, names, options, vote=VOTE, third=()):
    """Of networks, with gains on the baseline or M, and of their means with votes, with gains on the recipe."""
    base = options.base if options.base in names else NETWORK
    alone = sorted([*names, NETWORK], key=lambda name: name != base)
    together = [f"{name}{JOINED}{vote}" for name in (NETWORK, *names)]
    together += [JOINED.join([name, vote, other]) for name in names for other in third]
    return pd.concat([score([*alone, vote]), score(together)])


def choose(bench, options):
    """Score at home and in simulated laboratories."""
    train, held_out, _ = parts_of(bench.open(options, "home"))
    table = tables(lambda models: in_worlds(bench, models, train, held_out, SHOWN), bench.names("part"), options)
    write(table, options, "simulated")


def score(bench, options):
    """Score in real laboratories."""
    train, _, _ = parts_of(bench.open(options, "real"))
    for protocol in EVERYWHERE:
        fits = PROTOCOLS[protocol].fits(bench.suite.datasets)
        of_each = [set(bench.names(f"{protocol}: {name}")) for name, _, _ in fits]
        names = sorted(set.intersection(*of_each) - {NETWORK})
        if names:
            call = functools.partial(everywhere, bench, protocol=protocol)
            write(tables(call, names, options, f"{VOTE}+experts", [OLDER]), options, protocol)
    table = tables(lambda models: in_targets(bench, models, train, list(TARGETS)), bench.names("part"), options)
    write(table, options, "real")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=["prepare", "choose", "score"])
    parser.add_argument("parts", type=Path)
    parser.add_argument("trained", type=Path, nargs="?", help="what detail_training.py has written")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--base", default="112; 0", help="training that gains of networks are on")
    parser.add_argument("--out", type=Path, default=Path("results/abroad"))
    options = parser.parse_args()
    bench = Kept(find_data_root(options.data), load_suite("worlds").datasets, 8)
    {"prepare": prepare, "choose": choose, "score": score}[options.step](bench, options)


if __name__ == "__main__":
    main()

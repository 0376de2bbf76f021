"""Tune a vision transformer, and MobileNetV2 beside it, on cells in simulated laboratories; made for one GPU.

    python benchmarks/tuned_tokens.py prepare PARTS --data ../shared/data
    python benchmarks/token_training.py PARTS vit_s_focus.onnx --data ../shared/data --out TUNED --seconds 300
    python benchmarks/tuned_tokens.py score PARTS TUNED --data ../shared/data

Each row of `SETTINGS` is trained on four fifths of the source and printed with its scores in simulated laboratories.
What it makes of real ones goes into a file unscored: PARTS has their squares alone.
"""

import argparse
import io
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, cpu_count, delayed
from squares import squares
from tuning import COPIES, Mobile, Pool, Setting, Tokens, probabilities, trained
from vision_transformer import load_vision_transformer

TURNS = 4
PART_BYTES = 15 * 2**20  # of the file of weights


FULL = Setting("all")
MOBILE = Setting(
    "mobilenet-16",
    network="mobilenet_v2",
    size=112,
    field=112,
    draws=16 * 1440,
    rate=1e-3,
    decay=0.02,
    batch=32,
    rises=0.25,
)
LONG = replace(FULL, name="long", draws=3 * FULL.draws, copies=TURNS * COPIES, as_best=True)
SETTINGS = (
    FULL,
    replace(FULL, name="last-4", blocks=4),
    MOBILE,
    replace(FULL, name="all-picture", pooling="picture"),
    replace(FULL, name="all-126", size=126),
    replace(FULL, name="all-double-rate", rate=FULL.rate * 2),
    replace(FULL, name="last-4-126", size=126, blocks=4),
    LONG,
    replace(FULL, name="all-half-rate", rate=FULL.rate / 2),
    replace(FULL, name="all-64-copies", copies=TURNS * COPIES),
    replace(FULL, name="all-seed-1", seed=1),
    replace(FULL, name="all-0-copies", copies=0),
    replace(FULL, name="all-4-copies", copies=4),
    replace(FULL, name="frozen", blocks=0),
    replace(MOBILE, name="mobilenet-64", draws=4 * MOBILE.draws, copies=TURNS * COPIES),
    replace(LONG, name="long-seed-1", seed=1),
    replace(FULL, name="all-strong", strong=True),
    replace(FULL, name="all-seed-2", seed=2),
)
"""In order of worth."""


def recall(true, answers):
    """Balanced accuracy."""
    return np.mean([(answers[true == label] == label).mean() for label in np.unique(true)])


def scores(table, given, classes):
    """In simulated laboratories and at home, of what is told of the cells."""
    answers, true = np.array(classes)[given.argmax(1)], table["class"].to_numpy(str)
    own = (table["part"] == "own").to_numpy()
    worlds = table[table["part"] == "worlds"].groupby("condition").indices
    rows = np.flatnonzero(table["part"] == "worlds")
    each = sorted(recall(true[rows[at]], answers[rows[at]]) for at in worlds.values())
    return {
        "worlds": np.mean(each),
        "worst_tenth": np.mean(each[: max(1, len(each) // 10)]),
        "own": recall(true[own], answers[own]),
    }


def keep_weights(folder, network):
    """All weights as float16, in parts of a npz file."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name: each.numpy(force=True).astype(np.float16) for name, each in network.state_dict().items()})
    for number, start in enumerate(range(0, buffer.tell(), PART_BYTES)):
        (folder / f"weights.npz.{number}").write_bytes(buffer.getbuffer()[start : start + PART_BYTES])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", type=Path, help="folder that tuned_tokens.py prepare has written")
    parser.add_argument("onnx", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=300, help="after which nothing new is trained")
    parser.add_argument("--weights", action="store_true", help="keep those of the best transformer")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--limit", type=int, help="images of each part, to try it out")
    parser.add_argument("--draws", type=int, help="pictures in each training, to try it out")
    options = parser.parse_args()
    start = time.monotonic()
    table = pd.read_csv(options.parts / "samples.csv", keep_default_na=False)
    table["um_per_px"] = pd.to_numeric(table["um_per_px"])
    real = np.load(options.parts / "real.npy")
    if options.limit:
        real = real[:: -(-len(real) // options.limit)]
        table = pd.concat([some[:: -(-len(some) // options.limit)] for _, some in table.groupby("part", sort=False)])
    train, told = table[table["part"] == "train"], table[table["part"] != "train"].reset_index(drop=True)
    classes, labels = np.unique(train["class"].to_numpy(str), return_inverse=True)
    tasks = [delayed(squares)(options.data, sample) for sample in told.itertuples()]
    for turn in range(TURNS):
        tasks += [delayed(squares)(options.data, sample, COPIES, turn) for sample in train.itertuples()]
    made = Parallel(max(1, cpu_count() - 1), return_as="generator", pre_dispatch="all")(tasks)
    given = np.concatenate([*(next(made) for _ in range(len(told))), real])  # the order of the probabilities
    pool = Pool(made, labels, options.device)
    pool.turns(1)
    print(f"pictures: {time.monotonic() - start:.0f} s", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    rows, kept, best = [], {}, None
    for setting in SETTINGS:
        if setting.as_best:
            own = {name: getattr(setting, name) for name in ("name", "copies", "draws", "seed")}
            setting = replace(best[1], **own)
        if options.draws:
            setting = replace(setting, draws=options.draws, batch=min(setting.batch, options.draws))
        pool.turns(setting.turns())
        torch.manual_seed(setting.seed)
        vit = setting.network == "vit"
        network = (
            Tokens(load_vision_transformer(options.onnx), setting, len(classes))
            if vit
            else Mobile(setting, len(classes))
        ).to(options.device)
        began = time.monotonic()
        loss = trained(setting, network, pool, len(classes), start + options.seconds)
        if loss is None:
            print(f"{setting.name}: no time left", flush=True)
            break
        took = time.monotonic() - began
        kept[setting.name] = probabilities(setting, network, given, options.device)
        rows.append(
            {"name": setting.name}
            | scores(told, kept[setting.name][: len(told)], classes)
            | {"loss": loss, "seconds": took, "draws": setting.draws}
            | {name: getattr(setting, name) for name in ("blocks", "size", "pooling", "copies", "rate", "seed")}
        )
        print(pd.DataFrame(rows[-1:]).round(4).to_string(index=False, header=len(rows) == 1), flush=True)
        pd.DataFrame(rows).to_csv(options.out / "rows.csv", index=False)
        np.savez(options.out / "probabilities.npz", **{name: each.astype(np.float16) for name, each in kept.items()})
        reached = rows[-1]["worlds"] + rows[-1]["worst_tenth"]
        if vit and (best is None or reached > best[0]):
            best = reached, setting
            if options.weights:
                keep_weights(options.out, network)
    made.close()
    print(f"{len(rows)} of {len(SETTINGS)} trained, {time.monotonic() - start:.0f} s in all")


if __name__ == "__main__":
    main()

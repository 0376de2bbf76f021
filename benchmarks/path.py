"""From file to answer: what each stage of the way costs, beside the peers' own pipelines, in one run.

    python benchmarks/path.py --data ../shared/data

writes results/path/: path.csv, peers.csv, README.md and environment.json. cp-measure, mahotas and nyxus are measured
where they are installed (pip install cp-measure mahotas nyxus). On two quiet cores it takes about five minutes.
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.ndimage import binary_fill_holes
from skimage.color import rgb2hed, rgb2hsv
from skimage.filters import threshold_otsu
from skimage.io import imread
from skimage.measure import label, regionprops
from skimage.morphology import closing, disk

from leukobench.datasets import find_data_root, get_dataset
from leukobench.features import extract_features
from leukobench.features.backends.cpu import warm_up
from leukobench.features.bench import run_bench
from leukobench.features.rivals import RIVALS
from leukobench.features.viewed import view_features
from leukobench.imaging.io import read_image, read_mask
from leukobench.preparation.views import get_view
from leukobench.running.environment import describe_environment
from leukobench.running.pool import LocalPool
from leukobench.segmentation import segment
from leukobench.text import markdown_table

CHUNK = 32  # images of one task, as in a run
PEERS = ("scikit-image", "mahotas", "cp-measure", "nyxus")
MODEL = "vote@augmented"
ROWS = {
    "path": ("decode + segment + core features, Barcelona, images/s on all cores", "about 350", "1,000"),
    "view": (f"the same with view and 8 copies (the table of {MODEL}), ms an image and core", "77", "20"),
    "core": ("core features, masks given, CVB, times scikit-image", "113 to 157", "150"),
    "full": ("full set, times scikit-image", "33", "80"),
    "extended": ("extended set, times scikit-image", "28", "60"),
    "predict": (f"predict, 1,000 cells, a saved {MODEL}, seconds from start to CSV", "-", "under 6"),
    "scaling": ("all cores over one, feature stage", "1.73 (2 cores)", "1.9 (2 cores)"),
    "peers": ("whole path, times scikit-image's masks and features with joblib", "-", "50"),
}
"""What is measured, as it was when this was asked for, and what was asked."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/path"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skip", nargs="*", default=[], choices=["features", "predict", "peers"])
    options = parser.parse_args()
    root = find_data_root(options.data)
    records = get_dataset("barcelona").read(root)
    paths = [record.path for record in records if not record.path.name.startswith(".")]
    jobs = os.cpu_count()
    warm_up()

    measured = stages(paths, get_dataset("barcelona").card.um_per_px, jobs, options.rounds)
    if "features" not in options.skip:
        measured |= features(root, options.rounds)
    if "predict" not in options.skip:
        measured["predict"] = predict(root, paths)
    peers = pd.DataFrame()
    if "peers" not in options.skip:
        peers = beside_peers(paths, jobs, measured["path"])
        measured["peers"] = peers.set_index("pipeline")["times_slower"].get("scikit-image", np.nan)
    rows = [(*words, measured.get(key, np.nan)) for key, words in ROWS.items()]
    table = pd.DataFrame(rows, columns=["work", "before", "ask", "measured"])
    write(options.out, table, peers)


def stages(paths, um_per_px, jobs, rounds):
    """Rates of the feature stage in worker processes as a run has them; the best round of each, in turn."""
    best = {"one": 0.0, "all": 0.0, "view": 0.0}
    look = functools.partial(seen, um_per_px)
    with LocalPool(1) as one, LocalPool(jobs) as many:
        for pool in (one, many):
            rate(pool, measure, spread(paths, 4 * jobs * CHUNK))
        rate(one, look, spread(paths, CHUNK))
        for _ in range(rounds):
            # as many for each worker, and many, so that the last task weighs little
            best["one"] = max(best["one"], rate(one, measure, spread(paths, 1024)))
            best["all"] = max(best["all"], rate(many, measure, spread(paths, 1024 * jobs)))
            best["view"] = max(best["view"], rate(one, look, spread(paths, 96)))
    return {"path": best["all"], "scaling": best["all"] / best["one"], "view": 1000 / best["view"]}


def spread(paths, n):
    """So many of the files, evenly over all of them."""
    return [paths[k] for k in np.linspace(0, len(paths) - 1, min(n, len(paths))).astype(int)]


def rate(pool, task, paths):
    """Images a second of a pool."""
    start = time.perf_counter()
    futures = [pool.submit(task, paths[k : k + CHUNK]) for k in range(0, len(paths), CHUNK)]
    done = sum(future.result() for future in futures)
    return done / (time.perf_counter() - start)


def measure(paths):
    """Decode, segment and measure; the number of images."""
    images = [read_image(path) for path in paths]
    return len(extract_features(images, segment(images), device="cpu"))


def seen(um_per_px, paths):
    """Decode, bring to the view with its copies, and measure; the number of images."""
    images = [read_image(path) for path in paths]
    return len(view_features(images, get_view("augmented"), um_per_px=um_per_px, device="cpu"))


def features(root, rounds):
    """How many times as fast as scikit-image the feature sets are, on the cells of CVB with their expert masks."""
    records = [record for record in get_dataset("cvb").read(root) if record.mask is not None]
    images, masks = [read_image(r.path) for r in records], [read_mask(r.mask) for r in records]
    table = run_bench(images, masks, rivals=("scikit-image",), seconds=4.0, rounds=rounds)
    times = table.set_index("extractor")["times_scikit_image"]
    return {name: times[f"leukobench cpu ({name})"] for name in ("core", "full", "extended")}


def predict(root, paths):
    """Seconds that the command takes with a model from a file; its cache is empty."""
    with tempfile.TemporaryDirectory() as folder:
        cells = Path(folder, "cells")
        cells.mkdir()
        for number, path in enumerate(spread(paths, 1000)):
            Path(cells, f"{number}{path.suffix}").symlink_to(path.resolve())
        one = next(cells.iterdir())
        saved, common = Path(folder, "model.zip"), ["--um-per-px", "0.1", "--no-page", "--out"]
        training = ["--data", root, "--train", "barcelona", "--model", MODEL, "--save", saved]
        command(Path(folder, "first"), "predict", one, *common, Path(folder, "one.csv"), *training)
        start = time.perf_counter()
        command(Path(folder, "second"), "predict", cells, *common, Path(folder, "cells.csv"), "--load", saved)
        return time.perf_counter() - start


def command(cache, *arguments):
    environment = os.environ | {"LEUKOBENCH_CACHE": str(cache)}
    subprocess.run(
        [sys.executable, "-m", "leukobench", *map(str, arguments)], check=True, capture_output=True, env=environment
    )


def beside_peers(paths, jobs, ours):
    """Images a second of pipelines that are made of the peers' own functions: files in, features out."""
    rows = [("leukobench (core)", ours)]
    for name in PEERS:
        if find_spec(RIVALS[name].module) is None:
            print(f"left out: {name} is not installed")
            continue
        peer(name, spread(paths, 2 * jobs), jobs)
        few = peer(name, spread(paths, 8 * jobs), jobs)
        rows.append((name, peer(name, spread(paths, int(np.clip(15 * few, 8 * jobs, 512))), jobs)))
    table = pd.DataFrame(rows, columns=["pipeline", "images_per_s"])
    return table.assign(times_slower=ours / table["images_per_s"])


def peer(name, paths, jobs):
    """Rate of one pipeline: scikit-image reads and segments, the peer measures, both over all cores."""
    start = time.perf_counter()
    images, masks = zip(*Parallel(n_jobs=jobs)(delayed(scikit_image_mask)(path) for path in paths), strict=True)
    RIVALS[name].extract(images, masks, jobs)
    return len(paths) / (time.perf_counter() - start)


def scikit_image_mask(path):
    """Nucleus and cell as scikit-image's examples find such things: thresholds on stains, parts without holes."""
    image = imread(path)
    haematoxylin, saturation = rgb2hed(image)[..., 0], rgb2hsv(image)[..., 1]
    nucleus = central_part(haematoxylin > threshold_otsu(haematoxylin))
    cell = central_part((saturation > threshold_otsu(saturation)) | nucleus) | nucleus
    return image, cell.astype(np.uint8) + nucleus


def central_part(found):
    """The large part that is nearest to the middle."""
    parts = regionprops(label(closing(found, disk(2))))
    largest = max(part.area for part in parts)
    middle = np.array(found.shape) / 2
    large = [part for part in parts if part.area > largest / 4]
    chosen = min(large, key=lambda part: np.hypot(*(np.array(part.centroid) - middle)))
    mask = np.zeros(found.shape, bool)
    mask[chosen.slice] = binary_fill_holes(chosen.image)
    return mask


def write(out, table, peers):
    """The tables as CSV and as a page with the command."""
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "path.csv", index=False, float_format="%.2f")
    peers.to_csv(out / "peers.csv", index=False, float_format="%.1f")
    (out / "environment.json").write_text(json.dumps(describe_environment(), indent=1) + "\n", encoding="utf-8")
    parts = [
        "# From file to answer\n",
        "`python benchmarks/path.py --data ../shared/data`: all rows in one run, best of a few rounds in turn,",
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} from this and other processes at the end.\n",
        markdown_table(shown(table)),
        "\nPipelines of the peers: scikit-image reads the file and finds nucleus and cell, the peer measures them,",
        "over all cores; what is not installed is left out.\n",
        markdown_table(shown(peers)),
    ]
    text = "\n".join(parts) + "\n"
    (out / "README.md").write_text(text, encoding="utf-8")
    print(text)


def shown(table):
    return table.map(lambda value: value if isinstance(value, str) else "-" if pd.isna(value) else f"{value:.3g}")


if __name__ == "__main__":
    main()

"""Dice, time and scale of the segmentation on real images.

    python benchmarks/segmentation.py --data ../shared/data

writes results/segmentation/dice.md and .csv, quality.csv, speed.csv and scale.csv.
"""

import argparse
import os
import platform
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from leukobench.datasets import DATASETS, find_data_root, get_dataset
from leukobench.imaging.io import ImageError, read_image, read_mask
from leukobench.imaging.scale import estimate_dataset_scale, estimate_um_per_px
from leukobench.segmentation import VERSION, network, segment
from leukobench.segmentation.bench import bench
from leukobench.text import markdown_table

PROTOCOL = """\
Protocol: `segment` as shipped (version {version}; weights: {origin})
on every image that has an expert mask. The network has seen no image or mask of any dataset. The drawn scenes and the
margins of `leukobench.segmentation` were settled with these two datasets in view, so the figures are development
figures; laboratories that were kept back are the test. `cell` is the whole cell with its nucleus. Dice of two empty
masks is 1. `share_poor`: share of images with a Dice under 0.7.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/segmentation"))
    parser.add_argument("--sample", type=int, default=100, help="images per dataset for quality, speed and scale")
    options = parser.parse_args()
    root = find_data_root(options.data)
    options.out.mkdir(parents=True, exist_ok=True)

    tables = [dice_table(root, name) for name in DATASETS if DATASETS[name].card.masks]
    dice = pd.concat(tables, ignore_index=True)
    samples = {name: sample(root, name, options.sample) for name in DATASETS}
    quality = pd.DataFrame([quality_row(name, images) for name, images in samples.items()])
    speed = pd.DataFrame([speed_row(name, images) for name, images in samples.items()])
    scale = pd.DataFrame([scale_row(name, images) for name, images in samples.items()])
    for name, table in (("dice", dice), ("quality", quality), ("speed", speed), ("scale", scale)):
        table.to_csv(options.out / f"{name}.csv", index=False, float_format="%.4f")
    text = report(dice, quality, speed, scale)
    (options.out / "dice.md").write_text(text, encoding="utf-8")
    print(text)


def dice_table(root, name):
    source = get_dataset(name)
    records = [record for record in source.read(root) if record.mask is not None]
    images = [read_image(record.path) for record in records]
    truths = [read_mask(record.mask) for record in records]
    labels = [source.card.labels.get(record.native_label, "unlabelled") for record in records]
    table = bench(images, truths, labels)
    table.insert(0, "dataset", name)
    return table


def quality_row(name, images):
    """What `segment` says of its own masks."""
    values = segment(images, return_quality=True)[1]
    fallbacks = int((values == 0).sum())
    return {
        "dataset": name,
        "n": len(values),
        "fallbacks": fallbacks,
        "share_fallback": fallbacks / len(values),
        "p10": np.quantile(values, 0.1),
        "median": np.median(values),
    }


def sample(root, name, count):
    """Readable images spread evenly over the dataset's files."""
    records = get_dataset(name).read(root)
    images = []
    for record in records[:: max(1, len(records) // count)]:
        try:
            images.append(read_image(record.path))
        except ImageError as error:
            print(f"left out: {record.path.name}: {error}")
    return images[:count]


def speed_row(name, images):
    uniform = [cv2.resize(image, (256, 256), interpolation=cv2.INTER_AREA) for image in images]
    return {
        "dataset": name,
        "n": len(images),
        "median_side_px": float(np.median([max(image.shape[:2]) for image in images])),
        "cpu_ms_per_image": milliseconds(images, 1, time.process_time),
        "cpu_ms_per_image_256px": milliseconds(uniform, 1, time.process_time),
        "wall_ms_per_image_256px_2_threads": milliseconds(uniform, 2, time.perf_counter),
    }


def milliseconds(images, threads, clock, repeats=5):
    """Best of a few runs over all images, OpenCV held to one thread as well."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    times = []
    for _ in range(repeats):
        start = clock()
        segment(images, n_jobs=threads)
        times.append(clock() - start)
    cv2.setNumThreads(before)
    return min(times) / len(images) * 1e3


def scale_row(name, images):
    masks = segment(images)
    shown = np.mean(
        [not np.isnan(estimate_um_per_px(image, mask)[0]) for image, mask in zip(images, masks, strict=True)]
    )
    um_per_px, spread, n = estimate_dataset_scale(images, masks)
    known = get_dataset(name).card.um_per_px
    return {
        "dataset": name,
        "n": len(images),
        "share_with_red_cells": shown,
        "n_used": n,
        "um_per_px": um_per_px,
        "relative_spread": spread,
        "known_um_per_px": known,
        "ratio": um_per_px / known if known else np.nan,
    }


def report(dice, quality, speed, scale):
    origin = network.load_network().get_modelmeta().custom_metadata_map["origin"]
    load = f"load {os.getloadavg()[0]:.1f} from this and other processes"
    machine = f"{platform.machine()}, {os.cpu_count()} cores ({load}), Python {platform.python_version()}"
    return "\n".join(
        [
            "# Segmentation against expert masks\n",
            PROTOCOL.format(version=VERSION, origin=origin),
            shown(dice, 3),
            "\n## Fallback masks and quality\n",
            shown(quality, 4),
            f"\n## Speed\n\nBest of five runs over the images, decoding not counted; {machine}.\n",
            shown(speed, 2),
            "\n## Micrometres per pixel from red cells (7.2 um), masks given\n",
            shown(scale, 4),
        ]
    )


def shown(table, digits):
    return markdown_table(table.map(lambda value: f"{value:.{digits}f}" if isinstance(value, float) else value)) + "\n"


if __name__ == "__main__":
    main()

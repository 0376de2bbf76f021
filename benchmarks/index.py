"""Indexing a release of 17,000 images: images a second, the second time, and memory.

    python benchmarks/index.py --data ../shared/data

writes results/index/index.csv and environment.json. The release is made of the Barcelona images that are there, copied
until they are as many, each copy with a byte more behind its end, so that no two files are the same. Every stage runs
in a process of its own, so that its peak memory is its own.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import pandas as pd

from leukobench.datasets import build_index, find_data_root
from leukobench.datasets.walk import image_tree
from leukobench.running.environment import describe_environment

FOLDER = "barcelona/PBC_dataset_normal_DIB"


def copy_release(data, root, n):
    """Copy images until there are n, under names of the release."""
    sources = [path for path in image_tree(data / FOLDER) if "_" in path.stem and not path.name.startswith(".")]
    for number, source in enumerate(islice(cycle(sources), n)):
        target = root / FOLDER / source.parent.name / f"{source.stem.split('_')[0]}_{number + 1_000_000}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        with open(target, "ab") as file:
            file.write(number.to_bytes(4, "little"))


def measure(root):
    """Index once, and print seconds, files and peak megabytes."""
    start = time.perf_counter()
    index = build_index(root)
    seconds = time.perf_counter() - start
    print(json.dumps([seconds, len(index), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--images", type=int, default=17_000)
    parser.add_argument("--out", type=Path, default=Path("results/index"))
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for n in (options.images // 4, options.images):
            root = Path(folder, f"root{n}")
            copy_release(find_data_root(options.data), root, n)
            environment = {"LEUKOBENCH_CACHE": str(Path(folder, f"cache{n}"))}
            for stage in ("first", "again"):
                command = ["env", *[f"{k}={v}" for k, v in environment.items()], sys.executable, __file__]
                output = subprocess.run([*command, "--measure", root], check=True, capture_output=True, text=True)
                seconds, files, peak = json.loads(output.stdout.splitlines()[-1])
                rows.append((n, stage, seconds, files / seconds, peak))
    table = pd.DataFrame(rows, columns=["images", "stage", "seconds", "images_per_s", "peak_mb"]).round(2)
    options.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(options.out / "index.csv", index=False)
    (options.out / "environment.json").write_text(json.dumps(describe_environment(), indent=1) + "\n")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()

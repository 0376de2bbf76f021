"""Speed, memory and cold start of feature extraction, beside other extractors in the same run.

    python benchmarks/features.py --data ../shared/data

writes results/features/bench.md, bench.csv and scaling.csv. mahotas, nyxus and cp-measure are measured where they are
installed (pip install mahotas nyxus cp-measure). On a machine with a CUDA device

    python benchmarks/features.py --gpu

writes results/gpu/features.md and features.csv: images per second from the host's memory and on the device.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from leukobench.datasets import DATASETS, find_data_root, get_dataset
from leukobench.errors import UsageError
from leukobench.features.bench import run_bench, run_cuda_bench, run_scaling
from leukobench.imaging.io import read_image, read_mask
from leukobench.text import markdown_table

COLD_START = """
import time; start = time.perf_counter()
import numpy as np
from leukobench.features import extract_features
image = np.full((300, 300, 3), 120, np.uint8); mask = np.zeros((300, 300), np.uint8)
mask[50:250, 50:250] = 1; mask[100:200, 100:200] = 2
extract_features([image], [mask], device="cpu"); print(time.perf_counter() - start)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, help="default results/features, or results/gpu")
    parser.add_argument("--gpu", action="store_true", help="measure the CUDA device alone")
    parser.add_argument("--seconds", type=float, default=5.0, help="time per extractor and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scaling-of", help=argparse.SUPPRESS)  # the process whose memory is measured
    options = parser.parse_args()
    if options.gpu:
        gpu_bench(options.out or Path("results/gpu"), options.seconds)
        return
    root = find_data_root(options.data)
    if options.scaling_of:
        print(run_scaling(*read_cells(root, options.scaling_of)).to_json(orient="records"))
        return

    tables, scaling = [], []
    for name in DATASETS:
        if DATASETS[name].card.masks:
            cells = read_cells(root, name)
            table = run_bench(*cells, seconds=options.seconds, rounds=options.rounds, progress=print)
            tables.append(table.assign(dataset=name))
            scaling.append(scaling_in_fresh_process(root, name).assign(dataset=name))
    bench, scaling = pd.concat(tables), pd.concat(scaling)
    out = options.out or Path("results/features")
    out.mkdir(parents=True, exist_ok=True)
    bench.to_csv(out / "bench.csv", index=False, float_format="%.1f")
    scaling.to_csv(out / "scaling.csv", index=False, float_format="%.1f")
    text = report(bench, scaling, cold_start())
    (out / "bench.md").write_text(text, encoding="utf-8")
    print(text)


def gpu_bench(out, seconds):
    """Write what the CUDA device does; a clear error where there is none."""
    try:
        table = run_cuda_bench(seconds=seconds)
    except UsageError as error:
        sys.exit(str(error))
    import cupy

    properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
    facts = {
        "device": properties["name"].decode(),
        "device memory": f"{properties['totalGlobalMem'] / 2**30:.0f} GiB",
        "driver": cupy.cuda.runtime.driverGetVersion(),
        "cupy": cupy.__version__,
    }
    lines = ["# Feature extraction on a CUDA device", "", "Drawn cells of 300 x 300 pixels.", "", _markdown(table), ""]
    lines += [f"- {key}: {value}" for key, value in (environment() | facts).items()]
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "features.csv", index=False, float_format="%.1f")
    (out / "features.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def read_cells(root, name):
    """All images of a dataset that have an expert mask, and those masks."""
    records = [record for record in get_dataset(name).read(root) if record.mask is not None]
    return [read_image(r.path) for r in records], [read_mask(r.mask) for r in records]


def scaling_in_fresh_process(root, name):
    command = [sys.executable, __file__, "--data", str(root), "--scaling-of", name]
    return pd.DataFrame(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def cold_start(rounds=3):
    """Seconds from the first import to the first row, in a fresh process with the kernels compiled before."""
    runs = [subprocess.run([sys.executable, "-c", COLD_START], check=True, capture_output=True) for _ in range(rounds)]
    return min(float(run.stdout) for run in runs)


def report(bench, scaling, cold):
    lines = [
        "# Speed of feature extraction",
        "",
        "Expert masks given; all extractors in turn in one run, the best round of each. The reference backend,",
        "scikit-image, mahotas and cp-measure: bounding box of the cell, joblib over all cores; nyxus: bounding box,",
        "its own threads. times_...: how many times as fast as scikit-image, and as the reference backend.",
        "On a machine that does other work as well the ratios say more than the rates.",
        "",
    ]
    for name, table in bench.groupby("dataset", sort=False):
        lines += [f"## {name}", "", _markdown(table.drop(columns=["dataset", "images"])), ""]
    lines += ["## Cost per image and peak memory (core set, images streamed)", "", _markdown(scaling), ""]
    lines += [f"Cold start, import and first image, kernels in Numba's cache: {cold:.2f} s", "", "## Environment", ""]
    return "\n".join(lines + [f"- {key}: {value}" for key, value in environment().items()]) + "\n"


def _markdown(table):
    return markdown_table(table.astype(object).map(_cell))


def _cell(value):
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "absent"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def environment():
    """Facts of this machine and the versions that matter here."""
    facts = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1] for line in facts if line.startswith("model name")), platform.processor())
    packages = ("leukobench", "numpy", "numba", "scikit-image", "joblib")
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": f"{model.strip()}, {len(os.sched_getaffinity(0))} cores",
        "load average": " ".join(f"{x:.1f}" for x in os.getloadavg()),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


if __name__ == "__main__":
    main()

"""Micrometres per pixel from the picture alone, by regression on copies of known scale, beside what is done today.

    python benchmarks/scale_regression.py --data ../shared/data

Of Barcelona, Munich and Raabin, whose scales are known, each in turn is left out: copies of the others' cells in
training laboratories give a ridge and boosted trees for the logarithm of the scale, and the one left out is measured,
as it is and in simulated laboratories that nothing trained in. Red cells are a ruler, so cells keep their size in these
copies. No class is looked at but to draw as many cells of each. scale_regression.csv.
"""

import argparse
import itertools
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from abroad import Bench
from scipy import ndimage, stats
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from leukobench.datasets import find_data_root
from leukobench.imaging.io import read_image
from leukobench.imaging.scale import estimate_um_per_px
from leukobench.imaging.stain import background_colour
from leukobench.inputs import locate
from leukobench.models.pipeline import scaled
from leukobench.preparation.views import LEAST_CONFIDENCE, LEAST_FACTOR, MOST_FACTOR, TYPICAL_CELL_UM, get_view
from leukobench.preparation.worlds import CHOOSING, NUMBER, TRAINING, UNKNOWN_FIELD_UM, draw_world, show
from leukobench.segmentation import segment

KNOWN, UNKNOWN = ("barcelona", "munich", "raabin"), ("cvb", "jiangxi")
VIEW = get_view("scale")
BANDS = 2.0 ** np.arange(1, 7)  # px, wavelengths between which the spectrum is summed
LEAST = 32  # px that a red cell's part of the background has at least
MODELS = {
    "ridge": lambda: scaled(RidgeCV(np.logspace(-2, 4, 13))),
    "boosted trees": lambda: HistGradientBoostingRegressor(
        loss="absolute_error", learning_rate=0.05, max_iter=300, max_leaf_nodes=8, max_features=0.3, random_state=0
    ),
}


def measures(picture):
    """Numbers of a whole picture that a scale shows in, once its cell has a typical size; NaN where there is nothing.

    Lengths are logarithms of px then, so that a picture that is stored with twice the pixels gives the same, and
    `log_typical` is the scale that a cell of this size makes of the picture as it is.
    """
    (mask,) = segment([picture])
    diameter = 2 * np.sqrt((np.count_nonzero(mask) or mask.size) / np.pi)
    factor = float(np.clip(TYPICAL_CELL_UM / VIEW.um_per_px / diameter, LEAST_FACTOR, MOST_FACTOR))
    row = {"log_typical": np.log(VIEW.um_per_px * factor)}
    scale, row["confidence"] = estimate_um_per_px(picture, mask)
    row["log_red_cell"] = np.log(scale) - row["log_typical"]
    picture = cv2.resize(
        picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    )
    mask = cv2.resize(mask, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    cell, nucleus = mask > 0, mask == 2
    for name, region in (("cell", cell), ("nucleus", nucleus)):
        depth = cv2.distanceTransform(region.view(np.uint8), cv2.DIST_L2, 5)
        row |= {f"log_{name}": _log(np.sqrt(region.sum())), f"log_{name}_depth": _log(depth.max())}
    height, width = cell.shape
    row |= {"log_side": np.log(height * width) / 2, "aspect": abs(np.log(width / height))}
    grey = picture.astype(np.float32).mean(2)
    return row | spectrum(grey) | edges(grey, cell, nucleus) | background(picture, cell)


def _log(length):
    return np.log(length) if length > 0 else np.nan


def spectrum(grey):
    """Shares of power between wavelengths, in px."""
    window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1]))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    frequency = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, grey.shape), indexing="ij"))
    bands = np.bincount(np.digitize(frequency.ravel(), 1 / BANDS[::-1]), power.ravel(), len(BANDS) + 1)
    return {f"band_{k}": value for k, value in enumerate(np.log(bands / bands.sum() + 1e-8))}


def edges(grey, cell, nucleus):
    """How many px a border takes: what grey changes by across it, over how steeply it does."""
    steep = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 8
    found = {}
    for name, region, outside in (("cell", cell, ~cell), ("nucleus", nucleus, cell & ~nucleus)):
        border = cv2.morphologyEx(region.view(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        there = border.any() and region.any() and outside.any()
        step = abs(grey[region].mean() - grey[outside].mean()) if there else np.nan
        found[f"log_{name}_border"] = _log(step / np.quantile(steep[border], 0.9)) if there else np.nan
    noise = grey - cv2.medianBlur(grey.astype(np.uint8), 3)
    return found | {"grain": np.log(noise.std() + 0.1), "steepest": np.log(np.quantile(steep, 0.99) + 0.1)}


def background(picture, cell):
    """Colour of the glass, and how large and how dark is what else lies on it."""
    glass = background_colour(picture)
    density = np.log((glass + 8) / (picture.astype(np.float32) + 8)).mean(2)
    density[ndimage.binary_dilation(cell, iterations=3)] = 0
    stained = density > 0.08
    depth = cv2.distanceTransform(stained.view(np.uint8), cv2.DIST_L2, 5)
    parts, number = ndimage.label(stained)
    sizes = np.bincount(parts.ravel())[1:] if number else np.empty(0)
    sizes = sizes[sizes >= LEAST]
    found = {f"glass_{name}": value / 255 for name, value in zip("rgb", glass, strict=True)}
    found |= {"stained": stained.mean(), "density": density[stained].mean() if stained.any() else np.nan}
    found |= {
        "log_depth": _log(depth.max()),
        "log_depth_usual": _log(np.median(depth[stained])) if stained.any() else np.nan,
    }
    return found | {"log_part": np.log(np.median(sizes)) / 2 if len(sizes) else np.nan, "parts": len(sizes)}


def shown(image, um_per_px, *key):
    """A copy in a simulated laboratory whose cells have the size that they have, and its scale."""
    world = draw_world(*key)
    world.cell = 1.0
    return show(image, um_per_px, world, np.random.default_rng((*key, image.shape[0])))


def table(root, samples, copies):
    """Measures and scales of images as they are, of copies to train on and of copies to be measured."""
    rows, rng = [], np.random.default_rng(0)
    for sample in tqdm(samples.itertuples(), total=len(samples), desc="images"):
        image = read_image(locate(root, sample.path))
        given = [("real", image, sample.um_per_px)]
        if sample.um_per_px == sample.um_per_px:
            given += [
                ("training", *shown(image, sample.um_per_px, TRAINING, int(rng.integers(2**31)))) for _ in range(copies)
            ]
            given += [("worlds", *shown(image, sample.um_per_px, CHOOSING, int(rng.integers(NUMBER))))]
        rows += [
            {"dataset": sample.dataset, "part": part, "um_per_px": px} | measures(each) for part, each, px in given
        ]
    return pd.DataFrame(rows)


def columns_of(table):
    """Names of what is measured of a picture once its cell has a typical size."""
    return [name for name in table if name not in ("dataset", "part", "um_per_px", "log_typical")]


def fitted(name, learnt):
    """A regression of the logarithm of a scale over that of a typical cell; each dataset counts alike."""
    model, weights = MODELS[name](), 1 / learnt.groupby("dataset")["dataset"].transform("size")
    step = f"{model.steps[-1][0]}__" if hasattr(model, "steps") else ""
    told = np.log(learnt["um_per_px"]) - learnt["log_typical"]
    return model.fit(learnt[columns_of(learnt)], told, **{f"{step}sample_weight": weights})


def guesses(learnt, some):
    """Logarithms of scales, by each way to find them."""
    told = np.log(learnt["um_per_px"]) - learnt["log_typical"]
    sure = some["confidence"].to_numpy() >= LEAST_CONFIDENCE
    given = {
        f"a picture of {UNKNOWN_FIELD_UM:g} um": np.log(UNKNOWN_FIELD_UM / VIEW.um_per_px)
        - some["log_side"].to_numpy(),
        "a typical cell": np.zeros(len(some)),
        "the others' median cell": np.full(len(some), np.median(told)),
    }
    given["red cells where sure, else a typical cell (today)"] = np.where(
        sure, some["log_red_cell"], given["a typical cell"]
    )
    for name in MODELS:
        given[name] = fitted(name, learnt).predict(some[columns_of(some)])
        given[f"red cells where sure, else {name}"] = np.where(sure, some["log_red_cell"], given[name])
    return {name: each + some["log_typical"].to_numpy() for name, each in given.items()}


def errors(given, some):
    """Median relative error with its interval, that of nine in ten, and what is found for all images together."""
    off = given - np.log(some["um_per_px"].to_numpy())
    wrong = np.abs(np.expm1(off))
    low, high = stats.bootstrap([wrong], np.median, method="percentile", n_resamples=1000, rng=0).confidence_interval
    return [np.median(wrong), low, high, np.quantile(wrong, 0.9), np.expm1(np.median(off))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--images", type=int, default=300, help="of each dataset")
    parser.add_argument("--copies", type=int, default=6, help="of each image, to train on")
    parser.add_argument("--out", type=Path, default=Path("results/abroad"))
    options = parser.parse_args()
    bench = Bench(find_data_root(options.data), [*KNOWN, *UNKNOWN], 1)
    samples = bench.samples.sort_values("sha256")
    place = samples.groupby(["dataset", "class"]).cumcount()
    samples = samples.assign(place=place).sort_values(["dataset", "place"]).groupby("dataset").head(options.images)
    with threadpool_limits(1):
        measured = table(bench.root, samples.reset_index(drop=True), options.copies)
        rows = []
        copies = measured[measured["part"] == "training"]
        for test, part in itertools.product(KNOWN, ("real", "worlds")):
            some = measured[(measured["part"] == part) & (measured["dataset"] == test)]
            others = [name for name in KNOWN if name != test]
            for names in (others, *([name] for name in others)):
                given = guesses(copies[copies["dataset"].isin(names)], some)
                rows += [
                    (test, part, " and ".join(names), name, len(some), *errors(each, some))
                    for name, each in given.items()
                ]
        # Nobody knows these scales, so that only what is said of them can be told.
        for name in UNKNOWN:
            some = measured[measured["dataset"] == name]
            for how, each in guesses(copies, some).items():
                print(f"{name}, {how}: {np.exp(np.median(each)):.3f} um per px")
    columns = [
        "test",
        "shown",
        "learnt_from",
        "scale_by",
        "images",
        "median_error",
        "low",
        "high",
        "nine_in_ten",
        "all_images",
    ]
    found = pd.DataFrame(rows, columns=columns)
    options.out.mkdir(parents=True, exist_ok=True)
    found.round(4).to_csv(options.out / "scale_regression.csv", index=False)
    print(found.round(3).to_string(index=False))


if __name__ == "__main__":
    main()

"""Tiny data roots in the official layouts, with noise for pictures."""

import csv
import zlib

import cv2
import numpy as np
import pytest

from leukobench.datasets import DATASETS, bloodmnist
from leukobench.datasets.barcelona import FOLDERS


@pytest.fixture
def write_picture():
    """Give a function that writes a small picture which is always the same for one path, and unlike any other."""

    def write(path, shape=(11, 13, 3)):
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(zlib.crc32(str(path).encode())).integers(0, 256, shape, np.uint8)
        assert cv2.imwrite(str(path), noise)
        return path

    return write


@pytest.fixture
def official(tmp_path, write_picture):
    """Give a function that writes two pictures of every class of one dataset, under the release's own names."""

    def barcelona(card):
        for prefix, folder in FOLDERS.items():
            for number in (7, 12):
                write_picture(tmp_path / f"barcelona/PBC_dataset_normal_DIB/{folder}/{prefix}_{number}.jpg")

    def munich(card):
        for label in card.labels:
            for number in (1, 2):
                path = tmp_path / f"munich/AML-Cytomorphology_LMU/AML-Cytomorphology/{label}/{label}_000{number}.tiff"
                write_picture(path, (11, 13, 4))

    def raabin(card):
        for split, counts in card.split_counts.items():
            for label in counts:
                for cell in (0, 1):
                    name = f"{cell}{len(label)}" if split == "TestB" else f"95-9-15-1_{len(label)}_{cell}"
                    write_picture(tmp_path / f"raabin/{split}/{label}/{name}.jpg")

    def zxaoyou(card):
        number = {"jiangxi": 1, "cvb": 2}[card.name]
        rows = [[2 * int(label) - turn, label] for label in card.labels for turn in (0, 1)]
        for picture, _ in rows:
            write_picture(tmp_path / card.folder / f"Dataset {number}" / f"{picture:03}.bmp")
            write_picture(tmp_path / card.folder / f"Dataset {number}" / f"{picture:03}.png", (11, 13))
        with (tmp_path / card.folder / f"Class Labels of Dataset {number}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["image ID", "class"], *rows])

    def class_folders(card):
        layout = {"bccd": "BCCD_cropped", "lisc": "Main Dataset", "bone_marrow": "BM_cytomorphology_data"}[card.name]
        for label in card.labels:
            for number in (1, 2):
                write_picture(tmp_path / card.folder / layout / label / f"{label}_0000{number}_1.png")

    def bloodmnist_npz(card):
        labels = np.repeat(np.arange(8, dtype=np.uint8), 2)[:, None]
        noise = np.random.default_rng(0).integers(0, 256, (3, 16, 28, 28, 3), np.uint8)
        arrays = {f"{split}_images": pixels for split, pixels in zip(bloodmnist.SPLITS, noise, strict=True)}
        np.savez(tmp_path / "b.npz", **arrays, **{f"{split}_labels": labels for split in bloodmnist.SPLITS})
        bloodmnist.convert(tmp_path / "b.npz", tmp_path / "bloodmnist")

    writers = {"barcelona": barcelona, "munich": munich, "raabin": raabin, "cvb": zxaoyou, "jiangxi": zxaoyou}
    writers |= dict.fromkeys(("bccd", "lisc", "bone_marrow"), class_folders) | {"bloodmnist": bloodmnist_npz}

    def write(name):
        writers[name](DATASETS[name].card)
        return tmp_path

    return write

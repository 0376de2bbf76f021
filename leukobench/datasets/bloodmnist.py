"""BloodMNIST: the cells of Barcelona at 28 to 224 pixels, with the fixed split of MedMNIST."""

import zipfile

import cv2
import numpy as np

from leukobench.datasets.card import DatasetCard, Download, Record
from leukobench.datasets.walk import image_files, subfolders
from leukobench.errors import UsageError
from leukobench.files import atomic_write
from leukobench.inputs import spell

FILES = "https://zenodo.org/records/10519652/files"
MD5 = {
    28: "7053d0359d879ad8a5505303e11de1dc",
    64: "2b94928a2ae4916078ca51e05b6b800b",
    128: "adace1e0ed228fccda1f39692059dd4c",
    224: "b718ff6835fcbdb22ba9eacccd7b2601",
}
CROP = 20.0  # micrometres: 200 pixels of Barcelona, cut from the middle and then scaled
SPLITS = ("train", "val", "test")


def _name(size):
    return "bloodmnist.npz" if size == 28 else f"bloodmnist_{size}.npz"


card = DatasetCard(
    name="bloodmnist",
    title="BloodMNIST: the cells of Barcelona at 28 to 224 pixels, with a fixed split",
    folder="bloodmnist",
    labels={"0": "BA", "1": "EO", "2": "ERB", "3": "IG", "4": "LY", "5": "MO", "6": "NE", "7": "PLT"},
    counts={"0": 1218, "1": 3117, "2": 1551, "3": 2895, "4": 1214, "5": 1420, "6": 3329, "7": 2348},
    url="https://zenodo.org/records/10519652",
    doi="10.5281/zenodo.10519652",
    licence="CC BY 4.0",
    citation="Yang et al. 2023, Scientific Data 10:41, doi 10.1038/s41597-022-01721-8; and Acevedo et al. 2020",
    downloads=tuple(
        Download(
            _name(size),
            (f"{FILES}/{_name(size)}",),
            checksum=f"md5:{MD5[size]}",
            parts=(str(size),),
            optional=size != 128,
        )
        for size in MD5
    ),
    stain="May-Grünwald-Giemsa",
    camera="CellaVision DM96",
    magnification="100x",
    cells_of="barcelona",
    notes=(
        "these are Barcelona's cells: neither of the two is another laboratory to the other",
        "of several sizes the largest is read; 20 µm over the width, so 0.156 µm per pixel at 128 pixels",
        "`split` is MedMNIST's: 11,959 for training, 1,712 for validation, 3,421 for the test",
        "`data fetch` loads 128 pixels; give another size to `data add`",
    ),
)


def read(root):
    """List the pictures of the largest size that is there, as a list of `Record`."""
    sizes = [int(folder.name) for folder in subfolders(root / card.folder) if folder.name.isdecimal()]
    if not sizes:
        return []
    size = max(sizes)
    return [
        Record(path, folder.name, split=split, um_per_px=CROP / size)
        for split in SPLITS
        for folder in subfolders(root / card.folder / str(size) / split)
        for path in image_files(folder)
    ]


def convert(path, folder):
    """Write the arrays of an NPZ file as pictures `<size>/<split>/<label>/<number>.png`.

    Parameters
    ----------
    path : Path
        A file of the release.
    folder : Path
        The dataset's folder.

    Returns
    -------
    int
        The number of pictures written; those that are there already are kept.

    Raises
    ------
    UsageError
        It is no such file.
    """
    written = 0
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for split in SPLITS:
                images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"].ravel()
                if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8 or len(images) != len(labels):
                    raise ValueError(f"{split}_images has the shape {images.shape}")
                for number, (image, label) in enumerate(zip(images, labels, strict=True)):
                    target = folder / str(images.shape[2]) / split / str(int(label)) / f"{number:05}.png"
                    if not target.exists():
                        target.parent.mkdir(parents=True, exist_ok=True)
                        atomic_write(target, cv2.imencode(".png", image[..., ::-1])[1].tobytes())
                        written += 1
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"{spell(path)} is no file of BloodMNIST: {error}", "get it anew") from error
    return written

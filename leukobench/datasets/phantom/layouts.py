"""How each of the four sources names, labels and stores its files."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import cv2
from PIL import Image

from leukobench.datasets.phantom.render import encode_jpeg

BARCELONA_FOLDERS = {
    "SNE": "neutrophil",
    "BNE": "neutrophil",
    "EO": "eosinophil",
    "BA": "basophil",
    "LY": "lymphocyte",
    "MO": "monocyte",
}
MUNICH_FOLDERS = {"SNE": "NGS", "BNE": "NGB", "EO": "EOS", "BA": "BAS", "LY": "LYT", "MO": "MON"}
RAABIN_FOLDERS = {"NE": "Neutrophil", "EO": "Eosinophil", "BA": "Basophil", "LY": "Lymphocyte", "MO": "Monocyte"}
CVB_IDS = {"NE": 1, "LY": 2, "MO": 3, "EO": 4, "BA": 5}
CVB_LABELS = "cvb/Class Labels of Dataset 2.csv"
MASK_FOLDER = "phantom_masks"


@dataclass(frozen=True)
class Layout:
    """One source's habits.

    Parameters
    ----------
    name_file : callable
        Takes the code, the number of the image within the dataset (from 0) and the slide; gives the image's path
        below the data root.
    encode : callable
        Takes the picture and the domain; gives the bytes of the file.
    stages : bool
        Whether the source tells segmented from band neutrophils.
    """

    name_file: Callable
    encode: Callable
    stages: bool


def _barcelona(code, number, slide):
    return f"barcelona/PBC_dataset_normal_DIB/{BARCELONA_FOLDERS[code]}/{code}_{100001 + number}.jpg"


def _munich(code, number, slide):
    name = MUNICH_FOLDERS[code]
    return f"munich/AML-Cytomorphology_LMU/AML-Cytomorphology/{name}/{name}_{number + 1:04d}.tiff"


def _raabin(code, number, slide):
    return f"raabin/Train/{RAABIN_FOLDERS[code]}/95-8-{slide + 1}-1_{101 + number}_1.jpg"


def _cvb(code, number, slide):
    return f"cvb/Dataset 2/{number + 1:03d}.bmp"


def _jpeg(image, domain):
    return encode_jpeg(image, domain).tobytes()


def _rgba_tiff(image, domain):
    buffer = io.BytesIO()
    Image.fromarray(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)).save(buffer, "TIFF", compression="tiff_lzw")
    return buffer.getvalue()


def _bmp(image, domain):
    """Save a picture that somebody had compressed before."""
    decoded = cv2.imdecode(encode_jpeg(image, domain), cv2.IMREAD_COLOR)
    return cv2.imencode(".bmp", decoded)[1].tobytes()


LAYOUTS = {
    "barcelona": Layout(_barcelona, _jpeg, stages=True),
    "munich": Layout(_munich, _rgba_tiff, stages=True),
    "raabin": Layout(_raabin, _jpeg, stages=False),
    "cvb": Layout(_cvb, _bmp, stages=False),
}


def mask_path(domain, image_path):
    """Give the path of an image's mask below the data root: beside it in CVB, in a folder of its own elsewhere."""
    if domain == "cvb":
        return image_path.removesuffix(".bmp") + ".png"
    stem = image_path.rsplit("/", 1)[1].rsplit(".", 1)[0]
    return f"{MASK_FOLDER}/{domain}/{stem}.png"

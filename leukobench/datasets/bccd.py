"""BCCD: the white cells of its pictures, cut out."""

from leukobench.datasets.card import DatasetCard, Download, Record
from leukobench.datasets.walk import image_files, subfolders

LAYOUT = "BCCD_cropped"
COMMIT = "73e268a747db2f39d21850e71baceb94d058f8af"

card = DatasetCard(
    name="bccd",
    title="BCCD: white cells cut out of the pictures of the Blood Cell Count and Detection set",
    folder="bccd",
    labels={"Neutrophil": "NE", "Eosinophil": "EO", "Basophil": "BA", "Lymphocyte": "LY", "Monocyte": "MO"},
    counts={"Neutrophil": 207, "Eosinophil": 88, "Basophil": 3, "Lymphocyte": 33, "Monocyte": 20},
    url="https://github.com/apple2373/BCCD",
    licence="MIT (the pictures, BCCD_Dataset)",
    citation="https://github.com/Shenggan/BCCD_Dataset",
    downloads=(Download("BCCD.zip", (f"https://github.com/apple2373/BCCD/archive/{COMMIT}.zip",), parts=(LAYOUT,)),),
    groups="the picture that a cell was cut from, from the file name; slide and patient are unknown",
    notes=(
        "crops of a cleaned repository; the original pictures have 640x480 pixels",
        "three basophils only",
        "the labels are those of a public copy, not of the first authors",
    ),
)


def read(root):
    """List the files of the release, or of a part of it, as a list of `Record`; the group is the picture."""
    return [
        Record(path, folder.name, group=path.stem.rpartition("_")[0] or None)
        for folder in subfolders(root / card.folder / LAYOUT)
        for path in image_files(folder)
    ]

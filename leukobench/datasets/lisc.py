"""LISC: fields of view with white cells of healthy donors."""

from leukobench.datasets.card import DatasetCard, Download, Record
from leukobench.datasets.walk import image_files, subfolders

LAYOUT = "Main Dataset"

card = DatasetCard(
    name="lisc",
    title="LISC: leukocyte images for segmentation and classification",
    folder="lisc",
    labels={"Baso": "BA", "eosi": "EO", "lymp": "LY", "mono": "MO", "neut": "NE"},
    url="http://users.cecs.anu.edu.au/~hrezatofighi/Data/Leukocyte%20Data.htm",
    doi="10.1016/j.compmedimag.2011.01.003",
    licence="for research; cite",
    citation="Rezatofighi and Soltanian-Zadeh 2011, Computerized Medical Imaging and Graphics 35:333-343, "
    "doi 10.1016/j.compmedimag.2011.01.003",
    downloads=(
        Download(
            "LISC.rar",
            parts=(LAYOUT,),
            by_hand="load the database from http://users.cecs.anu.edu.au/~hrezatofighi/Data/Leukocyte%20Data.htm",
        ),
    ),
    stain="Giemsa-Wright (the release says Gismo-Right)",
    camera="Sony SSCDC50AP on an Axioskope 40",
    magnification="100x",
    notes=(
        "720x576 pixels: whole fields, in which the cell is not in the middle",
        "the folder mixt holds fields with several types: they have no label",
        "8 healthy donors and 100 slides, which the names do not tell: scores within this dataset are optimistic",
        "the number of images per class is not stated by the release",
    ),
)


def read(root):
    """List the files of the release, or of a part of it, as a list of `Record`."""
    return [
        Record(path, folder.name) for folder in subfolders(root / card.folder / LAYOUT) for path in image_files(folder)
    ]

"""The layout of the repository zxaoyou/segmentation_WBC, which CVB and Jiangxi share."""

import csv

from leukobench.datasets.card import Record, image_files

URL = "https://github.com/zxaoyou/segmentation_WBC"
LICENCE = "GPL-3.0 repository; cite"
CITATION = "Zheng et al. 2018, Micron 107:55-71, doi 10.1016/j.micron.2018.01.010"
LABELS = {"1": "NE", "2": "LY", "3": "MO", "4": "EO", "5": "BA"}  # class ids of the label file


def read(root, folder, number):
    """List the pictures `<nnn>.bmp` of one dataset of the repository, with their masks `<nnn>.png`.

    Parameters
    ----------
    root : Path
        The data root.
    folder : str
        The dataset's folder below it.
    number : int
        Which dataset of the repository: 1 or 2.

    Returns
    -------
    list of Record
        One record per picture; the native label is the class id, None where the label file does not name the picture.
    """
    labels_file = root / folder / f"Class Labels of Dataset {number}.csv"
    labels = read_labels(labels_file)
    records = []
    for path in image_files(root / folder / f"Dataset {number}"):
        if path.suffix.lower() == ".bmp":
            label = labels.get(path.stem.lstrip("0"))
            mask = path.with_suffix(".png")
            doubt = "" if label else f"not named in {labels_file.name}"
            records.append(Record(path, label, mask=mask if mask.is_file() else None, doubt=doubt))
    return records


def read_labels(path):
    """Read a label file, a dict of picture number to class id; empty without it."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as lines:
        rows = [row for row in csv.reader(lines) if len(row) >= 2]
    return {row[0].strip().lstrip("0"): row[1].strip() for row in rows if row[0].strip().isdigit()}

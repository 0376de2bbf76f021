"""The layout of the repository zxaoyou/segmentation_WBC, which CVB and Jiangxi share."""

from leukobench.datasets.card import Download, Record
from leukobench.datasets.walk import image_files
from leukobench.errors import UsageError
from leukobench.inputs import read_table, spell

URL = "https://github.com/zxaoyou/segmentation_WBC"
LICENCE = "GPL-3.0 repository; cite"
CITATION = "Zheng et al. 2018, Micron 107:55-71, doi 10.1016/j.micron.2018.01.010"
ARCHIVE = f"{URL}/archive/refs/heads/master.zip"
LABELS = {"1": "NE", "2": "LY", "3": "MO", "4": "EO", "5": "BA"}  # class ids of the label file


def downloads(number):
    """What is to be loaded of a dataset of the repository, 1 or 2: its part of one archive."""
    parts = (f"Dataset {number}", f"Class Labels of Dataset {number}.csv")
    return (Download("segmentation_WBC-master.zip", (ARCHIVE,), parts=parts),)


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
    if not path.exists():
        return {}
    labels = {}
    for line, cells in read_table(path):
        number, label, *_ = [*cells, ""]
        if not (number.isdecimal() and label):
            if line > 1:  # the first line is a header
                raise UsageError(f"{spell(path)}, line {line}: no number of a picture and its class", "mend the line")
            continue
        labels[number.lstrip("0")] = label
    return labels

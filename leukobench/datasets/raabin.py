"""Raabin-WBC: the double-labelled crops, with the slide in the file name."""

from leukobench.datasets.card import DatasetCard, Download, Record
from leukobench.datasets.walk import image_files, subfolders

ARCHIVES = "http://dl.raabindata.com/WBC/Cropped_double_labeled"
SPLIT_COUNTS = {
    "Train": {"Neutrophil": 6231, "Eosinophil": 744, "Basophil": 212, "Lymphocyte": 2427, "Monocyte": 561},
    "TestA": {"Neutrophil": 2660, "Eosinophil": 322, "Basophil": 89, "Lymphocyte": 1034, "Monocyte": 234},
    "TestB": {"Neutrophil": 1971, "Lymphocyte": 148},
}
LABELS = {"Neutrophil": "NE", "Eosinophil": "EO", "Basophil": "BA", "Lymphocyte": "LY", "Monocyte": "MO"}

card = DatasetCard(
    name="raabin",
    title="Raabin-WBC: double-labelled crops of normal peripheral blood",
    folder="raabin",
    labels=LABELS,
    counts={label: sum(counts.get(label, 0) for counts in SPLIT_COUNTS.values()) for label in LABELS},
    split_counts=SPLIT_COUNTS,
    url="https://raabindata.com/free-data/",
    doi="10.1038/s41598-021-04426-x",
    licence="free for research and commercial use; cite",
    citation="Kouzehkanan et al. 2022, Scientific Reports 12:1123, doi 10.1038/s41598-021-04426-x",
    downloads=tuple(
        Download(
            name,
            (f"{ARCHIVES}/{name}",),
            parts=(name.partition(".")[0],),
            by_hand="" if name.endswith("zip") else f"unpack {name} and give the folder",
        )
        for name in ("Train.rar", "TestA.rar", "TestB.zip")
    ),
    um_per_px=0.058,
    stain="Giemsa",
    camera="Samsung Galaxy S5 and LG G3 phones on Olympus CX18 and Zeiss microscopes; TestB by the other pair",
    magnification="100x",
    groups="slide, from the file name (Train and TestA; TestB's names are bare numbers)",
    notes=(
        "575x575; the pixel size is an estimate",
        "class and slide are strongly confounded: all basophils come from four dates in 2019",
        "neutrophils are NE: segmented and band forms are not told apart",
        "the RAR archives need an unrar tool",
    ),
)


def read(root):
    """List the files of the release, or of a part of it.

    Parameters
    ----------
    root : Path
        The data root.

    Returns
    -------
    list of Record
        One record per file; the native label is the class folder, the group the slide.
    """
    return [
        Record(path, folder.name, *slide_and_field(path.stem, split))
        for split in card.split_counts
        for folder in subfolders(root / card.folder / split)
        for path in image_files(folder)
    ]


def slide_and_field(stem, split=None):
    """Take a file name apart.

    Parameters
    ----------
    stem : str
        File name without its suffix: `<slide>_<field>_<cell>`, or a bare number.
    split : str, optional
        Passed through, to stand between the two as in a record.

    Returns
    -------
    tuple of (slide, split, field)
        Each a str or None; the field is named with its slide, as field numbers repeat.

    Examples
    --------
    >>> slide_and_field("95-9-15-1_210_2")
    ('95-9-15-1', None, '95-9-15-1_210')
    >>> slide_and_field("1024", "TestB")
    (None, 'TestB', None)
    """
    parts = stem.rsplit("_", 2)
    return (parts[0], split, "_".join(parts[:2])) if len(parts) == 3 else (None, split, None)

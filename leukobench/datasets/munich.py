"""Munich: leukocytes of patients with acute myeloid leukaemia and of controls."""

from leukobench.datasets.card import DatasetCard, Download, Record
from leukobench.datasets.walk import image_files, subfolders
from leukobench.errors import UsageError
from leukobench.inputs import read_text, spell

LAYOUT = "AML-Cytomorphology_LMU"

card = DatasetCard(
    name="munich",
    title="Munich AML-Cytomorphology_LMU: leukocytes of 100 patients with acute myeloid leukaemia and 100 controls",
    folder="munich",
    labels={
        "NGS": "SNE",
        "NGB": "BNE",
        "EOS": "EO",
        "BAS": "BA",
        "LYT": "LY",
        "LYA": "LYA",
        "MON": "MO",
        "MMZ": "MMY",
        "MYB": "MY",
        "PMO": "PMY",
        "PMB": "PMB",
        "MYO": "MYO",
        "MOB": "MOB",
        "EBO": "ERB",
        "KSC": "KSC",
    },
    counts={
        "NGS": 8484,
        "NGB": 109,
        "EOS": 424,
        "BAS": 79,
        "LYT": 3937,
        "LYA": 11,
        "MON": 1789,
        "MMZ": 15,
        "MYB": 42,
        "PMO": 70,
        "PMB": 18,
        "MYO": 3268,
        "MOB": 26,
        "EBO": 78,
        "KSC": 15,
    },
    url="https://doi.org/10.7937/tcia.2019.36f5o9ld",
    doi="10.7937/tcia.2019.36f5o9ld",
    licence="CC BY 3.0",
    citation="Matek et al. 2019, Nature Machine Intelligence 1:538-544, doi 10.1038/s42256-019-0101-9",
    um_per_px=0.0725,
    camera="Precipoint M8 digital microscope and scanner",
    magnification="100x, oil immersion",
    notes=(
        "400x400 RGBA TIFF; EBO_0011 has alpha 0 over a fifth of the picture, with its colours in the file: alpha "
        "must be dropped, not blended",
        "no patient is known: scores within this dataset are optimistic",
        "annotations.dat gives second labels for 1,905 images: the original agrees with them on 84.9 % (kappa .80) "
        "and 80.3 % (kappa .75), the second annotator with itself with kappa .77; that is the human ceiling",
        "very rare classes: KSC, MMZ, PMB, LYA and MOB have fewer than 30 images each in the full release",
    ),
    downloads=(
        Download(
            "AML-Cytomorphology_LMU.zip",
            into=LAYOUT,
            parts=("AML-Cytomorphology",),
            by_hand="load the images (11 GB) from https://doi.org/10.7937/tcia.2019.36f5o9ld with IBM Aspera Connect, "
            "which TCIA asks for; an archive of them or their folder is taken",
        ),
        Download(
            "annotations.dat",
            checksum="sha256:38202b12eb392ac291812cb1d9aaf650a741db8c5272d2ad7eb5940ce5b46bff",
            into=LAYOUT,
            by_hand="load annotations.dat from https://doi.org/10.7937/tcia.2019.36f5o9ld",
        ),
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
        One record per file; the native label is the class folder. Second labels are native too; "UNC" is unsure.
    """
    base = root / card.folder / LAYOUT
    second = read_second_labels(base / "annotations.dat")
    return [
        Record(path, folder.name, second_label=labels[0], second_label_repeat=labels[1])
        for folder in subfolders(base / "AML-Cytomorphology")
        for path in image_files(folder)
        for labels in [second.get(f"{folder.name}/{path.name}", (None, None))]
    ]


def second_labels(root):
    """Labels that two readings of one person gave, and the release's own, of all images that were labelled again.

    Parameters
    ----------
    root : Path
        The data root; the label file names images of the whole release, wherever they are.

    Returns
    -------
    list of (label, second, second again)
        Native labels; "UNC" is unsure.
    """
    found = read_second_labels(root / card.folder / LAYOUT / "annotations.dat")
    return [(name.split("/")[0], *labels) for name, labels in found.items() if None not in labels]


def read_second_labels(path):
    """Read the release's label file, a dict of "<class folder>/<file name>" to two second labels; empty without it."""
    if not path.exists():
        return {}
    second = {}
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        cells = text.split()
        if len(cells) == 4:
            name = cells[0].replace("\\", "/")
            second[name] = tuple(None if label == "nan" else label for label in cells[2:])
        elif cells:
            raise UsageError(f"{spell(path)}, line {line}: {len(cells)} cells in place of 4", "mend the line")
    return second

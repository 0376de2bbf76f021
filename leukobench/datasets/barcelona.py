"""Barcelona: normal peripheral blood cells, the file name's prefix being the finer label."""

from leukobench.datasets.card import DatasetCard, Download, Record
from leukobench.datasets.walk import image_files, subfolders
from leukobench.inputs import read_table

LAYOUT = "PBC_dataset_normal_DIB"
FILES = "https://data.mendeley.com/public-files/datasets/snkd93bnjr/files"
WBCATT = "https://raw.githubusercontent.com/apple2373/wbcatt/3121eea24a0977184bbedcb61b90f7a528f7b4e9/submission"
ATTRIBUTES = (  # of WBCAtt
    *("cell_size", "cell_shape", "nucleus_shape", "nuclear_cytoplasmic_ratio", "chromatin_density"),
    *("cytoplasm_vacuole", "cytoplasm_texture", "cytoplasm_colour", "granule_type", "granule_colour", "granularity"),
)
FOLDERS = {  # prefix of the file name to the class folder it belongs in
    "BA": "basophil",
    "EO": "eosinophil",
    "ERB": "erythroblast",
    "IG": "ig",
    "MMY": "ig",
    "MY": "ig",
    "PMY": "ig",
    "LY": "lymphocyte",
    "MO": "monocyte",
    "NEUTROPHIL": "neutrophil",
    "SNE": "neutrophil",
    "BNE": "neutrophil",
    "PLATELET": "platelet",
}

card = DatasetCard(
    name="barcelona",
    title="PBC Barcelona: peripheral blood cells of healthy donors",
    folder="barcelona",
    labels={
        "BA": "BA",
        "EO": "EO",
        "ERB": "ERB",
        "IG": "IG",
        "MMY": "MMY",
        "MY": "MY",
        "PMY": "PMY",
        "LY": "LY",
        "MO": "MO",
        "NEUTROPHIL": "NE",
        "SNE": "SNE",
        "BNE": "BNE",
        "PLATELET": "PLT",
    },
    counts={
        "BA": 1218,
        "EO": 3117,
        "ERB": 1551,
        "IG": 151,
        "MMY": 1015,
        "MY": 1137,
        "PMY": 592,
        "LY": 1214,
        "MO": 1420,
        "NEUTROPHIL": 50,
        "SNE": 1646,
        "BNE": 1633,
        "PLATELET": 2348,
    },
    url="https://data.mendeley.com/datasets/snkd93bnjr/1",
    doi="10.17632/snkd93bnjr.1",
    licence="CC BY 4.0",
    citation="Acevedo et al. 2020, Data in Brief 30:105474, doi 10.1016/j.dib.2020.105474",
    downloads=(
        Download(
            "PBC_dataset_normal_DIB.zip",
            (f"{FILES}/2fc38728-2ae7-4a62-a857-032af82334c3/file_downloaded",),
            parts=(LAYOUT,),
            by_hand="load PBC_dataset_normal_DIB.zip from https://data.mendeley.com/datasets/snkd93bnjr/1",
        ),
        *(
            Download(f"pbc_attr_v1_{name}.csv", (f"{WBCATT}/pbc_attr_v1_{name}.csv",), into="WBCAtt")
            for name in ("train", "val", "test")
        ),
    ),
    um_per_px=0.100,
    stain="May-Grünwald-Giemsa",
    camera="CellaVision DM96",
    magnification="100x",
    attributes=ATTRIBUTES,
    notes=(
        "8 classes as folders (L8), 13 prefixes of file names, 11 of which are classes at L11",
        "the release holds byte-identical files, one pair with two labels (EO_225902 = BNE_191112), and a hidden file "
        "neutrophil/.DS_169665.jpg that is no image",
        "most files are 360x363; 366x369 and 360x360 come from a second acquisition that is not spread evenly over "
        "the classes",
        "no patient or smear is known: scores within this dataset are optimistic",
        "`split` is the train/val/test list of WBCAtt (10,298 of the images) where its CSV files are present, and its "
        "11 morphological attributes are columns of their own (Tsutsui et al. 2023, NeurIPS; MIT)",
        "BloodMNIST (Zenodo 10519652) is this dataset at 28 to 224 px",
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
        One record per file; the native label is the prefix of the file name.
    """
    known = read_attributes(root / card.folder / "WBCAtt")
    records = []
    for folder in subfolders(root / card.folder / LAYOUT):
        for path in image_files(folder):
            prefix = path.name.rpartition("_")[0]
            expected, doubt = FOLDERS.get(prefix), ""
            if expected and expected != folder.name:
                doubt = f"prefix {prefix}_ belongs in folder {expected!r}, the file lies in {folder.name!r}"
            split, attributes = known.get(f"{folder.name}/{path.name}", (None, None))
            records.append(Record(path, prefix or None, split=split, doubt=doubt, attributes=attributes))
    return records


def read_attributes(folder):
    """Read WBCAtt, a dict of "<class folder>/<file name>" to its part and attributes by name; empty without it."""
    known = {}
    for part in ("train", "val", "test"):
        path = folder / f"pbc_attr_v1_{part}.csv"
        if path.exists():
            for _, (file, *values) in read_table(path, ["path", *ATTRIBUTES]):
                name = "/".join(file.replace("\\", "/").split("/")[-2:])
                known[name] = part, dict(zip(ATTRIBUTES, values, strict=True))
    return known

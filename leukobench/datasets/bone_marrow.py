"""The bone marrow of Matek 2021: its names, and a reader of what somebody has loaded."""

from leukobench.datasets.card import DatasetCard, Download, Record
from leukobench.datasets.walk import image_tree, subfolders

LAYOUT = "BM_cytomorphology_data"
PAGE = "https://doi.org/10.7937/TCIA.AXH3-T579"

card = DatasetCard(
    name="bone_marrow",
    title="Bone-Marrow-Cytomorphology_MLL_Helmholtz_Fraunhofer: bone marrow of 945 patients",
    folder="bone_marrow",
    labels={
        "NGS": "SNE",
        "NGB": "BNE",
        "EOS": "EO",
        "BAS": "BA",
        "LYT": "LY",
        "MON": "MO",
        "MMZ": "MMY",
        "MYB": "MY",
        "PMO": "PMY",
        "EBO": "ERB",
        "KSC": "KSC",
    },
    counts={
        "NGS": 29424,
        "NGB": 9968,
        "EOS": 5883,
        "BAS": 441,
        "LYT": 26242,
        "MON": 4040,
        "MMZ": 3055,
        "MYB": 6557,
        "PMO": 11994,
        "EBO": 27395,
        "KSC": 42,
    },
    url=PAGE,
    doi="10.7937/TCIA.AXH3-T579",
    licence="CC BY 4.0",
    citation="Matek et al. 2021, Blood 138:1917-1927, doi 10.1182/blood.2020010568",
    downloads=(
        Download(
            "BM_cytomorphology_data.zip",
            parts=(LAYOUT,),
            by_hand=f"load the images from {PAGE} with IBM Aspera Connect; an archive of them or their folder is taken",
        ),
    ),
    stain="May-Grünwald-Giemsa/Pappenheim",
    camera="unknown",
    magnification="40x, oil immersion",
    notes=(
        "bone marrow, not peripheral blood; 250x250 pixels",
        "ten of its 21 classes are none of the label tree and stay unlabelled: ABE, ART, BLA, FGC, HAC, LYI, NIF, OTH, "
        "PEB and PLM",
        "no patient is known: scores within this dataset are optimistic",
    ),
)


def read(root):
    """List the files of the release, or of a part of it, as a list of `Record`; large classes lie in folders again."""
    return [
        Record(path, folder.name) for folder in subfolders(root / card.folder / LAYOUT) for path in image_tree(folder)
    ]

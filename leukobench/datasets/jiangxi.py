"""Jiangxi: small pictures from a rapid-staining reagent, with expert masks."""

from leukobench.datasets import zxaoyou
from leukobench.datasets.card import DatasetCard

card = DatasetCard(
    name="jiangxi",
    title="Jiangxi Tecom: 300 pictures from a rapid-staining reagent",
    folder="jiangxi",
    labels=zxaoyou.LABELS,
    counts={"1": 176, "2": 53, "3": 48, "4": 22, "5": 1},
    url=zxaoyou.URL,
    licence=zxaoyou.LICENCE,
    citation=zxaoyou.CITATION,
    stain="a rapid-staining haematology reagent of the maker",
    camera="Motic Moticam Pro 252A on an N800-D microscope",
    masks=True,
    downloads=zxaoyou.downloads(1),
    notes=(
        "88 to 120 px, ragged sizes",
        "112.bmp and 139.bmp are the same bytes, with the same label but two different masks",
        "a single basophil",
    ),
)


def read(root):
    """List the files of the release, or of a part of it, as a list of `Record`."""
    return zxaoyou.read(root, card.folder, 1)

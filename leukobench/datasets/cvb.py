"""CVB: pictures from the CellaVision blog, with expert masks."""

from leukobench.datasets import zxaoyou
from leukobench.datasets.card import DatasetCard

card = DatasetCard(
    name="cvb",
    title="CVB: 100 pictures from the CellaVision blog",
    folder="cvb",
    labels=zxaoyou.LABELS,
    counts={"1": 33, "2": 37, "3": 15, "4": 12, "5": 3},
    url=zxaoyou.URL,
    doi="10.17632/w7cvnmn4c5",
    licence=zxaoyou.LICENCE,
    citation=zxaoyou.CITATION,
    camera="CellaVision analysers (from the company's blog)",
    masks=True,
    downloads=zxaoyou.downloads(2),
    notes=("300x300", "three basophils only", "also as Mendeley Data w7cvnmn4c5"),
)


def read(root):
    """List the files of the release, or of a part of it, as a list of `Record`."""
    return zxaoyou.read(root, card.folder, 2)

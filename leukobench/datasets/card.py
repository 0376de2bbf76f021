"""What is known of a dataset (its card), and what its reader says of each file (a record)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from leukobench.errors import UsageError
from leukobench.imaging.scale import check_um_per_px


class Download(NamedTuple):
    """One file of a release, and where it is to be had.

    Parameters
    ----------
    name : str
        Its file name.
    urls : tuple of str
        Its address and mirrors, in the order in which they are tried; without any a person has to get it.
    checksum : str
        What it must be, as "sha256:..." or "md5:..."; empty where nobody says so publicly.
    into : str
        Where it goes, below the dataset's folder.
    parts : tuple of str
        Files or folders of the archive, on whatever depth in it, that are taken; without any it is no archive.
    by_hand : str
        What a person has to do, where that is needed.
    optional : bool
        Whether it is taken only where somebody brings it.
    """

    name: str
    urls: tuple[str, ...] = ()
    checksum: str = ""
    into: str = ""
    parts: tuple[str, ...] = ()
    by_hand: str = ""
    optional: bool = False


@dataclass(frozen=True)
class DatasetCard:
    """The facts of one source of images.

    Parameters
    ----------
    name : str
        Name on the command line and in every table.
    title : str
        The dataset in words.
    folder : str
        Its folder below the data root.
    labels : dict of str to str
        Native label to the code of a cell type.
    counts : dict of str to int
        Native label to the number of images in the full release; empty where there is no release.
    split_counts : dict of str to dict
        The same for each split that the release itself makes.
    url, doi, licence, citation : str
        Where it comes from, on what terms, and what to cite.
    downloads : tuple of Download
        The files of the release.
    um_per_px : float or None
        Micrometres per pixel; None where unknown.
    stain, camera, magnification : str
        How the pictures were made; "unknown" where nobody says.
    groups : str
        What a group is (the slide, the patient); empty where nothing is known.
    attributes : tuple of str
        Names of further columns of the index, for what else the source says of a cell.
    cells_of : str
        Name of the dataset whose cells these are, in other pictures; empty where they are its own.
    masks : bool
        Whether expert masks of nucleus and cytoplasm come with it.
    notes : tuple of str
        Traps and other things worth knowing.

    Raises
    ------
    UsageError
        The pixel size is none.

    Examples
    --------
    >>> DatasetCard(name="x", title="X", folder="x", labels={"n": "NE"}, counts={"n": 1200}).total
    1200
    """

    name: str
    title: str
    folder: str
    labels: dict[str, str]
    counts: dict[str, int] = field(default_factory=dict)
    split_counts: dict[str, dict[str, int]] = field(default_factory=dict)
    url: str = ""
    doi: str = ""
    licence: str = "unknown"
    citation: str = ""
    downloads: tuple[Download, ...] = ()
    um_per_px: float | None = None
    stain: str = "unknown"
    camera: str = "unknown"
    magnification: str = "unknown"
    groups: str = ""
    attributes: tuple[str, ...] = ()
    cells_of: str = ""
    masks: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        check_pixel_size(self.um_per_px, self.name)

    @property
    def total(self) -> int | None:
        """Number of images in the full release; None where there is no release."""
        return sum(self.counts.values()) or None

    def code_counts(self) -> dict[str, int]:
        """Give the number of images of each cell type in the full release, as a dict of code to int."""
        totals: dict[str, int] = {}
        for label, count in self.counts.items():
            totals[self.labels[label]] = totals.get(self.labels[label], 0) + count
        return totals


def check_pixel_size(um_per_px: float | None, where: str) -> None:
    """Refuse what is no pixel size.

    Parameters
    ----------
    um_per_px : float or None
        Micrometres per pixel; None is unknown.
    where : str
        Who says so, for the message.

    Raises
    ------
    UsageError
        It is no number, not a number, or out of range.

    Examples
    --------
    >>> check_pixel_size(0.1, "ward7")
    """
    if um_per_px is None:
        return
    if isinstance(um_per_px, bool) or not isinstance(um_per_px, int | float) or um_per_px != um_per_px:
        raise UsageError(f"{where}: um_per_px = {um_per_px!r} is no pixel size", "leave it out where it is unknown")
    try:
        check_um_per_px(um_per_px, 1)
    except UsageError as error:
        raise UsageError(f"{where}: um_per_px = {error.message}", error.hint) from error


class Record(NamedTuple):
    """One image file as its source describes it.

    Parameters
    ----------
    path : Path
        The file, below the data root.
    native_label : str or None
        The source's own label.
    group : str or None
        Slide or patient: images of one group are never split between training and test.
    split : str or None
        The part of the release (or of a companion release) that the file belongs to.
    field : str or None
        Microscope field.
    mask : Path or None
        Expert mask of the image.
    second_label, second_label_repeat : str or None
        Native labels by a second annotator, and by the same annotator again.
    doubt : str
        Why the label cannot be used; empty if it can.
    um_per_px : float or None
        Micrometres per pixel of this image, where it differs from the card's.
    attributes : dict of str to str, or None
        What else the source says of the cell, by the names of the card's attributes.
    """

    path: Path
    native_label: str | None
    group: str | None = None
    split: str | None = None
    field: str | None = None
    mask: Path | None = None
    second_label: str | None = None
    second_label_repeat: str | None = None
    doubt: str = ""
    um_per_px: float | None = None
    attributes: dict[str, str] | None = None


class Source(Protocol):
    """What can be registered as a dataset: an object or a module with a card and a reader.

    It may have `second_labels(root)` too: (label, by a second reading, by a third) of each image that people labelled
    again, as native labels; the report then says how far they agree (`datasets.opinions`).
    """

    card: DatasetCard

    def read(self, root: Path) -> list[Record]:
        """Records of what lies in the card's folder below the data root."""

"""The five classes as numbers.

Sizes follow the textbooks for dried smears (Bain, Blood Cells, 5th ed.): small lymphocytes 7 to 12 um, neutrophils and
eosinophils 12 to 15, basophils 10 to 14, monocytes 15 to 20. Concentrations are in units of the stain vectors of
`domains`; they were set so that optical densities come near those of the expert-masked CVB pictures.

Every class has a typical form, and unusual ones that a haematologist meets too and that look like a neighbouring
class: without them every model would be right every time.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Granules:
    """Granules of one kind.

    Parameters
    ----------
    stain : tuple of float
        Concentrations of azure, eosin and haemoglobin-like orange at full height.
    radius : tuple of float
        Smallest and largest radius in micrometres.
    spacing : float
        Distance of neighbours in micrometres.
    fill : tuple of float
        Smallest and largest share of places that hold a granule.
    over_nucleus : bool
        Whether they also lie over the nucleus.
    """

    stain: tuple
    radius: tuple
    spacing: float
    fill: tuple
    over_nucleus: bool = False


@dataclass(frozen=True)
class CellKind:
    """One class of leukocytes.

    Parameters
    ----------
    diameter : tuple of float
        Range of the diameter of a disc of the cell's area, in micrometres.
    nc_ratio : tuple of float
        Range of nucleus area over cell area.
    nuclei : dict of str to float
        Shapes of the nucleus and how often they come.
    chromatin : tuple of float
        Concentrations of azure and eosin in the nucleus.
    clumping : tuple of float
        Width of the chromatin's grains in micrometres and their contrast.
    cytoplasm : tuple of float
        Concentrations of azure and eosin in the cytoplasm.
    mottling : float
        Contrast of the cytoplasm.
    rim : float
        Share by which the cytoplasm's edge is darker (lighter if negative).
    granules : Granules or None
    vacuoles : tuple of int
        Range of their number.
    roughness : float
        Unevenness of the cell's outline.
    """

    diameter: tuple
    nc_ratio: tuple
    nuclei: dict
    chromatin: tuple
    clumping: tuple
    cytoplasm: tuple
    mottling: float
    rim: float
    granules: Granules | None
    vacuoles: tuple = (0, 1)
    roughness: float = 0.06


FINE = Granules((0.22, 0.26, 0.0), (0.10, 0.19), 0.46, (0.15, 0.8))
COARSE = Granules((0.34, 0.42, 0.04), (0.20, 0.36), 0.62, (0.35, 0.9))
ORANGE = Granules((0.08, 0.42, 0.85), (0.28, 0.44), 0.68, (0.45, 1.0))
VIOLET = Granules((0.80, 0.85, 0.0), (0.20, 0.52), 0.74, (0.25, 0.9), over_nucleus=True)
DUST = Granules((0.16, 0.18, 0.0), (0.08, 0.15), 0.55, (0.0, 0.35))
AZUROPHIL = Granules((0.35, 0.42, 0.0), (0.12, 0.24), 1.3, (0.0, 0.35))

SEGMENTED = CellKind(
    diameter=(12, 15),
    nc_ratio=(0.25, 0.39),
    nuclei={"segmented": 1.0},
    chromatin=(1.12, 1.00),
    clumping=(0.55, 0.14),
    cytoplasm=(0.11, 0.16),
    mottling=0.13,
    rim=0.05,
    granules=FINE,
    vacuoles=(0, 2),
    roughness=0.08,
)
BAND = replace(SEGMENTED, nc_ratio=(0.28, 0.42), nuclei={"band": 0.85, "bean": 0.15})
EOSINOPHIL = CellKind(
    diameter=(12, 15),
    nc_ratio=(0.26, 0.42),
    nuclei={"bilobed": 0.76, "segmented": 0.18, "band": 0.06},
    chromatin=(0.95, 0.86),
    clumping=(0.6, 0.14),
    cytoplasm=(0.12, 0.16),
    mottling=0.12,
    rim=0.0,
    granules=ORANGE,
    vacuoles=(0, 4),
)
BASOPHIL = CellKind(
    diameter=(10, 14),
    nc_ratio=(0.38, 0.62),
    nuclei={"bilobed": 0.35, "folded": 0.35, "round": 0.15, "bean": 0.15},
    chromatin=(0.72, 0.58),
    clumping=(0.7, 0.12),
    cytoplasm=(0.20, 0.20),
    mottling=0.2,
    rim=0.1,
    granules=VIOLET,
    vacuoles=(0, 5),
    roughness=0.09,
)
LYMPHOCYTE = CellKind(
    diameter=(7, 12),
    nc_ratio=(0.50, 0.88),
    nuclei={"round": 0.78, "bean": 0.16, "folded": 0.06},
    chromatin=(0.98, 0.82),
    clumping=(0.8, 0.10),
    cytoplasm=(0.36, 0.12),
    mottling=0.14,
    rim=0.35,
    granules=None,
    vacuoles=(0, 2),
    roughness=0.08,
)
MONOCYTE = CellKind(
    diameter=(15, 20),
    nc_ratio=(0.34, 0.58),
    nuclei={"bean": 0.42, "folded": 0.42, "round": 0.1, "band": 0.06},
    chromatin=(0.74, 0.62),
    clumping=(0.5, 0.15),
    cytoplasm=(0.30, 0.17),
    mottling=0.13,
    rim=0.1,
    granules=DUST,
    vacuoles=(0, 14),
    roughness=0.16,
)

TYPICAL = "typical"
CELLS = {  # code to the forms it comes in
    "SNE": {
        TYPICAL: SEGMENTED,
        "toxic": replace(SEGMENTED, granules=COARSE, cytoplasm=(0.16, 0.22), vacuoles=(1, 7)),
        "hypogranular": replace(
            SEGMENTED, granules=replace(FINE, fill=(0.0, 0.1)), nuclei={"bilobed": 0.6, "segmented": 0.4}
        ),
    },
    "BNE": {
        TYPICAL: BAND,
        "toxic": replace(BAND, granules=COARSE, cytoplasm=(0.18, 0.20), vacuoles=(1, 7)),
        "young": replace(
            BAND,
            diameter=(13, 16),
            nc_ratio=(0.36, 0.5),
            nuclei={"bean": 1.0},
            chromatin=(0.88, 0.76),
            cytoplasm=(0.2, 0.18),
        ),
    },
    "EO": {
        TYPICAL: EOSINOPHIL,
        "degranulated": replace(EOSINOPHIL, granules=replace(ORANGE, fill=(0.1, 0.35)), vacuoles=(3, 9)),
        "lilac": replace(EOSINOPHIL, granules=replace(COARSE, radius=(0.26, 0.42), stain=(0.34, 0.50, 0.30))),
    },
    "BA": {
        TYPICAL: BASOPHIL,
        "degranulated": replace(BASOPHIL, granules=replace(VIOLET, fill=(0.04, 0.22)), vacuoles=(2, 9)),
        "smudged": replace(BASOPHIL, granules=replace(VIOLET, stain=(0.5, 0.7, 0.1), radius=(0.16, 0.34))),
    },
    "LY": {
        TYPICAL: LYMPHOCYTE,
        "large": replace(
            LYMPHOCYTE,
            diameter=(11, 16),
            nc_ratio=(0.40, 0.66),
            nuclei={"round": 0.4, "bean": 0.4, "folded": 0.2},
            chromatin=(0.82, 0.70),
            clumping=(0.6, 0.13),
            cytoplasm=(0.28, 0.14),
            rim=0.2,
            granules=AZUROPHIL,
            roughness=0.14,
        ),
    },
    "MO": {
        TYPICAL: MONOCYTE,
        "small": replace(
            MONOCYTE,
            diameter=(12, 15.5),
            nc_ratio=(0.42, 0.64),
            nuclei={"bean": 0.45, "round": 0.3, "folded": 0.25},
            chromatin=(0.84, 0.70),
            vacuoles=(0, 4),
            roughness=0.1,
        ),
    },
}

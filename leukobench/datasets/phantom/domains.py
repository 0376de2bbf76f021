"""The four laboratories that the phantom datasets pretend to come from, as one table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """How one laboratory stains, sees and stores its cells.

    Parameters
    ----------
    name : str
        The dataset's name.
    size : tuple of int
        Height and width in px.
    um_per_px : float
        Micrometres per px.
    azure, eosin, haemoglobin : tuple of float
        Optical density (natural logarithm) of one unit of stain in red, green and blue.
    strength : float
        Factor on all stain of leukocytes.
    strength_spread : float
        Standard deviation of its logarithm over images.
    granularity : float
        How strongly the stain brings out granules.
    background : tuple of float
        Colour of empty glass, 0 to 1.
    background_spread : float
        Standard deviation of each channel's gain over images.
    vignette : float
        Share of light lost in the corners.
    blur : float
        Standard deviation of the point spread in micrometres.
    focus_spread : float
        Standard deviation of its logarithm over images.
    sharpening : float
        Strength of the camera's unsharp mask.
    noise : float
        Standard deviation of the sensor's noise in grey values.
    jpeg_quality : int or None
        None where nothing was ever compressed.
    red_cells : float
        Mean number per 1,000 square micrometres.
    unusual : float
        Share of cells that are not of their class's typical form.
    cell_scale : float
        Flattening of leukocytes on the smear: factor on their diameters.
    slides : int
        Number of slides that the images come from.
    slide_spread : float
        Standard deviation of the slides' own shifts of stain and white balance.
    """

    name: str
    size: tuple
    um_per_px: float
    azure: tuple
    eosin: tuple
    haemoglobin: tuple
    strength: float
    strength_spread: float
    granularity: float
    background: tuple
    background_spread: float
    vignette: float
    blur: float
    focus_spread: float
    sharpening: float
    noise: float
    jpeg_quality: int | None
    red_cells: float
    unusual: float
    cell_scale: float = 1.0
    slides: int = 1
    slide_spread: float = 0.0


DOMAINS = {
    domain.name: domain
    for domain in (
        Domain(
            name="barcelona",
            size=(363, 360),
            um_per_px=0.100,
            azure=(0.88, 0.76, 0.12),
            eosin=(0.08, 0.92, 0.26),
            haemoglobin=(0.24, 0.37, 0.26),
            strength=0.95,
            strength_spread=0.13,
            granularity=1.0,
            background=(0.985, 0.90, 0.80),
            background_spread=0.02,
            vignette=0.02,
            blur=0.10,
            focus_spread=0.20,
            sharpening=0.3,
            noise=1.5,
            jpeg_quality=85,
            red_cells=11.0,
            unusual=0.08,
        ),
        Domain(
            name="munich",
            size=(400, 400),
            um_per_px=0.0725,
            azure=(0.78, 0.90, 0.13),
            eosin=(0.06, 0.76, 0.20),
            haemoglobin=(0.19, 0.37, 0.20),
            strength=1.0,
            strength_spread=0.16,
            granularity=0.75,
            background=(0.94, 0.91, 0.88),
            background_spread=0.025,
            vignette=0.03,
            blur=0.12,
            focus_spread=0.38,
            sharpening=0.0,
            noise=1.8,
            jpeg_quality=None,
            red_cells=11.0,
            unusual=0.10,
            cell_scale=1.06,
        ),
        Domain(
            name="raabin",
            size=(575, 575),
            um_per_px=0.058,
            azure=(0.66, 0.94, 0.19),
            eosin=(0.09, 0.82, 0.36),
            haemoglobin=(0.28, 0.37, 0.16),
            strength=1.10,
            strength_spread=0.15,
            granularity=0.7,
            background=(0.87, 0.76, 0.70),
            background_spread=0.030,
            vignette=0.16,
            blur=0.11,
            focus_spread=0.25,
            sharpening=0.0,
            noise=1.6,
            jpeg_quality=95,
            red_cells=12.0,
            unusual=0.14,
            cell_scale=0.94,
            slides=5,
            slide_spread=0.035,
        ),
        Domain(
            name="cvb",
            size=(300, 300),
            um_per_px=0.090,
            azure=(1.04, 0.62, 0.18),
            eosin=(0.16, 1.05, 0.24),
            haemoglobin=(0.13, 0.37, 0.32),
            strength=1.3,
            strength_spread=0.18,
            granularity=1.3,
            background=(0.96, 0.88, 0.81),
            background_spread=0.030,
            vignette=0.0,
            blur=0.06,
            focus_spread=0.15,
            sharpening=0.5,
            noise=1.0,
            jpeg_quality=75,
            red_cells=9.0,
            unusual=0.12,
            cell_scale=1.15,
        ),
    )
}

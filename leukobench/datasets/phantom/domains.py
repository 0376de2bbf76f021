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
    background : tuple of float
        Colour of empty glass, 0 to 1.
    background_spread : float
        Standard deviation of each channel's gain over images.
    vignette : float
        Share of light lost in the corners.
    tone : float
        Exponent of the camera's tone curve.
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
    cell_scale : float
        Flattening of cells on the smear.
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
    background: tuple
    background_spread: float
    vignette: float
    tone: float
    blur: float
    focus_spread: float
    sharpening: float
    noise: float
    jpeg_quality: int | None
    red_cells: float
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
            haemoglobin=(0.30, 0.44, 0.27),
            strength=0.95,
            strength_spread=0.10,
            background=(0.985, 0.90, 0.80),
            background_spread=0.010,
            vignette=0.02,
            tone=1.0,
            blur=0.10,
            focus_spread=0.20,
            sharpening=0.5,
            noise=1.5,
            jpeg_quality=85,
            red_cells=9.0,
        ),
        Domain(
            name="munich",
            size=(400, 400),
            um_per_px=0.0725,
            azure=(0.72, 0.92, 0.10),
            eosin=(0.05, 0.72, 0.18),
            haemoglobin=(0.16, 0.38, 0.24),
            strength=0.85,
            strength_spread=0.16,
            background=(0.93, 0.91, 0.90),
            background_spread=0.025,
            vignette=0.03,
            tone=0.90,
            blur=0.14,
            focus_spread=0.45,
            sharpening=0.0,
            noise=1.8,
            jpeg_quality=None,
            red_cells=9.0,
        ),
        Domain(
            name="raabin",
            size=(575, 575),
            um_per_px=0.058,
            azure=(0.50, 0.95, 0.30),
            eosin=(0.10, 0.78, 0.42),
            haemoglobin=(0.34, 0.42, 0.20),
            strength=1.10,
            strength_spread=0.12,
            background=(0.84, 0.72, 0.68),
            background_spread=0.030,
            vignette=0.16,
            tone=1.10,
            blur=0.16,
            focus_spread=0.25,
            sharpening=0.0,
            noise=2.0,
            jpeg_quality=95,
            red_cells=10.0,
            slides=5,
            slide_spread=0.06,
        ),
        Domain(
            name="cvb",
            size=(300, 300),
            um_per_px=0.090,
            azure=(0.94, 0.70, 0.16),
            eosin=(0.10, 1.00, 0.30),
            haemoglobin=(0.18, 0.48, 0.34),
            strength=1.12,
            strength_spread=0.16,
            background=(0.98, 0.88, 0.77),
            background_spread=0.030,
            vignette=0.0,
            tone=1.0,
            blur=0.06,
            focus_spread=0.15,
            sharpening=0.8,
            noise=1.0,
            jpeg_quality=75,
            red_cells=7.0,
            cell_scale=1.08,
        ),
    )
}

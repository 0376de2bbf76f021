"""From stain to picture: Beer-Lambert's law, lens, light and camera."""

import functools
from dataclasses import dataclass, replace

import cv2
import numpy as np

from leukobench.datasets.phantom.domains import DOMAINS, Domain
from leukobench.datasets.phantom.kinds import CELLS
from leukobench.datasets.phantom.smear import add_neighbour, add_platelets, add_red_cells, draw_in_domain, overlap
from leukobench.errors import unknown

VERSION = "2"  # of the pictures: raise it whenever the same seed gives other pixels
CODES = ("NE", *CELLS)
BAND_SHARE = 0.25  # of neutrophils whose stage is not asked for
NEIGHBOUR_SHARE = 0.06  # of images with a second leukocyte at the side


@dataclass(frozen=True)
class PhantomCell:
    """A rendered leukocyte and the truth about it.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Red, green and blue, as read back from the domain's file.
    mask : ndarray of uint8, shape (height, width)
        0 background, 1 cytoplasm, 2 nucleus.
    um_per_px : float
        Micrometres per pixel.
    code : str
        Cell type as it was asked for.
    domain : str
        Name of the domain.
    slide : int
        Number of the slide within the domain.
    kind : str
        What was drawn: SNE or BNE where NE was asked for.
    form : str
        "typical", or the unusual form of `kinds.CELLS` that was drawn.
    diameter_um : float
        Diameter of a disc of the cell's area.
    nucleus_shape : {"round", "bean", "folded", "band", "bilobed", "segmented"}
        Form of the nucleus.
    lobes : int
        Number of lobes of the nucleus.
    """

    image: np.ndarray
    mask: np.ndarray
    um_per_px: float
    code: str
    domain: str
    slide: int
    kind: str
    form: str
    diameter_um: float
    nucleus_shape: str
    lobes: int

    @property
    def cell_area_px(self):
        """Number of pixels of the whole cell."""
        return int(np.count_nonzero(self.mask))

    @property
    def nucleus_area_px(self):
        """Number of pixels of the nucleus."""
        return int(np.count_nonzero(self.mask == 2))


def render_cell(code, domain="barcelona", rng=None, slide=None):
    """Render one leukocyte among red cells.

    Parameters
    ----------
    code : {"NE", "SNE", "BNE", "EO", "BA", "LY", "MO"}
        The cell type; a quarter of NE are bands.
    domain : str or Domain, default "barcelona"
        The laboratory: a name in `DOMAINS`, or one of your own.
    rng : numpy.random.Generator or int, optional
        Source of chance; an int is a seed.
    slide : int, optional
        Number of the slide; drawn where not given.

    Returns
    -------
    PhantomCell
        The picture and its exact mask; equal seeds give equal pixels.

    Raises
    ------
    UsageError
        Unknown code or domain.

    Examples
    --------
    >>> cell = render_cell("LY", "cvb", rng=3)
    >>> cell.image.shape, cell.mask.shape, cell.lobes
    ((300, 300, 3), (300, 300), 1)
    """
    domain = get_domain(domain)
    cell = render_raw(code, domain, np.random.default_rng(rng), slide)
    if domain.jpeg_quality is None:
        return cell
    decoded = cv2.imdecode(encode_jpeg(cell.image, domain), cv2.IMREAD_COLOR_RGB)
    return replace(cell, image=decoded)


def get_domain(domain):
    """Give a domain by its name; a `Domain` passes through."""
    if isinstance(domain, Domain):
        return domain
    if domain not in DOMAINS:
        raise unknown("phantom domain", domain, DOMAINS)
    return DOMAINS[domain]


def encode_jpeg(image, domain):
    """Compress a picture as the domain does, to an array of bytes."""
    return cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, domain.jpeg_quality])[1]


def render_raw(code, domain, rng, slide=None):
    """Render as `render_cell` does, but before any compression."""
    if code not in CODES:
        raise unknown("cell type of a phantom", code, CODES)
    slide = int(rng.integers(domain.slides)) if slide is None else slide
    kind = code if code != "NE" else ("BNE" if rng.random() < BAND_SHARE else "SNE")
    cell = draw_in_domain(rng, kind, domain)
    stain = np.zeros((*domain.size, 3), np.float32)
    free = np.ones(domain.size, np.float32)  # where the cell leaves room
    mask = np.zeros(domain.size, np.uint8)
    centre = np.array(domain.size) / 2 + np.clip(rng.normal(0, 0.5, 2), -1, 1) / domain.um_per_px
    inside, part = overlap(domain.size, centre, cell.mask.shape)
    mask[inside] = cell.mask[part]
    free[inside] -= cell.coverage[part]
    add_red_cells(rng, stain, domain, centre, cell.diameter / 2)
    add_platelets(rng, stain, domain)
    if rng.random() < NEIGHBOUR_SHARE:
        add_neighbour(rng, stain, domain, centre, cell.diameter / 2)
    stain *= free[..., None]
    stain[inside] += cell.stain[part]
    shift = _slide_shift(domain, slide)
    # every batch of stain has its own strength, and its own balance of azure and eosin
    batch = rng.normal(0, domain.strength_spread) + rng.normal(0, 0.6 * domain.strength_spread, 3) + shift[0]
    stain *= (domain.strength * np.exp(batch)).astype(np.float32)
    return PhantomCell(
        image=_photograph(rng, stain, domain, shift[1:]),
        mask=mask,
        um_per_px=domain.um_per_px,
        code=code,
        domain=domain.name,
        slide=slide,
        kind=kind,
        form=cell.form,
        diameter_um=cell.diameter,
        nucleus_shape=cell.nucleus_shape,
        lobes=cell.lobes,
    )


def _slide_shift(domain, slide):
    """Give a slide's own shift: logarithm of the stain's strength, then of red, green and blue light."""
    rng = np.random.default_rng([slide, *domain.name.encode()])
    return rng.normal(0, 1, 4) * domain.slide_spread * [2.0, 1.0, 1.0, 1.0]


def _photograph(rng, stain, domain, tint):
    """Send light through the stain (Beer-Lambert), through the lens and into the camera."""
    matrix = -np.array([domain.azure, domain.eosin, domain.haemoglobin], np.float32).T
    density = cv2.transform(stain, matrix)
    picture = cv2.exp(density, density)
    blur = domain.blur * np.exp(rng.normal(0, domain.focus_spread)) / domain.um_per_px
    picture = cv2.GaussianBlur(picture, (0, 0), blur)
    # light varies more than its colour
    gain = np.exp(rng.normal(0, domain.background_spread) + rng.normal(0, 0.4 * domain.background_spread, 3) + tint)
    picture *= (0.98 * np.array(domain.background) * gain).astype(np.float32)
    if domain.vignette:
        picture *= _light(rng, domain)[..., None]
    picture += np.float32(0.02)  # stray light
    if domain.sharpening:
        soft = cv2.GaussianBlur(picture, (0, 0), 1.5)
        picture = cv2.addWeighted(picture, 1 + domain.sharpening, soft, -domain.sharpening, 0)
    y, x = rng.integers(0, np.array(_sensor_noise().shape[:2]) - domain.size)
    grain = _sensor_noise()[y : y + domain.size[0], x : x + domain.size[1]]
    picture = cv2.addWeighted(picture, 255, grain, domain.noise, 0)
    return np.clip(np.rint(picture, picture), 0, 255, picture).astype(np.uint8)


@functools.cache
def _sensor_noise():
    """Give a sheet of white noise from which every picture takes a piece: drawing it anew would take half the time."""
    return np.random.default_rng(0).standard_normal((1024, 1024, 3), np.float32)


def _light(rng, domain):
    """Uneven light: weaker in the corners, a little tilted."""
    y, x = (np.linspace(-1, 1, side) for side in domain.size)
    fall, tilt = 0.5 * domain.vignette, rng.normal(0, 0.3 * domain.vignette, 2)
    down, across = -fall * y**2 + tilt[0] * y, 1 - fall * x**2 + tilt[1] * x
    return np.add.outer(down.astype(np.float32), across.astype(np.float32))

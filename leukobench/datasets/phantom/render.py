"""From stain to picture: the smear around the cell, Beer-Lambert's law, lens and camera."""

import functools
from dataclasses import dataclass, replace

import cv2
import numpy as np

from leukobench.datasets.phantom.cells import HAEMOGLOBIN, draw_leukocyte
from leukobench.datasets.phantom.domains import DOMAINS, Domain
from leukobench.datasets.phantom.kinds import CELLS
from leukobench.errors import UsageError

VERSION = "1"  # of the pictures: raise it whenever the same seed gives other pixels
CODES = ("NE", *CELLS)
BAND_SHARE = 0.25  # of neutrophils whose stage is not asked for
RED_CELL_RADIUS = 3.6  # um
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
        raise UsageError(f"unknown phantom domain {domain!r}", f"known are {', '.join(DOMAINS)}")
    return DOMAINS[domain]


def encode_jpeg(image, domain):
    """Compress a picture as the domain does, to an array of bytes."""
    return cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, domain.jpeg_quality])[1]


def render_raw(code, domain, rng, slide=None):
    """Render as `render_cell` does, but before any compression."""
    if code not in CODES:
        raise UsageError(f"phantoms have no cell type {code!r}", f"known are {', '.join(CODES)}")
    slide = int(rng.integers(domain.slides)) if slide is None else slide
    kind = code if code != "NE" else ("BNE" if rng.random() < BAND_SHARE else "SNE")
    cell = _draw(rng, kind, domain)
    stain = np.zeros((*domain.size, 3), np.float32)
    free = np.ones(domain.size, np.float32)  # where the cell leaves room
    mask = np.zeros(domain.size, np.uint8)
    centre = np.array(domain.size) / 2 + np.clip(rng.normal(0, 0.5, 2), -1, 1) / domain.um_per_px
    inside, part = _overlap(domain.size, centre, cell.mask.shape)
    mask[inside] = cell.mask[part]
    free[inside] -= cell.coverage[part]
    _add_red_cells(rng, stain[..., HAEMOGLOBIN], domain, centre, cell.diameter / 2)
    _add_platelets(rng, stain, domain)
    if rng.random() < NEIGHBOUR_SHARE:
        _add_neighbour(rng, stain, domain, centre, cell.diameter / 2)
    stain *= free[..., None]
    shift = _slide_shift(domain, slide)
    strength = domain.strength * np.exp(rng.normal(0, domain.strength_spread) + shift[0])
    stain[inside] += cell.stain[part]
    image = _photograph(rng, stain * np.float32(strength), domain, shift[1:])
    return PhantomCell(
        image,
        mask,
        domain.um_per_px,
        code,
        domain.name,
        slide,
        kind,
        cell.form,
        cell.diameter,
        cell.nucleus_shape,
        cell.lobes,
    )


def _draw(rng, code, domain):
    return draw_leukocyte(rng, code, domain.um_per_px, domain.cell_scale, domain.unusual, domain.granularity)


def _slide_shift(domain, slide):
    """Give a slide's own shift: logarithm of the stain's strength, then of red, green and blue light."""
    rng = np.random.default_rng([slide, *domain.name.encode()])
    return rng.normal(0, 1, 4) * domain.slide_spread * [2.0, 1.0, 1.0, 1.0]


def _overlap(size, centre, patch):
    """Slices of the picture, and of a patch laid on it around `centre` (row, column), where the two meet."""
    start = np.round(centre).astype(int) - np.array(patch) // 2
    low = np.maximum(start, 0)
    high = np.maximum(np.minimum(start + patch, size), low)
    picture = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return picture, tuple(slice(a, b) for a, b in zip(low - start, high - start, strict=True))


def _add_red_cells(rng, layer, domain, centre, radius_um):
    """Strew red cells over the smear; up to four lean on the leukocyte, which hides what lies under it."""
    size = np.array(domain.size)
    turn = rng.uniform(0, 2 * np.pi, rng.integers(0, 5))
    reach = (radius_um + RED_CELL_RADIUS * rng.uniform(0.75, 1.05, len(turn))) / domain.um_per_px
    touching = centre + reach[:, None] * np.stack([np.sin(turn), np.cos(turn)], 1)
    count = rng.poisson(domain.red_cells * size.prod() * domain.um_per_px**2 / 1000)
    strewn = rng.uniform(-0.08, 1.08, (count, 2)) * size
    strewn = strewn[np.hypot(*(strewn - centre).T) * domain.um_per_px > radius_um + 0.8 * RED_CELL_RADIUS]
    pallor, width = rng.uniform(0.25, 0.75), rng.uniform(0.38, 0.55)
    apart = RED_CELL_RADIUS / domain.um_per_px * rng.choice([1.2, 1.95], p=[0.2, 0.8])
    placed = np.empty((0, 2))
    for place in np.vstack([touching, strewn]):
        if (np.hypot(*(placed - place).T) < apart).any():
            continue
        placed = np.vstack([placed, place])
        disc = _red_cell(rng, domain, pallor, width)
        where, part = _overlap(domain.size, place, disc.shape)
        under, over = layer[where], disc[part]
        layer[where] = np.maximum(under, over) + 0.5 * np.minimum(under, over)


def _red_cell(rng, domain, pallor, width):
    """Give one red cell: a disc, a little oval and dented, paler in the middle."""
    radius = RED_CELL_RADIUS * np.exp(rng.normal(0, 0.06)) / domain.um_per_px
    half = int(1.3 * radius) + 1
    axis = np.arange(-half, half + 1, dtype=np.float32) / np.float32(radius)
    x, y = axis[None, :], axis[:, None]
    oval, tilt, skew_x, skew_y = rng.normal(0, [0.10, 0.10, 0.05, 0.05]).astype(np.float32)
    bent = (x * x + y * y) * (1 + skew_x * x + skew_y * y) + oval * (x * x - y * y) + 2 * tilt * x * y
    bent = np.maximum(bent, 0)
    edge = np.clip((1 - np.sqrt(bent)) * (0.6 * radius) + 0.5, 0, 1)  # thins out over a pixel or two
    depth = np.float32(np.clip(pallor + rng.normal(0, 0.10), 0.0, 0.9))
    hollow = bent / np.float32(width * np.exp(rng.normal(0, 0.12))) ** 2
    return edge * (1 - depth * np.exp(-hollow * np.sqrt(hollow))) * np.float32(np.exp(rng.normal(0, 0.08)))


def _add_platelets(rng, stain, domain):
    """Strew a few platelets: small, lilac, grainy."""
    for _ in range(rng.poisson(0.8)):
        radius = rng.uniform(0.7, 1.4) / domain.um_per_px
        half = int(1.4 * radius) + 1
        axis = np.arange(-half, half + 1, dtype=np.float32) / np.float32(radius)
        square = axis[None, :] ** 2 * rng.uniform(0.7, 1.4) + axis[:, None] ** 2
        grain = cv2.GaussianBlur(rng.standard_normal(square.shape, dtype=np.float32), (0, 0), 0.12 * radius)
        body = np.clip((1 - square) * radius / 2, 0, 1) * np.clip(0.5 + 0.25 * grain / grain.std(), 0.1, 1.3)
        where, part = _overlap(domain.size, rng.uniform(0, 1, 2) * domain.size, square.shape)
        stain[where] += body[part][..., None] * np.array([0.5, 0.5, 0.0], np.float32)


def _add_neighbour(rng, stain, domain, centre, radius_um):
    """Lay a second leukocyte at the side, mostly out of the picture."""
    other = _draw(rng, str(rng.choice(list(CELLS))), domain)
    turn = rng.uniform(0, 2 * np.pi)
    reach = (radius_um + other.diameter / 2 * rng.uniform(1.1, 1.5)) / domain.um_per_px
    reach = max(reach, 0.48 * min(domain.size))
    where, part = _overlap(domain.size, centre + reach * np.array([np.sin(turn), np.cos(turn)]), other.mask.shape)
    stain[where] = stain[where] * (1 - other.coverage[part])[..., None] + other.stain[part]


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

"""Outlines of cells and nuclei in micrometres, and their coverage on a pixel grid."""

import cv2
import numpy as np

TURN = 2 * np.pi
ANGLES = np.linspace(0, TURN, 120, endpoint=False)
DIRECTIONS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)
SUBPIXEL = 4  # bits after the point in OpenCV's coordinates


class Window:
    """A square pixel grid around the origin of a plane measured in micrometres.

    Parameters
    ----------
    half_width_um : float
        Half the side.
    um_per_px : float
        Size of a pixel.
    """

    def __init__(self, half_width_um, um_per_px):
        self.half_px = int(np.ceil(half_width_um / um_per_px))
        self.um_per_px = um_per_px
        self.shape = (2 * self.half_px + 1, 2 * self.half_px + 1)

    def to_px(self, points):
        """Turn micrometres into OpenCV's fixed-point pixel coordinates."""
        points = np.asarray(points) / self.um_per_px + self.half_px
        return np.round(points * (1 << SUBPIXEL)).astype(np.int32)

    def blank(self):
        """Give an empty coverage: uint8, 255 is a wholly covered pixel."""
        return np.zeros(self.shape, np.uint8)

    def polygons(self, outlines):
        """Give the coverage of the union of closed outlines, each of shape (n, 2)."""
        canvas = self.blank()
        for outline in outlines:
            cv2.fillPoly(canvas, [self.to_px(outline)], 255, cv2.LINE_AA, SUBPIXEL)
        return canvas

    def line(self, points, width_um):
        """Give the coverage of an open line of some width with round ends."""
        thickness = max(1, round(width_um / self.um_per_px))
        return cv2.polylines(self.blank(), [self.to_px(points)], False, 255, thickness, cv2.LINE_AA, SUBPIXEL)

    def discs(self, centres, radii, values=255.0):
        """Give the coverage of discs, drawn one over the other; `values` sets the height of each."""
        canvas = self.blank()
        radii = np.broadcast_to(radii, len(centres)) / self.um_per_px * (1 << SUBPIXEL)
        values = np.broadcast_to(values, len(centres))
        for centre, radius, value in zip(
            self.to_px(centres).tolist(), radii.astype(int).tolist(), values.tolist(), strict=True
        ):
            cv2.circle(canvas, centre, radius, value, -1, cv2.LINE_AA, SUBPIXEL)
        return canvas

    def scatter(self, rng, spacing_um, fill, region):
        """Strew points over a region on a jittered honeycomb, so that they crowd but hardly overlap.

        Parameters
        ----------
        rng : numpy.random.Generator
        spacing_um : float
            Distance of neighbours.
        fill : float
            Share of the places that are taken.
        region : ndarray of bool, shape of the window
            Where points may lie.

        Returns
        -------
        ndarray of float, shape (n, 2)
            The points in micrometres.
        """
        reach = self.half_px * self.um_per_px
        steps = int(reach / spacing_um) + 1
        column, row = np.meshgrid(np.arange(-steps, steps + 1), np.arange(-steps, steps + 1))
        points = np.stack([(column + 0.5 * (row % 2)).ravel(), (0.87 * row).ravel()], 1) * spacing_um
        points = points + rng.normal(0, 0.28 * spacing_um, points.shape)
        points = points[(rng.random(len(points)) < fill) & (np.abs(points) < reach).all(1)]
        x, y = np.round(points / self.um_per_px + self.half_px).astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < self.shape[1]) & (y < self.shape[0])
        points, x, y = points[inside], x[inside], y[inside]
        return points[region[y, x]]

    def texture(self, rng, grain_um):
        """Give a smooth random field of mean 0 and standard deviation near 1 whose grains have the given width."""
        grain = max(grain_um / self.um_per_px, 1.0)
        side = int(self.shape[0] / grain) + 4
        field = rng.standard_normal((side, side), dtype=np.float32)
        matrix = np.array([[1 / grain, 0, 1 + rng.random()], [0, 1 / grain, 1 + rng.random()]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(field, matrix, self.shape[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT) * 1.3

    def blur(self, coverage, sigma_um):
        """Blur with a Gaussian."""
        return cv2.GaussianBlur(coverage, (0, 0), max(sigma_um / self.um_per_px, 0.3))


def circle(rng, roughness, last=6):
    """Draw a nearly round outline of mean radius 1, as radii at `ANGLES`."""
    order = np.arange(2, last)
    height, phase = rng.normal(0, roughness / order), rng.uniform(0, TURN, len(order))
    return np.clip(1 + (height[:, None] * np.cos(order[:, None] * ANGLES + phase[:, None])).sum(0), 0.5, 1.6)


def dent(at, width):
    """Give a bell around one angle, 1 at its top."""
    gap = (ANGLES - at + np.pi) % TURN - np.pi
    return np.exp(-((gap / width) ** 2))


def press(rng, radii, count):
    """Flatten an outline where red cells lean on it."""
    for _ in range(count):
        facing = np.cos(ANGLES - rng.uniform(0, TURN))
        chord = rng.uniform(0.72, 0.95) / np.maximum(facing, 1e-3)
        radii = np.where(facing > 0.05, np.minimum(radii, chord), radii)
    soft = np.r_[radii[-3:], radii, radii[:3]]
    return np.convolve(soft, np.full(7, 1 / 7), "valid")


def outline(radii, area):
    """Turn radii at `ANGLES` into points of a closed outline that holds the given area."""
    points = radii[:, None] * DIRECTIONS
    x, y = points.T
    held = 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
    return points * np.sqrt(area / held)


def ellipse(rng, centre, radius, stretch, angle):
    """Draw one lobe: a slightly rough ellipse of the area of a disc of the given radius."""
    points = outline(circle(rng, 0.10), np.pi * radius**2) * [stretch, 1 / stretch]
    c, s = np.cos(angle), np.sin(angle)
    return points @ np.array([[c, s], [-s, c]]) + centre

"""Training scenes: drawn leukocytes among red cells, in more stains and cameras than any laboratory has.

The pixel model of `leukobench.segmentation` learns from these drawings alone, so no expert mask of any
dataset takes part in it. Realism is not the aim; breadth is (domain randomisation, Tobin 2017). A scene is
a stack of concentrations, one layer per stained material, and an exact label mask. Colour comes later
and anew each time (`colourise`): light falls off exponentially with the stain it crosses (Beer-Lambert).
"""

import cv2
import numpy as np

SIDE = 128  # px of a scene
FINE = 2 * SIDE  # px it is drawn at, for smooth edges
LAYERS = ("chromatin", "cytoplasm", "dark granules", "eosinophilic granules", "haemoglobin", "debris")
CHROMATIN, CYTOPLASM, DARK, EOSIN, HAEMOGLOBIN, DEBRIS = range(len(LAYERS))
TURN = 2 * np.pi
ANGLES = np.linspace(0, TURN, 96, endpoint=False)


class Noise:
    """Smooth random fields, made once and then cut out at random places."""

    def __init__(self, rng, widths=(1.0, 2.0, 4.0, 8.0, 20.0)):
        self.fields = {}
        for width in widths:
            field = cv2.GaussianBlur(rng.standard_normal((640, 640)).astype(np.float32), (0, 0), width)
            self.fields[width] = field / field.std()

    def cut(self, rng, low=1.0, high=8.0, side=FINE):
        """A square (side, side) of a field of a random width between low and high, from a random place."""
        widths = [width for width in self.fields if low <= width <= high]
        field = self.fields[widths[rng.integers(len(widths))]]
        y, x = rng.integers(0, len(field) - side, 2)
        return field[y : y + side, x : x + side]


def draw_scene(rng, noise):
    """One scene.

    Parameters
    ----------
    rng : numpy.random.Generator
    noise : Noise

    Returns
    -------
    layers : uint8 array, shape (6, 128, 128)
        Concentrations of the `LAYERS`; 100 is a typical full stain, 255 the most.
    labels : uint8 array, shape (2, 128, 128)
        Coverage of whole cell and nucleus, 0 to 255.
    """
    layers = np.zeros((len(LAYERS), FINE, FINE), np.float32)
    platelet = rng.random() < 0.05
    radius = FINE * (rng.uniform(0.05, 0.14) if platelet else rng.uniform(0.11, 0.40))
    centre = FINE * (0.5 + rng.normal(0, 0.035, 2))
    cell = _cell_outline(rng, radius)
    inside = _paint(centre, cell)
    nucleus = np.zeros_like(inside) if platelet else _nucleus(rng, centre, cell, radius, inside)
    if platelet:
        _fill_platelet(rng, noise, layers, inside)
    else:
        _fill_leukocyte(rng, noise, layers, inside, nucleus, centre, radius)
    # a red cell is 7.2 um across, a leukocyte 8 to 22, a platelet 2 to 4
    red_radius = radius * (rng.uniform(1.6, 3.0) if platelet else rng.uniform(0.36, 1.0))
    _red_cells(rng, noise, layers[HAEMOGLOBIN], inside, centre, cell, min(red_radius, 0.24 * FINE))
    if rng.random() < 0.22:
        _neighbour_leukocyte(rng, noise, layers, inside, centre, radius)
    _specks(rng, noise, layers, inside, radius)
    small = [cv2.resize(layer, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for layer in layers]
    truth = [cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for part in (inside, nucleus)]
    return np.clip(np.stack(small) * 100, 0, 255).astype(np.uint8), np.clip(np.stack(truth) * 255, 0, 255).astype(
        np.uint8
    )


# -- outlines: radius as a function of the angle ------------------------------------------------------------


def _wavy(rng, radius, amount, last=7):
    outline = np.ones_like(ANGLES)
    for k in range(2, last):
        outline += rng.normal(0, amount / k) * np.cos(k * ANGLES + rng.uniform(0, TURN))
    return radius * np.clip(outline, 0.45, 1.7)


def _bump(at, width):
    gap = (ANGLES - at + np.pi) % TURN - np.pi
    return np.exp(-((gap / width) ** 2))


def _press(rng, outline, radius, count):
    """Flatten an outline where neighbours would press on it."""
    for _ in range(count):
        facing = np.cos(ANGLES - rng.uniform(0, TURN))
        chord = radius * rng.uniform(0.6, 0.98) / np.maximum(facing, 1e-3)
        outline = np.where(facing > 0.05, np.minimum(outline, chord), outline)
    return outline


def _smooth(outline, width):
    kernel = np.exp(-0.5 * (np.arange(-6, 7) / width) ** 2)
    return np.convolve(np.r_[outline[-6:], outline, outline[:6]], kernel / kernel.sum(), "valid")


def _cell_outline(rng, radius):
    kind = rng.random()
    outline = _wavy(rng, radius, rng.choice([0.03, 0.08, 0.16, 0.3], p=[0.4, 0.3, 0.2, 0.1]))
    if kind < 0.3:
        outline = _press(rng, outline, radius, rng.integers(1, 6))
    elif kind < 0.42:  # pseudopods, tails, hand-mirror shapes
        for _ in range(rng.integers(1, 4)):
            outline = outline * (1 + rng.uniform(0.1, 0.8) * _bump(rng.uniform(0, TURN), rng.uniform(0.15, 0.6)))
    if rng.random() < 0.15:
        outline = outline * (1 + rng.normal(0, 0.05, len(outline)))
    return _smooth(outline, rng.uniform(0.5, 2.5))


def _points(centre, outline, angle=0.0, stretch=1.0):
    x, y = outline * np.cos(ANGLES) * stretch, outline * np.sin(ANGLES) / stretch
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([centre[0] + c * x - s * y, centre[1] + s * x + c * y], 1)


def _paint(centre, outline, angle=0.0, stretch=1.0):
    canvas = np.zeros((FINE, FINE), np.float32)
    cv2.fillPoly(canvas, [np.round(_points(centre, outline, angle, stretch) * 16).astype(np.int32)], 1.0, shift=4)
    return canvas


# -- nucleus ------------------------------------------------------------------------------------------------


def _nucleus(rng, centre, cell, radius, inside):
    kind = rng.choice(["round", "bean", "band", "lobes"], p=[0.38, 0.2, 0.14, 0.28])
    canvas = np.zeros_like(inside)
    turn = rng.uniform(0, TURN)
    if kind in ("round", "bean"):
        share = rng.uniform(0.45, 1.0)
        outline = _wavy(rng, radius * share, rng.choice([0.03, 0.08, 0.2]))
        if rng.random() < 0.3:
            outline = np.minimum(outline, cell * share)
        if kind == "bean":
            for _ in range(rng.integers(1, 3)):
                outline = outline * (1 - rng.uniform(0.2, 0.7) * _bump(rng.uniform(0, TURN), rng.uniform(0.2, 0.7)))
        if rng.random() < 0.2:
            outline = np.maximum(outline * (1 + rng.normal(0, 0.08, len(outline))), 1)
        drift = radius * (1.03 - share) * rng.uniform(0, 1)
        canvas = _paint(centre + drift * np.array([np.cos(turn), np.sin(turn)]), _smooth(outline, 1.0))
    else:
        arc = rng.uniform(1.2, 5.0)
        ring = radius * rng.uniform(0.3, 0.6)
        middle = centre + radius * rng.uniform(0, 0.25) * np.array([np.cos(turn), np.sin(turn)])
        path = middle + ring * np.stack(
            [np.cos(turn + np.linspace(0, arc, 40)), np.sin(turn + np.linspace(0, arc, 40))], 1
        )
        path = path + np.cumsum(rng.normal(0, radius * 0.015, path.shape), 0)
        thick = radius * rng.uniform(0.2, 0.42)
        if kind == "band":
            for step, point in enumerate(path):
                swell = 1 + rng.uniform(0, 0.35) * np.cos(TURN * rng.uniform(0.5, 2) * step / 40)
                _dot(canvas, point, thick * swell)
        else:
            lobes = rng.integers(2, 6)
            for at in np.linspace(0, 39, lobes).astype(int):
                lobe = _wavy(rng, radius * rng.uniform(0.2, 0.45), 0.12)
                canvas = np.maximum(
                    canvas,
                    _paint(
                        path[at] + rng.normal(0, 0.05 * radius, 2), lobe, rng.uniform(0, TURN), rng.uniform(1, 1.25)
                    ),
                )
            if rng.random() < 0.7:
                thread = max(1, round(radius * rng.uniform(0.02, 0.16)))
                cv2.polylines(canvas, [np.round(path).astype(np.int32)], False, 1.0, thread, cv2.LINE_AA)
    room = inside
    if rng.random() < 0.6:
        rim = max(1, round(radius * rng.uniform(0.01, 0.08)))
        room = cv2.erode(inside, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8))
    canvas = np.minimum(canvas, room)
    if canvas.sum() < 0.04 * inside.sum():
        return _paint(centre, np.full_like(ANGLES, 0.5 * radius)) * inside
    return canvas


def _dot(canvas, point, radius, value=1.0):
    cv2.circle(
        canvas,
        tuple(np.round(np.asarray(point) * 16).astype(int).tolist()),
        max(1, round(radius * 16)),
        value,
        -1,
        cv2.LINE_AA,
        4,
    )


# -- what fills the outlines --------------------------------------------------------------------------------


def _fill_leukocyte(rng, noise, layers, inside, nucleus, centre, radius):
    texture = rng.uniform(0.03, 0.4)
    chromatin = 1 + texture * noise.cut(rng, 2, 8) + 0.4 * texture * noise.cut(rng, 1, 2)
    if rng.random() < 0.3:  # a darker or paler rim
        depth = cv2.distanceTransform((nucleus > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        chromatin *= 1 + rng.uniform(-0.35, 0.5) * np.exp(-depth / rng.uniform(2, 6))
    layers[CHROMATIN] += nucleus * np.clip(chromatin, 0.3, 2)
    y, x = np.mgrid[:FINE, :FINE].astype(np.float32)
    out = np.hypot(x - centre[0], y - centre[1]) / radius
    density = 1 + rng.uniform(-0.5, 0.6) * (out - 0.6) + rng.uniform(0.02, 0.35) * noise.cut(rng, 1, 20)
    depth = cv2.distanceTransform((inside > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    if rng.random() < 0.35:  # membrane
        density *= 1 + rng.uniform(-0.5, 1.5) * np.exp(-depth / rng.uniform(1.5, 5))
    if rng.random() < 0.2:  # pale court beside the nucleus
        spread = cv2.GaussianBlur(nucleus, (0, 0), radius * rng.uniform(0.05, 0.2))
        density *= 1 - rng.uniform(0.2, 0.8) * np.clip(spread * 2, 0, 1)
    under = rng.uniform(0, 1)
    layers[CYTOPLASM] += inside * np.clip(density, 0.1, 3) * (1 - nucleus * (1 - under))
    if rng.random() < 0.5:
        _granules(rng, layers, inside, nucleus, radius)
    if rng.random() < 0.25:  # an eosinophil packed with granules too dense to tell apart
        grain = np.clip(1 + rng.uniform(0.05, 0.7) * noise.cut(rng, 1, 4), 0, 2.5)
        where = np.clip(1 + rng.uniform(0, 1) * noise.cut(rng, 8, 20), 0, 1.2)
        layers[EOSIN] += inside * (1 - rng.uniform(0.7, 1) * nucleus) * grain * where * rng.uniform(0.3, 1.1)
    if rng.random() < 0.22:
        holes = np.zeros_like(inside)
        for _ in range(rng.integers(1, 14)):
            place = centre + radius * rng.uniform(0, 1) * _unit(rng)
            _dot(holes, place, radius * rng.uniform(0.02, 0.13))
        holes = cv2.GaussianBlur(holes, (3, 3), 0)
        for layer in (CHROMATIN, CYTOPLASM, DARK, EOSIN):
            layers[layer] *= 1 - rng.uniform(0.3, 1) * holes


def _granules(rng, layers, inside, nucleus, radius):
    size = rng.choice([0.012, 0.025, 0.05, 0.09]) * rng.uniform(0.7, 1.3)
    count = int(np.clip(rng.uniform(0.1, 0.9) / size**2 * 0.6, 10, 260))
    canvas = np.zeros_like(inside)
    middle = np.argwhere(inside > 0.5)
    for y, x in middle[rng.integers(0, len(middle), count)]:
        _dot(canvas, (x, y), radius * size * rng.uniform(0.6, 1.3), rng.uniform(0.5, 1.2))
    canvas = cv2.GaussianBlur(canvas, (3, 3), 0) * inside
    over_nucleus = rng.random() < 0.35
    layers[rng.choice([DARK, EOSIN])] += canvas * (1 if over_nucleus else 1 - nucleus) * rng.uniform(0.3, 1.5)


def _fill_platelet(rng, noise, layers, inside):
    depth = cv2.distanceTransform((inside > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    depth /= max(depth.max(), 1)
    layers[CYTOPLASM] += inside * rng.uniform(0.3, 1.2)
    grain = np.clip(1 + 0.5 * noise.cut(rng, 1, 4), 0, 2) * np.clip(depth * 2 - rng.uniform(0, 0.6), 0, 1)
    layers[DARK] += inside * grain * rng.uniform(0.4, 1.2)


def _red_cells(rng, noise, layer, inside, centre, cell, red_radius):
    crowd = rng.choice([0, 4, 9, 16, 26], p=[0.07, 0.13, 0.3, 0.32, 0.18])
    pallor, sharp = rng.uniform(0, 0.95), rng.uniform(1.5, 6)
    ghosts = rng.random() < 0.15  # only the rims take up stain
    cut_by_cell = rng.random() < 0.6
    keep_off = cv2.dilate(inside, np.ones((3, 3), np.uint8)) if rng.random() < 0.5 else inside
    crenated = rng.random() < 0.1
    overlap = rng.random() < 0.3
    spread = rng.choice([0.02, 0.06, 0.14])
    y, x = np.mgrid[:FINE, :FINE].astype(np.float32)
    touching = rng.integers(0, 10)
    snug = rng.uniform(0.75, 1.05)  # how far off the leukocyte, in radii, those in contact lie
    done = []
    for number in range(crowd):
        size = red_radius * rng.uniform(0.8, 1.15)
        if number < touching:  # in contact with the leukocyte
            angle = rng.uniform(0, TURN)
            reach = np.interp(angle, ANGLES, cell, period=TURN) + size * snug * rng.uniform(0.93, 1.07)
            place = centre + reach * np.array([np.cos(angle), np.sin(angle)])
        else:
            place = rng.uniform(-0.1, 1.1, 2) * FINE
            angle = np.arctan2(place[1] - centre[1], place[0] - centre[0])
            if np.hypot(*(place - centre)) < np.interp(angle, ANGLES, cell, period=TURN) + 0.9 * size:
                continue
        if not overlap and any(np.hypot(*(place - other)) < (size + reach) * 0.95 for other, reach in done):
            continue
        done.append((place, size))
        outline = _wavy(rng, size, spread)
        if crenated:
            outline = outline * (1 + 0.12 * np.cos(rng.integers(8, 15) * ANGLES))
        disc = _paint(place, outline, rng.uniform(0, TURN), rng.uniform(1, 1.2))
        out = np.hypot(x - place[0], y - place[1]) / size
        if ghosts:
            density = np.exp(-(((out - 0.92) / 0.1) ** 2)) * rng.uniform(0.5, 1) + 0.05
        else:
            density = (1 - pallor * np.exp(-((out * 1.6) ** sharp))) * rng.uniform(0.85, 1.15)
        if cut_by_cell:
            disc = disc * (1 - keep_off)
        layer += disc * density.astype(np.float32)
    layer *= 1 + 0.04 * noise.cut(rng, 1, 8)


def _neighbour_leukocyte(rng, noise, layers, inside, centre, radius):
    for _ in range(rng.integers(1, 3)):
        size = radius * rng.uniform(0.6, 1.3)
        place = centre + (radius + size) * rng.uniform(0.98, 1.8) * _unit(rng)
        outline = _cell_outline(rng, size)
        body = _paint(place, outline) * (1 - inside)
        kernel = _nucleus(rng, place, outline, size, body) if body.sum() > 200 else body
        layers[HAEMOGLOBIN] *= 1 - body
        layers[CHROMATIN] += kernel * np.clip(1 + 0.2 * noise.cut(rng, 2, 8), 0.3, 2)
        layers[CYTOPLASM] += body * np.clip(1 + 0.2 * noise.cut(rng, 1, 8), 0.2, 2)


def _specks(rng, noise, layers, inside, radius):
    """Platelets and precipitate around the cell."""
    for _ in range(rng.poisson(2.5)):
        size = FINE * rng.uniform(0.006, 0.035)
        body = _paint(rng.uniform(0, 1, 2) * FINE, _wavy(rng, size, 0.2)) * (1 - inside)
        layers[rng.choice([CHROMATIN, DARK, CYTOPLASM])] += (
            body * rng.uniform(0.3, 1) * np.clip(1 + 0.3 * noise.cut(rng, 1, 2), 0.2, 2)
        )
    if rng.random() < 0.15:
        layers[DEBRIS] += (
            np.clip(noise.cut(rng, 8, 20) - rng.uniform(0.5, 2), 0, 1) * rng.uniform(0.1, 0.6) * (1 - inside)
        )


def _unit(rng):
    angle = rng.uniform(0, TURN)
    return np.array([np.cos(angle), np.sin(angle)])


# -- stain, light, lens and camera --------------------------------------------------------------------------


def colourise(layers, labels, rng, side):
    """A scene in a random stain under a random camera, turned, mirrored and scaled at random.

    Parameters
    ----------
    layers, labels : uint8 arrays as `draw_scene` returns them
    rng : numpy.random.Generator
    side : int
        Pixels of the picture.

    Returns
    -------
    rgb : uint8 array, shape (side, side, 3)
    truth : float32 array, shape (2, side, side)
        Coverage of cell and nucleus, 0 to 1.
    """
    scale = side / SIDE * rng.uniform(0.8, 1.3)
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), rng.uniform(0, 360), scale)
    turn[:, 2] += (side - SIDE) / 2 + rng.normal(0, 0.02 * side, 2)
    mirror = rng.random() < 0.5

    def warp(stack, border):
        stack = np.ascontiguousarray(stack.transpose(1, 2, 0))
        warped = cv2.warpAffine(stack, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)
        return (warped[:, ::-1] if mirror else warped).astype(np.float32)

    # beyond its border a scene goes on as its own mirror image, so a second cell may show: a neighbour
    density = np.concatenate([warp(layers[:3], cv2.BORDER_REFLECT), warp(layers[3:], cv2.BORDER_REFLECT)], 2)
    truth = warp(labels, cv2.BORDER_CONSTANT).transpose(2, 0, 1) / 255
    density = density @ (_stain(rng) / 100)
    density = density @ (np.eye(3) + rng.normal(0, 0.06, (3, 3)))
    light = np.exp(-np.clip(density, -0.1, 4))
    y, x = np.mgrid[:side, :side] / side - 0.5
    slope = rng.normal(0, 0.12, 2)
    light *= (_glass(rng) * (1 + slope[0] * x + slope[1] * y)[..., None]).astype(np.float32)
    return _camera(light, rng), truth


def _ratios(rng, red, blue):
    return np.array([rng.uniform(*red), 1.0, rng.uniform(*blue)])


def _log_uniform(rng, low, high):
    return np.exp(rng.uniform(np.log(low), np.log(high)))


def _stain(rng):
    """Optical density in R, G, B of each layer at full stain: rows as `LAYERS`."""
    chromatin = _log_uniform(rng, 0.6, 2.3) * _ratios(rng, (0.35, 1.1), (0.25, 0.9))
    strength = chromatin.mean()
    azure = chromatin[0] / chromatin[1]  # red light stopped per green light: nothing stops more than chromatin
    kind = rng.random()
    if kind < 0.45:  # basophilic: azure, methylene blue
        cytoplasm = _ratios(rng, (0.6, 1.5), (0.05, 0.6))
    elif kind < 0.8:  # pink: eosin
        cytoplasm = _ratios(rng, (0.15, 0.7), (0.3, 1.0)) * [azure, 1, 1]
    else:
        cytoplasm = chromatin / chromatin[1] * rng.normal(1, 0.1, 3)
    cytoplasm *= strength * _log_uniform(rng, 0.05, 0.8) / cytoplasm.mean()
    dark = chromatin * rng.uniform(0.4, 1.2) * rng.normal(1, 0.1, 3)
    eosin = _ratios(rng, (0.2, 0.85), (0.4, 1.3)) * [azure, 1, 1]
    eosin *= strength * rng.uniform(0.2, 1.2) / eosin.mean()
    red = _ratios(rng, (0.25, 0.95), (0.3, 1.2)) * [azure, 1, 1]
    red *= strength * _log_uniform(rng, 0.1, 0.85) / red.mean()
    debris = rng.uniform(0.1, 1, 3) * strength
    return np.stack([chromatin, cytoplasm, dark, eosin, red, debris])


def _glass(rng):
    """Colour of the empty glass: white, cream, yellow, grey or bluish; now and then overexposed."""
    colour = rng.uniform(0.6, 1.0) * np.ones(3)
    kind = rng.random()
    if kind < 0.35:
        colour *= [1, rng.uniform(0.85, 1), rng.uniform(0.65, 1)]
    elif kind < 0.5:
        colour *= [1, rng.uniform(0.9, 1.02), rng.uniform(0.3, 0.7)]
    elif kind < 0.65:
        colour *= [rng.uniform(0.8, 1), rng.uniform(0.8, 1), 1]
    return colour * (rng.uniform(1, 1.15) if rng.random() < 0.2 else 1)


def _camera(light, rng):
    image = np.clip(light, 0, 1).astype(np.float32) ** (rng.uniform(0.75, 1.3) * rng.normal(1, 0.06, 3)).astype(
        np.float32
    )
    if rng.random() < 0.4:  # the camera's own saturation and contrast
        grey = image.mean(2, keepdims=True)
        image = np.clip(grey + (image - grey) * rng.uniform(0.6, 1.8), 0, 1)
    if rng.random() < 0.3:
        image = np.clip(0.5 + (image - 0.5) * rng.uniform(0.8, 1.4), 0, 1)
    if rng.random() < 0.6:
        image = cv2.GaussianBlur(image, (0, 0), _log_uniform(rng, 0.25, 1.3))
    if rng.random() < 0.3:
        image = image + rng.uniform(0.3, 1.5) * (image - cv2.GaussianBlur(image, (0, 0), 1.0))
    if rng.random() < 0.25:  # colour fringes
        for channel in (0, 2):
            shift = np.float32([[1, 0, rng.normal(0, 0.4)], [0, 1, rng.normal(0, 0.4)]])
            image[..., channel] = cv2.warpAffine(
                image[..., channel], shift, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
            )
    image = image * 255 + rng.normal(0, rng.uniform(0, 6), image.shape).astype(np.float32)
    image = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        coded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))])[1]
        image = np.ascontiguousarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1])
    return image

"""Outlines of cells and nuclei: radius as a function of the angle, and how it is painted."""

import cv2
import numpy as np

SIDE = 128  # px of a scene
FINE = 2 * SIDE  # px it is drawn at, for smooth edges
TURN = 2 * np.pi
ANGLES = np.linspace(0, TURN, 96, endpoint=False)


def wavy(rng, radius, amount, last=7):
    """A circle whose radius swings by `amount` in waves of 2 to `last - 1` to the turn, each weaker than the last."""
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


def cell_outline(rng, radius):
    """The border of a cell: round, pressed flat by neighbours, or drawn out into pseudopods."""
    kind = rng.random()
    outline = wavy(rng, radius, rng.choice([0.03, 0.08, 0.16, 0.3], p=[0.4, 0.3, 0.2, 0.1]))
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


def paint(centre, outline, angle=0.0, stretch=1.0):
    """An outline, filled with ones on a canvas of the fine side."""
    canvas = np.zeros((FINE, FINE), np.float32)
    cv2.fillPoly(canvas, [np.round(_points(centre, outline, angle, stretch) * 16).astype(np.int32)], 1.0, shift=4)
    return canvas


def draw_nucleus(rng, centre, cell, radius, inside):
    """Coverage of a nucleus that lies `inside` a cell: round, a bean, a band or lobes on a thread."""
    kind = rng.choice(["round", "bean", "band", "lobes"], p=[0.38, 0.2, 0.14, 0.28])
    canvas = np.zeros_like(inside)
    turn = rng.uniform(0, TURN)
    if kind in ("round", "bean"):
        share = rng.uniform(0.45, 1.0)
        outline = wavy(rng, radius * share, rng.choice([0.03, 0.08, 0.2]))
        if rng.random() < 0.3:
            outline = np.minimum(outline, cell * share)
        if kind == "bean":
            for _ in range(rng.integers(1, 3)):
                outline = outline * (1 - rng.uniform(0.2, 0.7) * _bump(rng.uniform(0, TURN), rng.uniform(0.2, 0.7)))
        if rng.random() < 0.2:
            outline = np.maximum(outline * (1 + rng.normal(0, 0.08, len(outline))), 1)
        drift = radius * (1.03 - share) * rng.uniform(0, 1)
        canvas = paint(centre + drift * np.array([np.cos(turn), np.sin(turn)]), _smooth(outline, 1.0))
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
                draw_dot(canvas, point, thick * swell)
        else:
            lobes = rng.integers(2, 6)
            for at in np.linspace(0, 39, lobes).astype(int):
                lobe = wavy(rng, radius * rng.uniform(0.2, 0.45), 0.12)
                canvas = np.maximum(
                    canvas,
                    paint(path[at] + rng.normal(0, 0.05 * radius, 2), lobe, rng.uniform(0, TURN), rng.uniform(1, 1.25)),
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
        return paint(centre, np.full_like(ANGLES, 0.5 * radius)) * inside
    return canvas


def draw_dot(canvas, point, radius, value=1.0):
    """Paint a disc onto a canvas, to a sixteenth of a pixel."""
    cv2.circle(
        canvas,
        tuple(np.round(np.asarray(point) * 16).astype(int).tolist()),
        max(1, round(radius * 16)),
        value,
        -1,
        cv2.LINE_AA,
        4,
    )


def unit_vector(rng):
    """A direction at random."""
    angle = rng.uniform(0, TURN)
    return np.array([np.cos(angle), np.sin(angle)])

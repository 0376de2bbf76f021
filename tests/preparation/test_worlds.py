"""Simulated laboratories: the same whenever they are drawn, true to scale and dyes, and apart where they must be."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from leukobench.errors import UsageError
from leukobench.imaging.stain import background_colour
from leukobench.preparation import worlds
from leukobench.preparation.conditions import WORLDS, check_condition, show_under, versions
from leukobench.preparation.views import View, apply_view
from leukobench.preparation.worlds import CHOOSING, TRAINING, draw, draw_world, said, show

GLASS, DISC = (236, 226, 214), (120, 60, 140)
PIXEL = 0.1  # um
NAMES = tuple(vars(draw_world(CHOOSING, 0)))


@pytest.fixture(scope="module")
def cell():
    """A disc of 10 um in the middle of 36 um of glass."""
    image = np.full((360, 360, 3), GLASS, np.uint8)
    return cv2.circle(image, (180, 180), 50, DISC, -1)


def plain(**changes):
    """A laboratory that changes nothing but the crop."""
    nothing = dict.fromkeys(NAMES, 0.0)
    crop = {"um_per_px": PIXEL, "field": 30.0, "cell": 1.0, "stored": 1.0, "known": 1.0}
    light = {"stain": np.eye(3), "film": np.zeros(3), "colours": np.eye(3), "gamma": 1.0, "glass": 1.0}
    return SimpleNamespace(**nothing | crop | light | {"resampled_by": cv2.INTER_LINEAR} | changes)


@pytest.fixture
def upright(monkeypatch):
    """Pictures of a world that do not differ."""
    own = draw(worlds.TABLE["picture"], np.random.default_rng(0))
    still = {"thickness": 1.0, "light": 1.0}
    monkeypatch.setattr(worlds, "draw", lambda table, rng: SimpleNamespace(**dict.fromkeys(vars(own), 0.0) | still))


def diameter(picture):
    """Of what is darker than its glass, in px."""
    dark = background_colour(picture)[1] - picture[..., 1].astype(float)
    return 2 * np.sqrt((dark > dark.max() / 2).sum() / np.pi)


def test_a_world_is_settled_by_its_number_and_those_of_training_are_others(cell):
    first, again = (show(cell, PIXEL, draw_world(CHOOSING, 3), np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    assert first[1] == again[1]
    chosen = {draw_world(CHOOSING, k).strength for k in range(worlds.NUMBER)}
    assert len(chosen) == worlds.NUMBER
    assert not chosen & {draw_world(TRAINING, k).strength for k in range(200)}


@pytest.mark.parametrize("number", range(12))
def test_every_world_gives_bytes_of_bounded_sides_and_a_scale_that_the_cell_agrees_with(cell, number, monkeypatch):
    world = draw_world(CHOOSING, number)
    picture, um_per_px = show(cell, PIXEL, world, np.random.default_rng(number))
    assert picture.dtype == np.uint8
    assert 24 <= min(picture.shape[:2]) <= max(picture.shape[:2]) <= worlds.LONGEST
    clear = dict.fromkeys(("ragged", "noise", "precipitate", "flattened"), 0.0)
    whole = SimpleNamespace(**vars(world) | clear | {"field": 30.0})
    picture, um_per_px = show(cell, PIXEL, whole, np.random.default_rng(number))
    assert diameter(picture) * um_per_px == pytest.approx(10 * world.cell, rel=0.1)


def test_a_laboratory_that_changes_nothing_gives_the_picture(cell, upright):
    picture, um_per_px = show(cell, PIXEL, plain(), np.random.default_rng(0))
    assert um_per_px == PIXEL
    own = background_colour(cell) / 255
    restored = picture * own  # its lamp is white, as nobody said otherwise
    assert np.abs(restored - cell[30:330, 30:330]).mean() < 2.5


def test_cells_of_another_smear_are_larger_and_the_scale_does_not_know(cell, upright):
    usual, large = (show(cell, PIXEL, plain(cell=size), np.random.default_rng(0)) for size in (1.0, 1.3))
    assert usual[1] == large[1]
    assert diameter(large[0]) == pytest.approx(1.3 * diameter(usual[0]), rel=0.03)


def test_cytoplasm_lies_wider_around_its_nucleus_and_nothing_else_moves(cell, upright, monkeypatch):
    image = cv2.circle(cell.copy(), (300, 180), 12, DISC, -1)  # a platelet at 12 um
    own = vars(worlds.draw({}, None)) | {"flattened": 1.0}
    monkeypatch.setattr(worlds, "draw", lambda table, rng: SimpleNamespace(**own))
    flat = show(image, PIXEL, plain(flattened=0.4), np.random.default_rng(0))[0]
    usual = show(image, PIXEL, plain(), np.random.default_rng(0))[0]
    assert diameter(flat[:, :230]) == pytest.approx(diameter(usual[:, :230]) / 1.25, rel=0.06)
    np.testing.assert_array_equal(flat[:, 235:], usual[:, 235:])


def test_a_buffer_takes_no_dye_away():
    for share in (-0.3, 0.0, 0.4):
        np.testing.assert_allclose(worlds._given(share, 1, 2).sum(axis=1), 1)
    assert worlds._given(0.4, 1, 2)[1].tolist() == [0, 0.6, 0.4]


def test_each_dye_absorbs_the_light_that_it_is_known_for():
    blue, purple, red = worlds._dyes(0.0, 0.0, 0.0)
    assert (blue.argmax(), purple.argmax(), red.argmax()) == (0, 1, 2)
    assert worlds._dyes(1.0, 0.0, 0.0)[0][0] > blue[0]  # methylene blue lies further in the red than azure B
    unchanged = np.linalg.inv(worlds._dyes(0.2, 0.3, 0.0)) @ worlds._dyes(0.2, 0.3, 0.0)
    np.testing.assert_allclose(unchanged, np.eye(3), atol=1e-9)


def test_glass_has_the_colour_of_the_lamp(cell, upright):
    picture, _ = show(cell, PIXEL, plain(warmth=0.5, glass=0.9), np.random.default_rng(0))
    red, _, blue = background_colour(picture)
    assert (red, blue) == (pytest.approx(0.9 * 255, abs=2), pytest.approx(0.9 * 255 / np.exp(0.5), abs=2))


def test_precipitate_is_dark_and_no_more_than_its_density(cell, upright):
    clean, dirty = (
        show(cell, PIXEL, plain(precipitate=number, dye=np.ones(3, np.float32)), np.random.default_rng(0))[0]
        for number in (0.0, 40.0)
    )
    darker = clean[..., 1].astype(int) - dirty[..., 1]
    assert darker.min() >= 0
    assert 0.001 < (darker > 20).mean() < 0.2


def test_what_a_world_says_of_its_scale(cell):
    assert np.isnan(said(0.1, plain(known=0.0)))
    assert said(0.1, plain(error=np.log(1.05))) == pytest.approx(0.105)
    numbers = range(worlds.NUMBER)
    told = [show_under(cell, PIXEL, WORLDS[k])[1] for k in numbers]
    assert [not np.isnan(um) for um in told] == [bool(draw_world(CHOOSING, k).known) for k in numbers]
    assert np.isnan(show_under(cell, np.nan, WORLDS[np.flatnonzero(np.isfinite(told))[0]])[1])


def test_conditions_are_corruptions_and_worlds(cell):
    shown, um_per_px = show_under(cell, PIXEL, "jpeg-3")
    assert (shown.shape, um_per_px) == (cell.shape, PIXEL)
    assert set(versions(["jpeg-3", "world-3"])) == {"corruptions", "worlds"}
    assert set(versions(["world-3"])) == {"worlds"}
    for name in (f"world-{worlds.NUMBER}", "world-x", "fog-1"):
        with pytest.raises(UsageError):
            check_condition(name)


def test_a_view_draws_a_world_for_each_copy(cell):
    view = View(0.2, "white_balance", 3, worlds=True)
    pictures, masks, scales = apply_view([cell], view, PIXEL)
    alone = apply_view([cell], View(0.2, "white_balance"), PIXEL)
    np.testing.assert_array_equal(pictures[0], alone[0][0])
    assert len(pictures) == len(masks) == len(scales) == 4
    assert len({picture.shape for picture in pictures[1:]}) == 3
    again = apply_view([cell], view, PIXEL)[0]
    for first, second in zip(pictures, again, strict=True):
        np.testing.assert_array_equal(first, second)

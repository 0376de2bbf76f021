"""Reading ahead keeps the order, gives reasons in their place and holds no more than it should."""

from threading import Event

import cv2
import numpy as np
import pytest

from leukobench.imaging import ahead
from leukobench.imaging.io import ImageError


@pytest.mark.parametrize("many", [1, 100], ids=["processes", "threads"])
def test_pictures_come_in_order_and_what_is_wrong_in_its_place(tmp_path, monkeypatch, many):
    monkeypatch.setattr(ahead, "GROUP", 2)
    files = [tmp_path / f"{number}.png" for number in range(9)]
    for number, file in enumerate(files):
        cv2.imwrite(str(file), np.full((2, 2, 3), number, np.uint8))
    files[4].write_bytes(b"")
    found = list(ahead.read_ahead(files, 2, many))
    assert isinstance(found.pop(4), ImageError)
    assert [int(picture[0, 0, 0]) for picture in found] == [0, 1, 2, 3, 5, 6, 7, 8]


def test_files_of_errors_alone_have_no_pixels(tmp_path):
    assert all(isinstance(each, ImageError) for each in ahead.read_ahead([tmp_path / "none"] * 3, 2, many=1))


def test_what_processes_shared_has_no_name_any_more(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((2, 2, 3), 7, np.uint8))
    file, found = ahead._share(tmp_path, [tmp_path / "a.png", tmp_path / "none"])
    picture, error = ahead._shared(file, found)
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]
    assert isinstance(error, ImageError)
    assert (picture == 7).all()


def test_pictures_outlive_their_folder_and_nothing_is_left_of_what_nobody_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(ahead, "SHARED", str(tmp_path / "shared"))
    (tmp_path / "shared").mkdir()
    cv2.imwrite(str(tmp_path / "a.png"), np.full((2, 2, 3), 7, np.uint8))
    pictures = ahead.read_ahead([tmp_path / "a.png"] * 100, 2, many=1)
    first = next(pictures)
    pictures.close()
    assert (first == 7).all()
    assert list((tmp_path / "shared").iterdir()) == []


def test_no_more_files_are_read_than_asked_for_and_so_many_ahead(monkeypatch):
    taken = []
    monkeypatch.setattr(ahead, "read_image", lambda path: taken.append(path) or path)
    pictures = ahead.read_ahead(range(1000), 1)
    assert [next(pictures) for _ in range(3)] == [0, 1, 2]
    pictures.close()
    assert len(taken) <= ahead.AHEAD + 3


def test_the_next_item_is_made_while_the_last_one_is_worked_on():
    made = Event()

    def items():
        yield 1
        made.set()
        yield 2

    given = ahead.one_ahead(items())
    assert next(given) == 1
    assert made.wait(10)
    assert list(given) == [2]


def test_what_goes_wrong_ahead_is_raised():
    def items():
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(ahead.one_ahead(items()))
